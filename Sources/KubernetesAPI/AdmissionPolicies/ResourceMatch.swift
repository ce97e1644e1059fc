import JSONDocument

/// Which writes a policy or its binding is about: `MatchResources`; or a webhook.
struct ResourceMatch: Sendable {
  private struct Rule: Sendable {
    var operations: [String]
    var groups: [String]
    var versions: [String]
    var resources: [String]
    var names: [String]
    var scope: String

    init(_ value: JSONValue) {
      operations = value.texts("operations")
      groups = value.texts("apiGroups")
      versions = value.texts("apiVersions")
      resources = value.texts("resources")
      names = value.texts("resourceNames")
      scope = value["scope"]?.stringValue ?? "*"
    }

    func matches(_ attributes: AdmissionAttributes) -> Bool {
      func has(_ values: [String], _ value: String) -> Bool {
        values.contains("*") || values.contains(value)
      }
      let isNamespaced = !attributes.namespace.isEmpty && !attributes.isNamespace
      return has(operations, attributes.operation.rawValue)
        && has(groups, attributes.resource.group) && has(versions, attributes.resource.version)
        && resources.contains { covers($0, attributes) }
        && (names.isEmpty || names.contains(attributes.name))
        && (scope != "Namespaced" || isNamespaced) && (scope != "Cluster" || !isNamespaced)
    }

    /// `pods`, `pods/status`, `pods/*`, `*/scale`, `*` (no subresource), `*/*`.
    private func covers(_ pattern: String, _ attributes: AdmissionAttributes) -> Bool {
      let parts = pattern.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      let subresource = parts.count > 1 ? String(parts[1]) : ""
      return (parts[0] == "*" || parts[0] == attributes.resource.resource)
        && (subresource == "*" || subresource == attributes.subresource)
    }
  }

  private let namespaces: LabelSelector
  private let objects: LabelSelector
  private let rules: [Rule]
  private let excluded: [Rule]
  private let isAllWithoutRules: Bool

  /// - Parameters:
  ///   - rules: the field that holds them.
  ///   - isAllWithoutRules: whether no rules mean any write, rather than none.
  init(_ value: JSONValue?, rules field: String = "resourceRules", isAllWithoutRules: Bool = true) {
    func selector(_ key: String) -> LabelSelector {
      value?[key].map { LabelSelector(object: $0) } ?? .everything
    }
    func rules(_ key: String) -> [Rule] { (value?[key]?.arrayValue ?? []).map(Rule.init) }
    namespaces = selector("namespaceSelector")
    objects = selector("objectSelector")
    self.rules = rules(field)
    self.isAllWithoutRules = isAllWithoutRules
    excluded = rules("excludeResourceRules")
  }

  func matches(_ attributes: AdmissionAttributes) -> Bool {
    matchesNamespace(attributes) && matchesObject(attributes)
      && !excluded.contains { $0.matches(attributes) }
      && (rules.isEmpty ? isAllWithoutRules : rules.contains { $0.matches(attributes) })
  }

  /// What lies in no namespace is not selected by one.
  private func matchesNamespace(_ attributes: AdmissionAttributes) -> Bool {
    let namespace =
      attributes.isNamespace
      ? attributes.object ?? attributes.oldObject : attributes.namespaceObject
    guard attributes.isNamespace || !attributes.namespace.isEmpty else { return true }
    return namespaces.matches(namespace?.at("metadata", "labels")?.objectValue)
  }

  private func matchesObject(_ attributes: AdmissionAttributes) -> Bool {
    if objects.requirements.isEmpty, !objects.matchesNothing { return true }
    return [attributes.object, attributes.oldObject].contains { object in
      object.map { objects.matches($0.at("metadata", "labels")?.objectValue) } ?? false
    }
  }
}
