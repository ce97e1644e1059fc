import JSONDocument
import KubernetesAPI

/// Where a pod goes, or why nowhere.
public enum Decision: Sendable, Hashable {
  case place(node: String)
  /// How many nodes gave each reason.
  case unschedulable(nodes: Int, reasons: [String: Int])

  /// As `kubectl describe` shows it, in upstream's words.
  public var message: String {
    switch self {
    case .place(let node): return "assigned to \(node)"
    case .unschedulable(0, _): return "no nodes available to schedule pods"
    case .unschedulable(let nodes, let reasons):
      let list = reasons.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
      return "0/\(nodes) nodes are available: \(list)."
    }
  }
}

extension ClusterSnapshot {
  /// Chooses a node: filters first, then scores; of equal scores the node with fewer pods, then
  /// the first by name. Pure.
  public func schedule(_ pod: SchedulingPod) -> Decision {
    let affinity = AffinityFilter(pod, self)
    let spread = SpreadFilter(pod, self)
    var feasible: [SchedulingNode] = []
    var reasons: [String: Int] = [:]
    var count = 0
    for node in existing {
      count += 1
      var found = NodeFilters.reasons(pod, node)
      if found.isEmpty, let reason = spread?.reason(node) { found = [reason] }
      if found.isEmpty, let reason = affinity?.reason(node) { found = [reason] }
      if found.isEmpty {
        feasible.append(node)
      } else {
        for reason in found { reasons[reason, default: 0] += 1 }
      }
    }
    guard var best = feasible.first else {
      return .unschedulable(nodes: count, reasons: reasons)
    }
    guard feasible.count > 1 else { return .place(node: best.name) }
    let scores = NodeScores.total(pod, nodes: feasible, cluster: self, spread: spread)
    var bestScore = scores[0]
    for (node, score) in zip(feasible, scores).dropFirst()
    where score > bestScore || (score == bestScore && node.pods.count < best.pods.count) {
      (best, bestScore) = (node, score)
    }
    return .place(node: best.name)
  }
}
