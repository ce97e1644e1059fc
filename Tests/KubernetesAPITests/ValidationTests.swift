import JSONDocument
import KubernetesAPI
import Testing

@Suite struct ValidationTests {
  static let template = #"""
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}
    """#

  /// Kind, object without metadata, and the fields that must be refused.
  static let creations: [(String, String, [String])] = [
    ("ConfigMap", #"{"data":{"a":"b"}}"#, []),
    ("ConfigMap", #"{"data":{"a b":"c"}}"#, ["FieldValueInvalid data[a b]"]),
    (
      "Secret", #"{"type":"kubernetes.io/tls","data":{}}"#,
      ["FieldValueRequired data[tls.crt]", "FieldValueRequired data[tls.key]"]
    ),
    ("Deployment", #"{"spec":{"selector":{"matchLabels":{"a":"b"}},\#(template)}}"#, []),
    (
      "Deployment", #"{"spec":{\#(template)}}"#,
      ["FieldValueInvalid spec.template.metadata.labels", "FieldValueRequired spec.selector"]
    ),
    (
      "Deployment", #"{"spec":{"replicas":-1,"selector":{"matchLabels":{"a":"c"}},\#(template)}}"#,
      ["FieldValueInvalid spec.replicas", "FieldValueInvalid spec.template.metadata.labels"]
    ),
    (
      "Deployment",
      #"{"spec":{"selector":{"matchLabels":{"a":"b"}},"strategy":{"rollingUpdate":{"maxUnavailable":"101%"}},\#(template)}}"#,
      ["FieldValueInvalid spec.strategy.rollingUpdate.maxUnavailable"]
    ),
    ("Pod", #"{"spec":{"containers":[]}}"#, ["FieldValueRequired spec.containers"]),
    (
      "Pod", #"{"spec":{"containers":[{"name":"c"},{"name":"c","image":"x"}]}}"#,
      [
        "FieldValueDuplicate spec.containers[1].name",
        "FieldValueRequired spec.containers[0].image",
      ]
    ),
    (
      "Pod",
      #"{"spec":{"restartPolicy":"X","containers":[{"name":"c","image":"x","ports":[{"containerPort":70000}],"volumeMounts":[{"name":"v","mountPath":"/v"}]}]}}"#,
      [
        "FieldValueInvalid spec.containers[0].ports[0].containerPort",
        "FieldValueNotFound spec.containers[0].volumeMounts[0].name",
        "FieldValueNotSupported spec.restartPolicy",
      ]
    ),
    (
      "Pod",
      #"{"spec":{"containers":[{"name":"c","image":"x","resources":{"limits":{"cpu":"1"},"requests":{"cpu":"2"}}}]}}"#,
      ["FieldValueInvalid spec.containers[0].resources.requests"]
    ),
    ("Service", #"{"spec":{}}"#, ["FieldValueRequired spec.ports"]),
    (
      "Service", #"{"spec":{"ports":[{"port":0},{"port":99999,"name":"b"}]}}"#,
      [
        "FieldValueInvalid spec.ports[0].port", "FieldValueInvalid spec.ports[0].targetPort",
        "FieldValueInvalid spec.ports[1].port", "FieldValueInvalid spec.ports[1].targetPort",
        "FieldValueRequired spec.ports[0].name",
      ]
    ),
    (
      "Lease", #"{"spec":{"leaseDurationSeconds":0}}"#,
      ["FieldValueInvalid spec.leaseDurationSeconds"]
    ),
    (
      "RoleBinding", #"{"roleRef":{"kind":"X","name":""}}"#,
      ["FieldValueNotSupported roleRef.kind", "FieldValueRequired roleRef.name"]
    ),
    (
      "EndpointSlice", #"{"addressType":"IPv4","endpoints":[{"addresses":["127.0.0.1"]}]}"#,
      ["FieldValueInvalid endpoints[0].addresses[0]"]
    ),
    (
      "StatefulSet",
      #"{"spec":{"serviceName":"A_b","selector":{"matchLabels":{"a":"b"}},\#(template)}}"#,
      ["FieldValueInvalid spec.serviceName"]
    ),
  ]

  @Test(arguments: creations) func create(kind: String, text: String, causes: [String]) throws {
    var object = try kept(text, kind)
    object.set("x", at: "metadata", "name")
    if try info(kind).namespaced { object.set("n", at: "metadata", "namespace") }
    let errors = Validation.create(object, resource: try info(kind))
    #expect(errors.map { "\($0.type.rawValue) \($0.field)" }.sorted() == causes)
  }

  @Test(arguments: [
    (#"{"name":""}"#, ["metadata.name"]), (#"{"name":"A_"}"#, ["metadata.name"]),
    (#"{"name":"a.b"}"#, []), (#"{"name":"a","labels":{"a b":"c"}}"#, ["metadata.labels"]),
    (#"{"name":"a","labels":{"a":"-"}}"#, ["metadata.labels"]),
    (#"{"name":"a","annotations":{"UPPER/x":"y"}}"#, []),
    (#"{"name":"a","finalizers":["x"]}"#, ["metadata.finalizers[0]"]),
    (
      #"{"name":"a","ownerReferences":[{}]}"#,
      [
        "metadata.ownerReferences.apiVersion", "metadata.ownerReferences.kind",
        "metadata.ownerReferences.name", "metadata.ownerReferences.uid",
      ]
    ),
  ])
  func metadata(text: String, fields: [String]) throws {
    var object: JSONValue = ["metadata": try JSONValue(parsing: text)]
    object.set("n", at: "metadata", "namespace")
    let errors = Validation.create(object, resource: try info("ConfigMap"))
    #expect(errors.map(\.field).sorted() == fields)
  }

  /// Kind, before, after, and what must be refused.
  static let changes: [(String, String, String, [String])] = [
    (
      "ConfigMap", #"{"immutable":true,"data":{"a":"b"}}"#, #"{"immutable":true,"data":{"a":"c"}}"#,
      ["data"]
    ),
    ("ConfigMap", #"{"data":{"a":"b"}}"#, #"{"data":{"a":"c"}}"#, []),
    ("Secret", #"{"type":"a"}"#, #"{"type":"b"}"#, ["type"]),
    (
      "Deployment", #"{"spec":{"selector":{"matchLabels":{"a":"b"}},\#(template)}}"#,
      #"{"spec":{"replicas":3,"selector":{"matchLabels":{"a":"b"}},\#(template)}}"#, []
    ),
    (
      "Service",
      #"{"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ports":[{"port":1}]}}"#,
      #"{"spec":{"clusterIP":"10.0.0.2","clusterIPs":["10.0.0.2"],"ports":[{"port":1}]}}"#,
      ["spec.clusterIPs[0]"]
    ),
    (
      "Pod", #"{"spec":{"containers":[{"name":"c","image":"x"}]}}"#,
      #"{"spec":{"containers":[{"name":"c","image":"y"}]}}"#, ["spec"]
    ),
    (
      "Pod", #"{"spec":{"containers":[{"name":"c","image":"x:1"}]}}"#,
      #"{"spec":{"containers":[{"name":"c","image":"y:1"}]}}"#, []
    ),
    (
      "StatefulSet",
      #"{"spec":{"serviceName":"a","selector":{"matchLabels":{"a":"b"}},\#(template)}}"#,
      #"{"spec":{"serviceName":"b","selector":{"matchLabels":{"a":"b"}},\#(template)}}"#, ["spec"]
    ),
  ]

  @Test(arguments: changes)
  func update(kind: String, before: String, after: String, fields: [String]) throws {
    var old = try kept(before, kind)
    var new = try kept(after, kind)
    for key in ["name", "namespace"] {
      old.set("x", at: "metadata", key)
      new.set("x", at: "metadata", key)
    }
    if kind == "Pod", fields == ["spec"] { new.set("n1", at: "spec", "nodeName") }
    let errors = Validation.update(new: new, old: old, resource: try info(kind))
    #expect(errors.map(\.field) == fields)
  }

  private static let crd =
    #"{"metadata":{"name":"as.x.k8s.io","annotations":{"api-approved.kubernetes.io":"#
    + #""https://example.com/1"}},"spec":{"group":"x.k8s.io","scope":"Namespaced","names":{"#
    + #""plural":"as","singular":"a","kind":"A","listKind":"AList"},"versions":[{"name":"v1","#
    + #""served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}],"#
    + #""conversion":{"strategy":"None"}},"status":{"storedVersions":["v1"]}}"#
  private static let token =
    #"{"metadata":{"name":"a","namespace":"b","annotations":{"kubernetes.io/service-account.name":"#
    + #""c"}},"type":"kubernetes.io/service-account-token"}"#
  private static let spread =
    #"{"metadata":{"name":"a","namespace":"b","labels":{"l":"x"}},"spec":{"containers":[{"name":"c","#
    + #""image":"i","terminationMessagePolicy":"File","imagePullPolicy":"Always"}],"restartPolicy":"#
    + #""Always","dnsPolicy":"ClusterFirst","topologySpreadConstraints":[{"maxSkew":1,"#
    + #""topologyKey":"z","whenUnsatisfiable":"DoNotSchedule","matchLabelKeys":["l"],"#
    + #""labelSelector":{"matchExpressions":[{"key":"l","operator":"In","values":["x"]}]}}]}}"#

  /// An object that shares all but its metadata with the one before is not looked at again, unless what
  /// is asked of it depends on them: it must come to the same.
  @Test(arguments: [
    ("CustomResourceDefinition", crd, ["annotations"], true),
    ("CustomResourceDefinition", crd, ["labels"], false), ("Secret", token, ["annotations"], true),
    ("Secret", token, ["labels"], false), ("Pod", spread, ["labels"], true),
    ("Pod", spread, ["annotations"], false),
  ])
  func sharedPartsAreAsValidAsCopies(
    kind: String, text: String, change: [String], isInvalid: Bool
  ) throws {
    let old = try JSONValue(parsing: text)
    var new = old
    new.set(["a": "b"], path: ["metadata"] + change[...])
    let resource = try info(kind)
    let copy = try JSONValue(parsing: new.text)
    let shared = Validation.update(new: new, old: old, resource: resource).map { "\($0)" }
    let copied = Validation.update(new: copy, old: old, resource: resource).map { "\($0)" }
    #expect(shared == copied)
    #expect(shared.isEmpty != isInvalid)
  }

  @Test func anAnswerNamesEveryCause() {
    let one = APIStatus.invalid(
      kind: "Deployment", group: "apps", name: "a", errors: [.required("spec.selector")])
    #expect(one.message == #"Deployment.apps "a" is invalid: spec.selector: Required value"#)
    #expect(one.causes.first?.reason == "FieldValueRequired")
    let two = APIStatus.invalid(
      kind: "Pod", group: "", name: "p",
      errors: [
        .notSupported("spec.x", "Z", ["A", "B"]), .invalid("spec.y", 5, "too much"),
        .invalid("spec.y", 5, "too much"),
      ])
    #expect(
      two.message
        == #"Pod "p" is invalid: [spec.x: Unsupported value: "Z": supported values: "A", "B", "#
        + "spec.y: Invalid value: 5: too much]")
    #expect(two.causes.count == 3)
    #expect(two.code == 422)
  }
}
