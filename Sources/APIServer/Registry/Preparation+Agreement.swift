import JSONDocument
import KubernetesAPI

// Fields that say one thing in two ways, and selectors that pods complete with their own labels.
extension Preparation {
  /// The single range of a node's pods is the first of the list, and decides where they differ.
  static func agreeOnRanges(_ node: inout JSONValue) {
    let single = node.at("spec", "podCIDR")?.stringValue ?? ""
    let list = node.at("spec", "podCIDRs")?.arrayValue ?? []
    if single.isEmpty {
      if let first = list.first { node.set(first, at: "spec", "podCIDR") }
    } else if list.first?.stringValue != single {
      node.set([.string(single)], at: "spec", "podCIDRs")
    }
  }

  /// Where a selector of pods is to have the labels of the pod itself, they are written into it
  /// (KEP-3633, KEP-3243).
  static func mergeLabelKeys(_ pod: inout JSONValue) {
    let labels = pod.at("metadata", "labels")
    for kind in ["podAffinity", "podAntiAffinity"] {
      edit(&pod, "spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution") {
        merge(labels, into: &$0)
      }
      edit(&pod, "spec", "affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution") {
        guard var term = $0["podAffinityTerm"] else { return }
        merge(labels, into: &term)
        $0["podAffinityTerm"] = term
      }
    }
    edit(&pod, "spec", "topologySpreadConstraints") { merge(labels, into: &$0) }
  }

  /// Edits the elements of a list, if it is there.
  private static func edit(
    _ object: inout JSONValue, _ path: String..., body: (inout JSONValue) -> Void
  ) {
    guard case .array(var elements)? = object.at(path: path) else { return }
    for index in elements.indices { body(&elements[index]) }
    object.set(.array(elements), path: path[...])
  }

  private static func merge(_ labels: JSONValue?, into term: inout JSONValue) {
    guard let selector = term["labelSelector"] else { return }
    var rules = selector["matchExpressions"]?.arrayValue ?? []
    let before = rules.count
    for (list, word) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
      for key in term[list]?.arrayValue ?? [] {
        guard let label = labels?[key.stringValue ?? ""] else { continue }
        rules.append(["key": key, "operator": .string(word), "values": [label]])
      }
    }
    if rules.count > before { term.set(.array(rules), at: "labelSelector", "matchExpressions") }
  }
}
