import JSONDocument
import KubernetesAPI

/// Labels of nodes that have other names by now.
enum NodeLabels {
  private static let successors: [String: (since: String, name: String)] = [
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
  ]

  /// What is said of a label that is deprecated; nil for any other.
  static func deprecation(of label: String) -> String? {
    successors[label].map { "deprecated since \($0.since); use \"\($0.name)\" instead" }
  }
}

extension ObjectWarnings {
  /// The terms of a node selector.
  static func nodeSelector(_ selector: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for (index, term) in (selector?["nodeSelectorTerms"]?.arrayValue ?? []).enumerated() {
      warnings += nodeSelectorTerm(term, "\(field).nodeSelectorTerms[\(index)]")
    }
    return warnings
  }

  static func nodeSelectorTerm(_ term: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for (index, expression) in (term?["matchExpressions"]?.arrayValue ?? []).enumerated() {
      let key = expression["key"]?.stringValue ?? ""
      if let message = NodeLabels.deprecation(of: key) {
        warnings.append("\(field).matchExpressions[\(index)].key: \(key) is \(message)")
      }
    }
    return warnings
  }
}
