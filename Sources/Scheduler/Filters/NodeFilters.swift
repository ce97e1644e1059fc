import JSONDocument
import KubernetesClient

/// What keeps a pod off a node, judged by the node alone. Each gives upstream's reasons, or none.
enum NodeFilters {
  static let unschedulableTaint = "node.kubernetes.io/unschedulable"

  static func reasons(_ pod: SchedulingPod, _ node: SchedulingNode) -> [String] {
    if !pod.nodeName.isEmpty, pod.nodeName != node.name {
      return ["node(s) didn't match the requested node name"]
    }
    if node.isUnschedulable {
      let taint: JSONValue = ["key": .string(unschedulableTaint), "effect": "NoSchedule"]
      if !pod.tolerations.contains(where: { Toleration.tolerates($0, taint: taint) }) {
        return ["node(s) were unschedulable"]
      }
    }
    if !toleratesTaints(pod, node) { return ["node(s) had untolerated taint(s)"] }
    if !matchesAffinity(pod, node) {
      return ["node(s) didn't match Pod's node affinity/selector"]
    }
    if !pod.hostPorts.isEmpty,
      pod.hostPorts.contains(where: { wanted in
        node.hostPorts.keys.contains { $0.conflicts(with: wanted) }
      })
    {
      return ["node(s) didn't have free ports for the requested pod ports"]
    }
    return lacking(pod, node)
  }

  static func toleratesTaints(_ pod: SchedulingPod, _ node: SchedulingNode) -> Bool {
    node.taints.allSatisfy { taint in
      taint["effect"] == "PreferNoSchedule"
        || pod.tolerations.contains { Toleration.tolerates($0, taint: taint) }
    }
  }

  static func matchesAffinity(_ pod: SchedulingPod, _ node: SchedulingNode) -> Bool {
    for (key, value) in pod.nodeSelector where node.labels[key] != value { return false }
    guard let terms = pod.requiredNodeTerms else { return true }
    return terms.contains { $0.matches(node) }
  }

  private static func lacking(_ pod: SchedulingPod, _ node: SchedulingNode) -> [String] {
    var reasons: [String] = []
    if Int64(node.pods.count) + 1 > node.maximumPods { reasons.append("Too many pods") }
    func check(_ name: String, _ wanted: Int64, _ used: Int64, _ total: Int64) {
      if wanted > 0, wanted > total &- used { reasons.append("Insufficient \(name)") }
    }
    let (wanted, used, total) = (pod.requests, node.used, node.allocatable)
    check("cpu", wanted.milliCPU, used.milliCPU, total.milliCPU)
    check("memory", wanted.memory, used.memory, total.memory)
    check(
      "ephemeral-storage", wanted.ephemeralStorage, used.ephemeralStorage, total.ephemeralStorage)
    for (name, amount) in wanted.extended {
      check(name, amount, used.extended[name] ?? 0, total.extended[name] ?? 0)
    }
    return reasons
  }
}
