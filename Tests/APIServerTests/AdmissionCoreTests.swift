import JSONDocument
import KubernetesAPI
import Testing

@testable import APIServer

@Suite struct AdmissionCoreTests {
  // MARK: Limit ranges

  private func range(_ item: JSONValue) -> JSONValue { ["spec": ["limits": [item]]] }

  private func pod(_ requests: JSONValue, _ limits: JSONValue) -> JSONValue {
    [
      "metadata": ["name": "p"],
      "spec": [
        "containers": [
          ["name": "c", "resources": ["requests": requests, "limits": limits]]
        ]
      ],
    ]
  }

  @Test func limitRangesFillInWhatIsLeftOut() {
    var value = pod(["cpu": "1"], [:])
    let added = LimitRanges.addDefaults(
      to: &value,
      ranges: [
        range([
          "type": "Container", "default": ["cpu": "2", "memory": "1Gi"],
          "defaultRequest": ["cpu": "3"],
        ])
      ])
    #expect(added)
    let resources = value.at("spec", "containers")?[0]?["resources"]
    #expect(
      resources == ["requests": ["cpu": "1"], "limits": ["cpu": "2", "memory": "1Gi"]])
    #expect(
      value.annotations[LimitRanges.annotation]
        == "LimitRanger plugin set: cpu, memory limit for container c")
    var full = pod(["cpu": "1"], ["cpu": "1"])
    #expect(
      !LimitRanges.addDefaults(
        to: &full, ranges: [range(["type": "Container", "default": ["cpu": "2"]])]))
  }

  struct Bound: Sendable {
    var item: JSONValue
    var requests: JSONValue
    var limits: JSONValue
    var problem: String?
  }

  @Test(arguments: [
    Bound(
      item: ["type": "Pod", "max": ["cpu": "1"]], requests: [:], limits: ["cpu": "1200m"],
      problem: "maximum cpu usage per Pod is 1, but limit is 1200m"),
    Bound(
      item: ["type": "Pod", "max": ["cpu": "1"], "min": ["memory": "50Mi"]], requests: [:],
      limits: [:],
      problem: "[minimum memory usage per Pod is 50Mi.  No request is specified, "
        + "maximum cpu usage per Pod is 1.  No limit is specified]"),
    Bound(
      item: ["type": "Container", "min": ["cpu": "1"]], requests: ["cpu": "500m"], limits: [:],
      problem: "minimum cpu usage per Container is 1, but request is 500m"),
    Bound(
      item: ["type": "Container", "maxLimitRequestRatio": ["cpu": "2"]],
      requests: ["cpu": "1"], limits: ["cpu": "3"],
      problem: "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"),
    Bound(
      item: ["type": "Container", "max": ["cpu": "1"]], requests: ["cpu": "1"],
      limits: ["cpu": "1"], problem: nil),
    Bound(
      item: ["type": "PersistentVolumeClaim", "max": ["storage": "1"]], requests: [:],
      limits: [:], problem: nil),
  ])
  func limitRangesBound(_ bound: Bound) {
    #expect(
      LimitRanges.refusal(ofPod: pod(bound.requests, bound.limits), ranges: [range(bound.item)])
        == bound.problem)
  }

  @Test func claimsHaveBoundsToo() {
    let item: JSONValue = [
      "type": "PersistentVolumeClaim", "min": ["storage": "2Gi"], "max": ["storage": "4Gi"],
    ]
    func claim(_ size: String) -> JSONValue {
      ["spec": ["resources": ["requests": ["storage": .string(size)]]]]
    }
    #expect(LimitRanges.refusal(ofClaim: claim("3Gi"), ranges: [range(item)]) == nil)
    #expect(
      LimitRanges.refusal(ofClaim: claim("1Gi"), ranges: [range(item)])
        == "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi")
    #expect(
      LimitRanges.refusal(ofClaim: claim("5Gi"), ranges: [range(item)])
        == "maximum storage usage per PersistentVolumeClaim is 4Gi, but request is 5Gi")
  }

  // MARK: Pod security

  struct Security: Sendable {
    var spec: JSONValue
    var level: String
    var text: String?
  }

  private static let hardened: JSONValue = [
    "securityContext": ["runAsNonRoot": true, "seccompProfile": ["type": "RuntimeDefault"]],
    "containers": [
      [
        "name": "c",
        "securityContext": [
          "allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]],
        ],
      ]
    ],
    "volumes": [["name": "v", "emptyDir": [:]]],
  ]

  @Test(arguments: [
    Security(spec: ["containers": [["name": "c"]]], level: "privileged", text: nil),
    Security(spec: ["containers": [["name": "c"]]], level: "baseline", text: nil),
    Security(
      spec: ["containers": [["name": "c"]]], level: "restricted",
      text: "allowPrivilegeEscalation != false (container \"c\" must set "
        + "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
        + "\"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod "
        + "or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or "
        + "container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or "
        + "\"Localhost\")"),
    Security(
      spec: ["containers": [["name": "c"]]], level: "restricted:v1.18",
      text: "allowPrivilegeEscalation != false (container \"c\" must set "
        + "securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or "
        + "container \"c\" must set securityContext.runAsNonRoot=true)"),
    Security(spec: hardened, level: "restricted", text: nil),
    Security(
      spec: ["hostNetwork": true, "hostPID": true], level: "baseline",
      text: "host namespaces (hostNetwork=true, hostPID=true)"),
    Security(
      spec: ["containers": [["name": "c", "securityContext": ["privileged": true]]]],
      level: "baseline",
      text: "privileged (container \"c\" must not set securityContext.privileged=true)"),
    Security(
      spec: [
        "containers": [
          ["name": "a", "securityContext": ["capabilities": ["add": ["NET_ADMIN", "CHOWN"]]]],
          ["name": "b", "securityContext": ["capabilities": ["add": ["SYS_TIME"]]]],
        ]
      ], level: "baseline",
      text: "non-default capabilities (containers \"a\", \"b\" must not include \"NET_ADMIN\", "
        + "\"SYS_TIME\" in securityContext.capabilities.add)"),
    Security(
      spec: ["volumes": [["name": "v", "hostPath": ["path": "/"]]]], level: "baseline",
      text: "hostPath volumes (volume \"v\")"),
    Security(
      spec: ["containers": [["name": "c", "ports": [["hostPort": 80], ["hostPort": 81]]]]],
      level: "baseline", text: "hostPorts (container \"c\" uses hostPorts 80, 81)"),
    Security(
      spec: ["securityContext": ["sysctls": [["name": "kernel.msgmax", "value": "1"]]]],
      level: "baseline", text: "forbidden sysctls (kernel.msgmax)"),
    Security(
      spec: ["securityContext": ["seccompProfile": ["type": "Unconfined"]]], level: "baseline",
      text: "seccompProfile (pod must not set securityContext.seccompProfile.type to "
        + "\"Unconfined\")"),
  ])
  func podSecurityStandards(_ security: Security) {
    let parts = security.level.split(separator: ":")
    let version = parts.count > 1 ? SecurityLevel.minor(String(parts[1])) ?? nil : nil
    let level = SecurityLevel(
      SecurityLevel.Level(rawValue: String(parts[0])) ?? .privileged, version: version)
    let found = PodSecurity.violations(metadata: nil, spec: security.spec, level: level)
    let text = PodSecurity.text(found, level: level)
    #expect(text == security.text.map { "PodSecurity \"\(level)\": \($0)" })
  }

  @Test func onlyImagesAndContainersMatterInAChange() {
    let old: JSONValue = ["spec": ["containers": [["name": "c", "image": "a"]]]]
    var labelled = old
    labelled.set("y", at: "metadata", "labels", "x")
    #expect(!PodSecurity.isSignificant(new: labelled, old: old))
    let other: JSONValue = ["spec": ["containers": [["name": "c", "image": "b"]]]]
    #expect(PodSecurity.isSignificant(new: other, old: old))
  }

  // MARK: Nodes

  private func boundPod(_ name: String, node: String?, _ volumes: JSONValue) -> JSONValue {
    var pod: JSONValue = [
      "metadata": ["name": .string(name), "namespace": "n"],
      "spec": ["volumes": volumes, "serviceAccountName": "robot"],
    ]
    if let node { pod.set(.string(node), at: "spec", "nodeName") }
    return pod
  }

  @Test func aNodeNeedsWhatItsPodsReferTo() {
    var graph = NodeGraph()
    let secret = NodeGraph.Target(kind: .secret, namespace: "n", name: "s")
    let volumes: JSONValue = [["secret": ["secretName": "s"]]]
    graph.set("pods/n/a", boundPod("a", node: nil, volumes))
    #expect(!graph.needs(node: "one", secret))
    graph.set("pods/n/a", boundPod("a", node: "one", volumes))
    graph.set("pods/n/b", boundPod("b", node: "one", volumes))
    #expect(graph.needs(node: "one", secret))
    #expect(!graph.needs(node: "two", secret))
    #expect(
      graph.needs(
        node: "one", NodeGraph.Target(kind: .serviceAccount, namespace: "n", name: "robot")))
    graph.set("pods/n/a", nil)
    #expect(graph.needs(node: "one", secret))
    graph.set("pods/n/b", nil)
    #expect(!graph.needs(node: "one", secret))
  }

  @Test func aNodeWritesOnlyItsOwn() {
    let own: JSONValue = ["metadata": ["name": "one", "labels": ["a": "b"]], "spec": [:]]
    #expect(NodeRestriction.refusal(node: "one", .create, nodeObject: own, old: nil) == nil)
    #expect(NodeRestriction.refusal(node: "two", .create, nodeObject: own, old: nil) != nil)
    #expect(NodeRestriction.refusal(node: "two", .delete, nodeObject: .null, old: own) != nil)
    var tainted = own
    tainted.set([["key": "k"]], at: "spec", "taints")
    #expect(
      NodeRestriction.refusal(node: "one", .update, nodeObject: tainted, old: own)
        == "node \"one\" is not allowed to modify taints")
    var labelled = own
    labelled.set("x", at: "metadata", "labels", "node-restriction.kubernetes.io/x")
    #expect(
      NodeRestriction.refusal(node: "one", .update, nodeObject: labelled, old: own)
        == "is not allowed to modify the following labels: node-restriction.kubernetes.io/x")
    labelled = own
    labelled.set("x", at: "metadata", "labels", "topology.kubernetes.io/zone")
    #expect(NodeRestriction.refusal(node: "one", .update, nodeObject: labelled, old: own) == nil)
    let pod = boundPod("a", node: "one", [])
    #expect(
      NodeRestriction.refusal(node: "one", .delete, pod: .null, old: pod, subresource: "") == nil)
    #expect(
      NodeRestriction.refusal(node: "two", .update, pod: pod, old: pod, subresource: "status")
        != nil)
    #expect(
      NodeRestriction.refusal(node: "one", .create, pod: pod, old: nil, subresource: "")?
        .contains("can only create mirror pods") == true)
  }

  // MARK: Tokens

  @Test func bootstrapTokensAreJudgedByTheirSecret() {
    func secret(_ data: [String: String], type: String = BootstrapTokens.secretType) -> JSONValue {
      var value: JSONValue = ["type": .string(type), "metadata": ["name": "x"], "data": [:]]
      for (key, text) in data {
        value.set(.string(Base64.encode(Array(text.utf8))), at: "data", key)
      }
      return value
    }
    let good = [
      "token-id": "abcdef", "token-secret": "0123456789abcdef",
      "usage-bootstrap-authentication": "true", "expiration": "2030-01-01T00:00:00Z",
      "auth-extra-groups": "system:bootstrappers:workers",
    ]
    func user(_ changes: [String: String?], now: Int64 = 0) -> UserInfo? {
      var data = good
      for (key, value) in changes { data[key] = value }
      return BootstrapTokens.user(
        id: "abcdef", secret: "0123456789abcdef", secret(data), nowSeconds: now)
    }
    #expect(
      user([:])
        == UserInfo(
          name: "system:bootstrap:abcdef",
          groups: [
            "system:bootstrappers", "system:bootstrappers:workers", "system:authenticated",
          ]))
    #expect(user([:], now: 1_893_456_000) == nil)
    #expect(user(["expiration": "soon"]) == nil)
    #expect(user(["token-secret": "0123456789abcdeF"]) == nil)
    #expect(user(["usage-bootstrap-authentication": nil]) == nil)
    #expect(user(["auth-extra-groups": "system:masters"]) == nil)
    #expect(BootstrapTokens.parse("abcdef.0123456789abcdef") != nil)
    for text in ["abcdef", "abcdef.short", "ABCDEF.0123456789abcdef", "a.b.c", ""] {
      #expect(BootstrapTokens.parse(text) == nil)
    }
  }
}
