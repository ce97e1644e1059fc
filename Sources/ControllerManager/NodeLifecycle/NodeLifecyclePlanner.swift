import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Watches heartbeats and decides what becomes of silent nodes and their pods. Pure: `now` is in
/// milliseconds of a local monotonic clock, so that nodes' clocks need not be right.
struct NodeLifecyclePlanner {
  private struct Health {
    var renewTime: String
    var heartbeat: String
    var changedAt: Int64
  }

  let gracePeriodMilliseconds: Int64
  private var health: [String: Health] = [:]

  init(gracePeriodMilliseconds: Int64) { self.gracePeriodMilliseconds = gracePeriodMilliseconds }

  /// Whether the node has been silent for too long. A node that is seen for the first time has just
  /// been heard of.
  mutating func isSilent(_ node: JSONValue, lease: JSONValue?, now: Int64) -> Bool {
    let name = node.meta.name
    let renewTime = lease?.at("spec", "renewTime")?.stringValue ?? ""
    let heartbeat =
      Conditions.find("Ready", in: node["status"])?["lastHeartbeatTime"]?.stringValue ?? ""
    guard let known = health[name], known.renewTime == renewTime, known.heartbeat == heartbeat
    else {
      health[name] = Health(renewTime: renewTime, heartbeat: heartbeat, changedAt: now)
      return false
    }
    return now &- known.changedAt > gracePeriodMilliseconds
  }

  mutating func forget(_ name: String) { health[name] = nil }

  /// The status of a silent node: what its kubelet said last holds no more. Nil: it says so.
  static func silentStatus(_ node: JSONValue, now: String) -> JSONValue? {
    let old = node.at("status", "conditions")?.arrayValue ?? []
    var conditions = old
    for type in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
      let position = conditions.firstIndex { $0["type"]?.stringValue == type }
      var condition =
        position.map { conditions[$0] } ?? [
          "type": .string(type), "lastHeartbeatTime": .string(node.meta.creationTimestamp),
        ]
      if condition["status"] == "Unknown" { continue }
      condition["status"] = "Unknown"
      condition["reason"] = position == nil ? "NodeStatusNeverUpdated" : "NodeStatusUnknown"
      condition["message"] =
        position == nil
        ? "Kubelet never posted node status." : "Kubelet stopped posting node status."
      condition["lastTransitionTime"] = .string(now)
      if let position { conditions[position] = condition } else { conditions.append(condition) }
    }
    if conditions == old { return nil }
    var status = node["status"] ?? [:]
    status["conditions"] = .array(conditions)
    return status
  }

  static let notReady = "node.kubernetes.io/not-ready"
  static let unreachable = "node.kubernetes.io/unreachable"
  static let unschedulable = "node.kubernetes.io/unschedulable"
  private static let pressures = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
  ]

  /// The taints that the node's conditions call for; nil: it has just these. Taints of others stay.
  static func taints(_ node: JSONValue, now: String) -> [JSONValue]? {
    let old = node.at("spec", "taints")?.arrayValue ?? []
    var wanted: [(key: String, effect: String)] = []
    switch Conditions.find("Ready", in: node["status"])?["status"]?.stringValue {
    case "True": break
    case "Unknown": wanted += [(unreachable, "NoSchedule"), (unreachable, "NoExecute")]
    default: wanted += [(notReady, "NoSchedule"), (notReady, "NoExecute")]
    }
    for (condition, key) in pressures where Conditions.isTrue(condition, in: node["status"]) {
      wanted.append((key, "NoSchedule"))
    }
    if node.at("spec", "unschedulable")?.boolValue == true {
      wanted.append((unschedulable, "NoSchedule"))
    }
    let ours = Set([notReady, unreachable, unschedulable] + pressures.map(\.1))
    var taints = old.filter { taint in
      guard let key = taint["key"]?.stringValue, ours.contains(key) else { return true }
      return wanted.contains { $0.key == key && $0.effect == taint["effect"]?.stringValue }
    }
    for (key, effect) in wanted
    where !taints.contains(where: {
      $0["key"]?.stringValue == key && $0["effect"]?.stringValue == effect
    }) {
      var taint: JSONValue = ["key": .string(key), "effect": .string(effect)]
      if effect == "NoExecute" { taint["timeAdded"] = .string(now) }
      taints.append(taint)
    }
    return taints == old ? nil : taints
  }

  enum Eviction: Equatable {
    case stays
    case now
    case later(milliseconds: Int64)
  }

  /// When a pod leaves a node with these taints: at once where it tolerates one of them not at all,
  /// else after the shortest toleration.
  static func eviction(of pod: JSONValue, taints: [JSONValue], now: Timestamp) -> Eviction {
    let evicting = taints.filter { $0["effect"] == "NoExecute" }
    if evicting.isEmpty || pod.meta.isBeingDeleted || PodFacts(pod).isTerminal { return .stays }
    let tolerations = pod.at("spec", "tolerations")?.arrayValue ?? []
    var rest: Int64?
    for taint in evicting {
      let matching = tolerations.filter { Toleration.tolerates($0, taint: taint) }
      if matching.isEmpty { return .now }
      let since = taint["timeAdded"]?.stringValue.flatMap { Timestamp(parsing: $0) } ?? now
      for toleration in matching {
        guard let seconds = toleration["tolerationSeconds"]?.intValue else { continue }
        let left = since.adding(seconds: max(0, seconds)).milliseconds(since: now)
        rest = min(rest ?? left, left)
      }
    }
    guard let rest else { return .stays }
    return rest <= 0 ? .now : .later(milliseconds: rest)
  }
}
