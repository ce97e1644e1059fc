import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import ControllerManager

@Suite struct NodeLifecycleTests {
  let now = Timestamp(microseconds: 1_767_225_600_000_000)  // 2026-01-01T00:00:00Z

  func node(ready: String?, taints: [JSONValue] = [], unschedulable: Bool = false) -> JSONValue {
    var node: JSONValue = ["metadata": ["name": "a"], "spec": [:], "status": [:]]
    if let ready {
      node.set(
        [["type": "Ready", "status": .string(ready), "lastHeartbeatTime": "t"]], at: "status",
        "conditions")
    }
    if !taints.isEmpty { node.set(.array(taints), at: "spec", "taints") }
    if unschedulable { node.set(true, at: "spec", "unschedulable") }
    return node
  }

  func lease(_ time: String) -> JSONValue { ["spec": ["renewTime": .string(time)]] }

  @Test func onlySilenceCountsNotTheNodesClock() {
    var planner = NodeLifecyclePlanner(gracePeriodMilliseconds: 40_000)
    let node = node(ready: "True")
    let looks: [(renewed: String, now: Int64)] = [
      ("1999", 0), ("1999", 40_000), ("1999", 40_001), ("1998", 40_002), ("1998", 80_000),
    ]
    let silent = looks.map { look in
      planner.isSilent(node, lease: lease(look.renewed), now: look.now)
    }
    #expect(silent == [false, false, true, false, false])
  }

  @Test func aSilentNodesConditionsAreUnknown() throws {
    let status = try #require(
      NodeLifecyclePlanner.silentStatus(node(ready: "True"), now: "now"))
    let ready = Conditions.find("Ready", in: status)
    #expect(ready?["status"] == "Unknown")
    #expect(ready?["reason"] == "NodeStatusUnknown")
    #expect(ready?["message"] == "Kubelet stopped posting node status.")
    #expect(Conditions.find("DiskPressure", in: status)?["reason"] == "NodeStatusNeverUpdated")
    var again = node(ready: "True")
    again["status"] = status
    #expect(NodeLifecyclePlanner.silentStatus(again, now: "later") == nil)
  }

  func keys(_ taints: [JSONValue]?) -> [String]? {
    taints?.map { "\($0["key"]?.stringValue ?? ""):\($0["effect"]?.stringValue ?? "")" }
  }

  @Test func taintsFollowTheConditions() {
    let own: JSONValue = ["key": "mine", "effect": "NoSchedule"]
    #expect(NodeLifecyclePlanner.taints(node(ready: "True", taints: [own]), now: "t") == nil)
    #expect(
      keys(NodeLifecyclePlanner.taints(node(ready: "Unknown", taints: [own]), now: "t"))
        == [
          "mine:NoSchedule", "node.kubernetes.io/unreachable:NoSchedule",
          "node.kubernetes.io/unreachable:NoExecute",
        ])
    #expect(
      keys(NodeLifecyclePlanner.taints(node(ready: "False"), now: "t"))
        == ["node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"])
    let tainted = node(
      ready: "True",
      taints: [["key": "node.kubernetes.io/not-ready", "effect": "NoExecute"], own])
    #expect(keys(NodeLifecyclePlanner.taints(tainted, now: "t")) == ["mine:NoSchedule"])
    #expect(
      keys(NodeLifecyclePlanner.taints(node(ready: "True", unschedulable: true), now: "t"))
        == ["node.kubernetes.io/unschedulable:NoSchedule"])
  }

  func pod(_ tolerations: JSONValue) -> JSONValue {
    ["metadata": ["name": "p"], "spec": ["tolerations": tolerations]]
  }

  @Test func podsLeaveWhenTheirTolerationEnds() {
    let taint: JSONValue = [
      "key": "node.kubernetes.io/unreachable", "effect": "NoExecute",
      "timeAdded": "2025-12-31T23:59:00Z",
    ]
    func eviction(_ tolerations: JSONValue) -> NodeLifecyclePlanner.Eviction {
      NodeLifecyclePlanner.eviction(of: pod(tolerations), taints: [taint], now: now)
    }
    func tolerates(_ seconds: Int64?) -> JSONValue {
      var toleration: JSONValue = [
        "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
      ]
      if let seconds { toleration["tolerationSeconds"] = .int(seconds) }
      return [toleration]
    }
    #expect(eviction([]) == .now)
    #expect(eviction(tolerates(nil)) == .stays)
    #expect(eviction(tolerates(300)) == .later(milliseconds: 240_000))
    #expect(eviction(tolerates(60)) == .now)
    #expect(
      NodeLifecyclePlanner.eviction(
        of: pod([]), taints: [["key": "x", "effect": "NoSchedule"]], now: now) == .stays)
  }

  @Test func podsOfNodesThatAreGoneAreGarbageAfterAQuarantine() {
    func bound(_ name: String, _ node: String?, deleted: Bool = false) -> JSONValue {
      var pod: JSONValue = ["metadata": ["name": .string(name)], "spec": [:]]
      if let node { pod.set(.string(node), at: "spec", "nodeName") }
      if deleted { pod.set("t", at: "metadata", "deletionTimestamp") }
      return pod
    }
    let pods = [
      bound("a", "here"), bound("b", "gone"), bound("c", nil), bound("d", nil, deleted: true),
    ]
    var planner = PodGarbagePlanner()
    let looks: [(nodes: Set<String>, now: Int64)] = [
      (["here"], 0), (["here"], 39_999), (["here"], 40_000), (["here", "gone"], 40_001),
    ]
    let missing = looks.map { planner.missing(pods: pods, nodes: $0.nodes, now: $0.now) }
    #expect(missing == [[], [], ["gone"], []])
    #expect(
      PodGarbagePlanner.garbage(pods: pods, goneNodes: ["gone"]).map(\.meta.name) == ["b", "d"])
  }

  @Test func aNamespacesConditionsTellWhatIsLeft() throws {
    var namespace: JSONValue = ["metadata": ["name": "x"], "status": ["phase": "Terminating"]]
    let remaining = NamespaceController.Remaining(
      counts: ["pods": 2], finalizers: ["example.com/f": 1])
    let conditions = try #require(
      NamespacePlanner.conditions(of: namespace, remaining: remaining, now: "t"))
    namespace.set(.array(conditions), at: "status", "conditions")
    let status = namespace["status"]
    #expect(
      Conditions.find("NamespaceContentRemaining", in: status)?["message"]
        == "Some resources are remaining: pods has 2 resource instances")
    #expect(Conditions.isTrue("NamespaceFinalizersRemaining", in: status))
    #expect(!Conditions.isTrue("NamespaceDeletionContentFailure", in: status))
    #expect(
      NamespacePlanner.conditions(of: namespace, remaining: remaining, now: "later") == nil)
  }
}
