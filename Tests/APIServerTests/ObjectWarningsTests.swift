import JSONDocument
import KubernetesAPI
import Testing

@testable import APIServer

@Suite struct ObjectWarningsTests {
  static let pods: [(String, [String])] = [
    (#"{"containers":[{"name":"c"}]}"#, []),
    (
      #"{"nodeSelector":{"beta.kubernetes.io/os":"linux","a":"b"}}"#,
      [
        #"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#
      ]
    ),
    (
      #"{"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"preference":{"matchExpressions":[{"key":"beta.kubernetes.io/arch"}]}}]},"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"z"}]}}}"#,
      [
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference."
          + "matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "
          + #""kubernetes.io/arch" instead"#,
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: "
          + "a null labelSelector results in matching no pod",
      ]
    ),
    (
      #"{"topologySpreadConstraints":[{"topologyKey":"failure-domain.beta.kubernetes.io/zone","labelSelector":{}},{"topologyKey":"z"}]}"#,
      [
        "spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is "
          + #"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#,
        "spec.topologySpreadConstraints[1].labelSelector: a null labelSelector results in matching "
          + "no pod",
      ]
    ),
    (
      #"{"containers":[{"name":"c","env":[{"name":"A","value":"1"},{"name":"A","value":"2"},{"name":"A","value":"x$(A)"},{"name":"B"}]}]}"#,
      [
        #"spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply"#
      ]
    ),
    (
      #"{"containers":[{"name":"c","ports":[{"containerPort":80},{"containerPort":80}]},{"name":"d","ports":[{"containerPort":80,"hostPort":81},{"containerPort":80,"protocol":"UDP"}]}]}"#,
      [
        "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        "spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]",
        "spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[1]",
      ]
    ),
    (
      #"{"containers":[{"name":"c","resources":{"requests":{"memory":"100m","cpu":"100m"},"limits":{"memory":"1Gi"}}}]}"#,
      [
        #"spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer"#
      ]
    ),
    (
      #"{"imagePullSecrets":[{"name":"a"},{"name":"a"},{}],"hostAliases":[{"ip":"1.1.1.1"},{"ip":"1.1.1.1"}]}"#,
      [
        #"spec.hostAliases[1].ip: duplicate ip "1.1.1.1""#,
        #"spec.imagePullSecrets[1].name: duplicate name "a""#,
        #"spec.imagePullSecrets[2].name: invalid empty name """#,
      ]
    ),
    (
      #"{"terminationGracePeriodSeconds":-1}"#,
      [
        "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be "
          + "treated as 1"
      ]
    ),
  ]

  @Test(arguments: pods)
  func ofPods(spec: String, warnings: [String]) throws {
    let pod: JSONValue = ["metadata": ["name": "a"], "spec": try JSONValue(parsing: spec)]
    #expect(ObjectWarnings.of(pod, try info("", "pods")) == warnings)
  }

  static let others: [(String, String, String, [String])] = [
    (
      "apps", "deployments",
      #"{"metadata":{"name":"a.b"},"spec":{"template":{"metadata":{"annotations":{"scheduler.alpha.kubernetes.io/critical-pod":""}}}}}"#,
      [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising "
          + "behavior; a DNS label is recommended: [must not contain dots]",
        "spec.template.metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: "
          + #"non-functional in v1.16+; use the "priorityClassName" field instead"#,
      ]
    ),
    (
      "", "pods", #"{"metadata":{"name":"a.b"},"spec":{}}"#,
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising "
          + "behavior; a DNS label is recommended: [must not contain dots]"
      ]
    ),
    (
      "", "services",
      #"{"spec":{"clusterIP":"None","type":"ClusterIP","sessionAffinity":"ClientIP"}}"#,
      ["spec.SessionAffinity is ignored for headless services"]
    ),
    (
      "", "services", #"{"spec":{"type":"LoadBalancer","loadBalancerIP":"010.0.0.1"}}"#,
      [#"spec.loadBalancerIP: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#]
    ),
    (
      "", "services", #"{"spec":{"type":"ClusterIP","externalName":"x"}}"#,
      [#"spec.externalName is ignored when spec.type is not "ExternalName""#]
    ),
    (
      "", "services",
      #"{"spec":{"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.1/8","2001:DB8::/32"]}}"#,
      [
        "spec.loadBalancerSourceRanges[0]: CIDR value \"10.0.0.1/8\" is ambiguous in this context "
          + "(should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)",
        "spec.loadBalancerSourceRanges[1]: IPv6 CIDR value \"2001:DB8::/32\" should be in RFC 5952 "
          + "canonical format (\"2001:db8::/32\")",
      ]
    ),
    (
      "discovery.k8s.io", "endpointslices", #"{"addressType":"FQDN"}"#,
      ["spec.addressType: FQDN endpoints are deprecated"]
    ),
    (
      "networking.k8s.io", "ingresses",
      #"{"metadata":{"annotations":{"kubernetes.io/ingress.class":"x"}}}"#,
      [
        #"annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead"#
      ]
    ),
    (
      "", "persistentvolumes",
      #"{"spec":{"persistentVolumeReclaimPolicy":"Recycle","rbd":{},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"failure-domain.beta.kubernetes.io/zone"}]}]}}}}"#,
      [
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
          + "recommended approach is to use dynamic provisioning.",
        "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
        "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: "
          + "failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "
          + #""topology.kubernetes.io/zone" instead"#,
      ]
    ),
    (
      "storage.k8s.io", "storageclasses",
      #"{"allowedTopologies":[{"matchLabelExpressions":[{"key":"failure-domain.beta.kubernetes.io/zone"}]}]}"#,
      [
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use "
          + #""topology.kubernetes.io/zone" instead"#
      ]
    ),
    (
      "node.k8s.io", "runtimeclasses",
      #"{"scheduling":{"nodeSelector":{"beta.kubernetes.io/arch":"amd64"}}}"#,
      [#"scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/arch" instead"#]
    ),
    (
      "", "serviceaccounts",
      #"{"metadata":{"annotations":{"kubernetes.io/enforce-mountable-secrets":"true"}}}"#,
      [
        "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; "
          + "prefer separate namespaces to isolate access to mounted secrets"
      ]
    ),
    ("", "configmaps", #"{"metadata":{"name":"a.b"}}"#, []),
  ]

  @Test(arguments: others)
  func ofOtherKinds(group: String, resource: String, object: String, warnings: [String]) throws {
    #expect(
      ObjectWarnings.of(try JSONValue(parsing: object), try info(group, resource)) == warnings)
  }

  private func info(_ group: String, _ resource: String) throws -> ResourceInfo {
    try #require(Catalogue.shared.resource(group: group, version: "v1", resource: resource))
  }
}
