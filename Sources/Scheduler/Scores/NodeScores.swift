import JSONDocument
import KubernetesAPI
import KubernetesClient

/// How well a pod fits the nodes that can take it; upstream's plugins and their weights.
struct NodeScores {
  static let taintWeight = 3.0
  static let affinityWeight = 2.0
  static let spreadWeight = 2.0
  static let podAffinityWeight = 2.0

  /// For each node from 0 up; higher is better.
  static func total(
    _ pod: SchedulingPod, nodes: [SchedulingNode], cluster: ClusterSnapshot, spread: SpreadFilter?
  ) -> [Double] {
    var totals = nodes.map { leastAllocated(pod, $0) + balanced(pod, $0) }
    func add(_ raw: [Double], weight: Double, lowerIsBetter: Bool) {
      guard let low = raw.min(), let high = raw.max(), high > low else { return }
      for position in raw.indices {
        let share = (raw[position] - low) / (high - low)
        totals[position] += weight * 100 * (lowerIsBetter ? 1 - share : share)
      }
    }
    if nodes.contains(where: { !$0.taints.isEmpty }) {
      add(nodes.map { untolerated(pod, $0) }, weight: taintWeight, lowerIsBetter: true)
    }
    if !pod.preferredNodeTerms.isEmpty {
      let raw = nodes.map { node in
        Double(
          pod.preferredNodeTerms.reduce(0) { $0 + ($1.term.matches(node) ? $1.weight : 0) })
      }
      add(raw, weight: affinityWeight, lowerIsBetter: false)
    }
    if let spread, let loads = loads(nodes, spread) {
      add(loads, weight: spreadWeight, lowerIsBetter: true)
    } else if let owner = pod.ownerUID {
      // The default: the pods of one owner spread over the nodes.
      add(
        nodes.map { Double($0.ownerCounts[owner] ?? 0) }, weight: spreadWeight,
        lowerIsBetter: true)
    }
    if !pod.preferredAffinity.isEmpty {
      add(
        podAffinity(pod, nodes: nodes, cluster: cluster), weight: podAffinityWeight,
        lowerIsBetter: false)
    }
    return totals
  }

  private static func loads(_ nodes: [SchedulingNode], _ spread: SpreadFilter) -> [Double]? {
    let loads = nodes.compactMap { spread.load($0) }
    return loads.count == nodes.count ? loads : nil
  }

  private static func fractions(_ pod: SchedulingPod, _ node: SchedulingNode) -> [Double] {
    let wanted = SchedulingNode.forScore(pod.requests)
    func fraction(_ used: Int64, _ wanted: Int64, _ total: Int64) -> Double {
      total > 0 ? min(1, (Double(used) + Double(wanted)) / Double(total)) : 1
    }
    return [
      fraction(node.usedForScore.milliCPU, wanted.milliCPU, node.allocatable.milliCPU),
      fraction(node.usedForScore.memory, wanted.memory, node.allocatable.memory),
    ]
  }

  static func leastAllocated(_ pod: SchedulingPod, _ node: SchedulingNode) -> Double {
    let fractions = fractions(pod, node)
    return (2 - fractions[0] - fractions[1]) * 50
  }

  static func balanced(_ pod: SchedulingPod, _ node: SchedulingNode) -> Double {
    let fractions = fractions(pod, node)
    return (1 - abs(fractions[0] - fractions[1]) / 2) * 100
  }

  private static func untolerated(_ pod: SchedulingPod, _ node: SchedulingNode) -> Double {
    Double(
      node.taints.count { taint in
        taint["effect"] == "PreferNoSchedule"
          && !pod.tolerations.contains { Toleration.tolerates($0, taint: taint) }
      })
  }

  private static func podAffinity(
    _ pod: SchedulingPod, nodes: [SchedulingNode], cluster: ClusterSnapshot
  ) -> [Double] {
    var weights: [String: [String: Int64]] = [:]
    for node in cluster.existing {
      for other in node.pods.values {
        for (weight, term) in pod.preferredAffinity
        where term.matches(other, namespaceLabels: cluster.namespaceLabels) {
          guard let value = node.labels[term.topologyKey]?.stringValue else { continue }
          weights[term.topologyKey, default: [:]][value, default: 0] += weight
        }
      }
    }
    return nodes.map { node in
      Double(
        weights.reduce(0) { sum, entry in
          sum + (node.labels[entry.key]?.stringValue.flatMap { entry.value[$0] } ?? 0)
        })
    }
  }
}
