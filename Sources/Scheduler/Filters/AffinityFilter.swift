import JSONDocument
import KubernetesAPI

/// Required affinity and anti-affinity between pods, computed once for a pod over all nodes.
struct AffinityFilter {
  private struct Domain: Hashable {
    var key: String
    var value: String
  }

  private let pod: SchedulingPod
  /// For each affinity term, the domains that hold a pod it matches.
  private var wanted: [Set<Domain>] = []
  private var unwanted: Set<Domain> = []
  private var barred: Set<Domain> = []
  /// No pod matches yet, and this one matches itself: the first of a group may go anywhere.
  private var isFirst = false

  /// Nil: nothing to check.
  init?(_ pod: SchedulingPod, _ cluster: ClusterSnapshot) {
    guard !pod.affinity.isEmpty || !pod.antiAffinity.isEmpty || !cluster.repelling.isEmpty else {
      return nil
    }
    self.pod = pod
    wanted = Array(repeating: [], count: pod.affinity.count)
    let labels = cluster.namespaceLabels
    if !pod.affinity.isEmpty || !pod.antiAffinity.isEmpty {
      for node in cluster.existing {
        for other in node.pods.values {
          for (position, term) in pod.affinity.enumerated()
          where term.matches(other, namespaceLabels: labels) {
            if let domain = Self.domain(term.topologyKey, node) { wanted[position].insert(domain) }
          }
          for term in pod.antiAffinity where term.matches(other, namespaceLabels: labels) {
            if let domain = Self.domain(term.topologyKey, node) { unwanted.insert(domain) }
          }
        }
      }
    }
    for other in cluster.repelling.values {
      guard let node = cluster.nodes[other.nodeName] else { continue }
      for term in other.antiAffinity where term.matches(pod, namespaceLabels: labels) {
        if let domain = Self.domain(term.topologyKey, node) { barred.insert(domain) }
      }
    }
    isFirst =
      wanted.allSatisfy(\.isEmpty)
      && pod.affinity.allSatisfy { $0.matches(pod, namespaceLabels: labels) }
  }

  private static func domain(_ key: String, _ node: SchedulingNode) -> Domain? {
    node.labels[key]?.stringValue.map { Domain(key: key, value: $0) }
  }

  func reason(_ node: SchedulingNode) -> String? {
    for (term, domains) in zip(pod.affinity, wanted) {
      guard let domain = Self.domain(term.topologyKey, node), isFirst || domains.contains(domain)
      else { return "node(s) didn't match pod affinity rules" }
    }
    for term in pod.antiAffinity {
      if let domain = Self.domain(term.topologyKey, node), unwanted.contains(domain) {
        return "node(s) didn't match pod anti-affinity rules"
      }
    }
    if barred.contains(where: { node.labels[$0.key]?.stringValue == $0.value }) {
      return "node(s) didn't satisfy existing pods anti-affinity rules"
    }
    return nil
  }
}
