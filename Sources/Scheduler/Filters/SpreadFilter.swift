import JSONDocument
import KubernetesAPI

/// Topology spread constraints, with the pods of each domain counted once for a pod.
struct SpreadFilter {
  private struct Counted {
    var constraint: SpreadConstraint
    var counts: [String: Int64]
    var minimum: Int64
    var countsItself: Bool
  }

  private var counted: [Counted] = []

  /// Nil: the pod has no constraints.
  init?(_ pod: SchedulingPod, _ cluster: ClusterSnapshot) {
    guard !pod.spread.isEmpty else { return nil }
    for constraint in pod.spread {
      var counts: [String: Int64] = [:]
      for node in cluster.existing {
        guard let domain = node.labels[constraint.topologyKey]?.stringValue else { continue }
        if constraint.honorsAffinity, !NodeFilters.matchesAffinity(pod, node) { continue }
        if constraint.honorsTaints, !NodeFilters.toleratesTaints(pod, node) { continue }
        let matching = node.pods.values.count { other in
          other.key.namespace == pod.key.namespace && !other.isBeingDeleted
            && constraint.selector.matches(other.labels)
        }
        counts[domain, default: 0] += Int64(matching)
      }
      // Too few domains: each missing one counts as an empty one.
      let minimum = counts.count < constraint.minDomains ? 0 : counts.values.min() ?? 0
      counted.append(
        Counted(
          constraint: constraint, counts: counts, minimum: minimum,
          countsItself: constraint.selector.matches(pod.labels)))
    }
  }

  func reason(_ node: SchedulingNode) -> String? {
    for counted in counted where counted.constraint.isHard {
      guard let domain = node.labels[counted.constraint.topologyKey]?.stringValue else {
        return "node(s) didn't match pod topology spread constraints (missing required label)"
      }
      let skew =
        (counted.counts[domain] ?? 0) + (counted.countsItself ? 1 : 0) - counted.minimum
      if skew > counted.constraint.maxSkew {
        return "node(s) didn't match pod topology spread constraints"
      }
    }
    return nil
  }

  /// Fewer matching pods in the node's domains are better; nil: no soft constraint.
  func load(_ node: SchedulingNode) -> Double? {
    let soft = counted.filter { !$0.constraint.isHard }
    if soft.isEmpty { return nil }
    return soft.reduce(0) { sum, counted in
      guard let domain = node.labels[counted.constraint.topologyKey]?.stringValue else {
        // Without the label it belongs to no domain, and comes last.
        return sum + Double(counted.counts.values.max() ?? 0) + 1
      }
      return sum + Double(counted.counts[domain] ?? 0)
    }
  }
}
