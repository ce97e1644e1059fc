import JSONDocument
import KubernetesAPI
import Testing

func info(_ kind: String) throws -> ResourceInfo {
  try #require(Catalogue.shared.resources.first { $0.kind == kind })
}

/// What the registry keeps of an object: decoded, with defaults.
func kept(_ text: String, _ kind: String) throws -> JSONValue {
  var object = try JSONValue(parsing: text)
  let resource = try info(kind)
  let findings = FieldValidation.prune(&object, resource: resource)
  try #require(findings.mismatch == nil)
  Defaulting.apply(to: &object, resource: resource)
  return object
}

@Suite struct DecodingTests {
  @Test func unknownFieldsAreNamedAndDropped() throws {
    var object = try JSONValue(
      parsing: #"""
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"a","bogus":1},
         "spec":{"ports":[{"port":80,"zap":1}],"zip":"x"},"extra":{"a":1}}
        """#)
    let services = try info("Service")
    let findings = FieldValidation.prune(&object, resource: services)
    #expect(
      findings.messages == [
        #"unknown field "metadata.bogus""#, #"unknown field "spec.ports[0].zap""#,
        #"unknown field "spec.zip""#, #"unknown field "extra""#,
      ])
    #expect(object["extra"] == nil)
    #expect(object.at("spec", "ports")?[0] == ["port": 80])
    #expect(
      FieldValidation.strictError(
        findings, problems: [FieldValidation.duplicateMessage("spec.a")], resource: services)?
        .message
        == "Service in version \"v1\" cannot be handled as a Service: strict decoding error: "
        + "duplicate field \"spec.a\", unknown field \"metadata.bogus\", "
        + "unknown field \"spec.ports[0].zap\", unknown field \"spec.zip\", unknown field \"extra\""
    )
  }

  @Test(arguments: [
    (
      #"{"data":{"a":1}}"#,
      "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    ),
    (
      #"{"data":[]}"#,
      "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"
    ),
    (
      #"{"metadata":{"name":1}}"#,
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"
    ),
    (
      #"{"metadata":[]}"#,
      "json: cannot unmarshal array into Go struct field ConfigMap.metadata of type v1.ObjectMeta"
    ),
    (#"{"binaryData":{"a":"!!"}}"#, "illegal base64 data at input byte 0"),
  ])
  func wrongTypes(text: String, message: String) throws {
    var object = try JSONValue(parsing: text)
    let findings = FieldValidation.prune(&object, resource: try info("ConfigMap"))
    #expect(findings.mismatch?.message == message)
  }

  @Test func valuesBecomeCanonical() throws {
    let pod = try kept(
      #"""
      {"spec":{"hostNetwork":false,"nodeName":"","containers":[{"name":"c","image":"x:1","env":[],
       "resources":{"limits":{"cpu":0.5,"memory":"1024Mi"}}}]}}
      """#, "Pod")
    let resources = pod.at("spec", "containers")?[0]?["resources"]
    #expect(resources?.at("limits") == ["cpu": "500m", "memory": "1Gi"])
    #expect(resources?.at("requests") == ["cpu": "500m", "memory": "1Gi"])
    #expect(pod.at("spec", "hostNetwork") == nil)
    #expect(pod.at("spec", "nodeName") == nil)
    #expect(pod.at("spec", "containers")?[0]?["env"] == nil)
  }

  @Test func deploymentDefaults() throws {
    let deployment = try kept(
      #"""
      {"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
       "spec":{"containers":[{"name":"c","image":"x"}]}}}}
      """#, "Deployment")
    let expected = try JSONValue(
      parsing: #"""
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{},
         "spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},
          "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},
          "revisionHistoryLimit":10,"progressDeadlineSeconds":600,
          "template":{"metadata":{"labels":{"a":"b"}},
           "spec":{"containers":[{"name":"c","image":"x","resources":{},"imagePullPolicy":"Always",
             "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],
            "restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst",
            "securityContext":{},"schedulerName":"default-scheduler"}}},"status":{}}
        """#)
    #expect(deployment == expected)
    var again = deployment
    Defaulting.apply(to: &again, resource: try info("Deployment"))
    #expect(again == deployment)
  }

  @Test(arguments: [
    (
      "Service", #"{"spec":{"ports":[{"port":80}]}}"#, "spec.ports",
      #"[{"port":80,"protocol":"TCP","targetPort":80}]"#
    ),
    ("Service", #"{"spec":{"type":"NodePort"}}"#, "spec.externalTrafficPolicy", #""Cluster""#),
    ("Secret", #"{"stringData":{"a":"b"}}"#, "data", #"{"a":"Yg=="}"#),
    ("Secret", "{}", "type", #""Opaque""#),
    ("ConfigMap", #"{"data":{"x":null}}"#, "data", #"{"x":""}"#),
    ("Role", "{}", "rules", "null"),
    (
      "RoleBinding", #"{"subjects":[{"kind":"User","name":"u"}]}"#, "subjects",
      #"[{"kind":"User","name":"u","apiGroup":"rbac.authorization.k8s.io"}]"#
    ),
    ("StatefulSet", "{}", "spec.podManagementPolicy", #""OrderedReady""#),
    (
      "DaemonSet", "{}", "spec.updateStrategy",
      #"{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}"#
    ),
    ("Job", "{}", "spec.backoffLimit", "6"),
    ("Lease", "{}", "spec", "{}"),
    ("EndpointSlice", #"{"addressType":"IPv4"}"#, "endpoints", "null"),
    ("PersistentVolumeClaim", "{}", "spec.volumeMode", #""Filesystem""#),
    (
      "Namespace", #"{"metadata":{"name":"x"}}"#, "metadata.labels",
      #"{"kubernetes.io/metadata.name":"x"}"#
    ),
  ])
  func defaults(kind: String, text: String, path: String, expected: String) throws {
    let object = try kept(text, kind)
    let value = object.at(path: path.split(separator: ".").map(String.init))
    #expect(try value == JSONValue(parsing: expected))
  }

  @Test func everyKindSurvivesDecodingAndDefaults() throws {
    for resource in Catalogue.shared.resources {
      var object: JSONValue = [
        "apiVersion": .string(resource.apiVersion), "kind": .string(resource.kind),
        "metadata": ["name": "x"],
      ]
      let findings = FieldValidation.prune(&object, resource: resource)
      #expect(findings.unknown.isEmpty && findings.mismatch == nil, "\(resource.gvr)")
      Defaulting.apply(to: &object, resource: resource)
      #expect(object.at("metadata", "name") == "x", "\(resource.gvr)")
    }
  }
}
