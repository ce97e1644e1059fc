import JSONDocument
import KubernetesAPI
import KubernetesClient

/// One term of node affinity: all its expressions must hold.
struct NodeTerm: Sendable {
  private var labels: [LabelSelector.Requirement] = []
  private var fields: [LabelSelector.Requirement] = []
  private var isEmpty = true

  init(_ term: JSONValue) {
    func requirements(_ key: String) -> [LabelSelector.Requirement] {
      (term[key]?.arrayValue ?? []).map { expression in
        let selected: LabelSelector.Operator =
          switch expression["operator"]?.stringValue {
          case "NotIn": .notIn
          case "Exists": .exists
          case "DoesNotExist": .doesNotExist
          case "Gt": .greaterThan
          case "Lt": .lessThan
          default: .in
          }
        return LabelSelector.Requirement(
          key: expression["key"]?.stringValue ?? "", operator: selected,
          values: (expression["values"]?.arrayValue ?? []).compactMap(\.stringValue))
      }
    }
    labels = requirements("matchExpressions")
    fields = requirements("matchFields")
    isEmpty = labels.isEmpty && fields.isEmpty
  }

  /// An empty term matches no node.
  func matches(_ node: SchedulingNode) -> Bool {
    !isEmpty && labels.allSatisfy { $0.matches(node.labels) }
      && fields.allSatisfy { $0.matches(["metadata.name": .string(node.name)]) }
  }
}

/// Pods that a pod wants near, or not near.
struct PodAffinityTerm: Sendable {
  var topologyKey: String
  private var selector: LabelSelector
  private var namespaces: Set<String>
  private var namespaceSelector: LabelSelector?

  init(_ term: JSONValue, namespace: String, labels: JSONObject) {
    topologyKey = term["topologyKey"]?.stringValue ?? ""
    selector = LabelSelector(object: term["labelSelector"])
    for (key, selected) in [
      ("matchLabelKeys", LabelSelector.Operator.in), ("mismatchLabelKeys", .notIn),
    ] {
      for label in (term[key]?.arrayValue ?? []).compactMap(\.stringValue) {
        guard let value = labels[label]?.stringValue else { continue }
        selector.requirements.append(.init(key: label, operator: selected, values: [value]))
      }
    }
    namespaces = Set((term["namespaces"]?.arrayValue ?? []).compactMap(\.stringValue))
    namespaceSelector = term["namespaceSelector"].flatMap {
      $0.isNull ? nil : LabelSelector(object: $0)
    }
    if namespaces.isEmpty, namespaceSelector == nil { namespaces = [namespace] }
  }

  func matches(_ pod: SchedulingPod, namespaceLabels: [String: JSONObject]) -> Bool {
    guard selector.matches(pod.labels) else { return false }
    if namespaces.contains(pod.key.namespace) { return true }
    return namespaceSelector?.matches(namespaceLabels[pod.key.namespace] ?? [:]) ?? false
  }
}

struct SpreadConstraint: Sendable {
  var maxSkew: Int64
  var topologyKey: String
  var isHard: Bool
  var minDomains: Int
  var selector: LabelSelector
  var honorsAffinity: Bool
  var honorsTaints: Bool

  init(_ constraint: JSONValue, labels: JSONObject) {
    maxSkew = max(1, constraint["maxSkew"]?.intValue ?? 1)
    topologyKey = constraint["topologyKey"]?.stringValue ?? ""
    isHard = constraint["whenUnsatisfiable"] != "ScheduleAnyway"
    minDomains = Int(clamping: constraint["minDomains"]?.intValue ?? 1)
    selector = LabelSelector(object: constraint["labelSelector"])
    for label in (constraint["matchLabelKeys"]?.arrayValue ?? []).compactMap(\.stringValue) {
      guard let value = labels[label]?.stringValue else { continue }
      selector.requirements.append(.init(key: label, operator: .in, values: [value]))
    }
    honorsAffinity = constraint["nodeAffinityPolicy"] != "Ignore"
    honorsTaints = constraint["nodeTaintsPolicy"] == "Honor"
  }
}
