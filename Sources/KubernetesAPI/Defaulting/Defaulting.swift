import JSONDocument

/// Fills in what upstream fills in: the defaults of each kind, then the fields that its encoder
/// always writes.
///
/// Call it on objects that `FieldValidation.prune` has passed.
public enum Defaulting {
  public static func apply(
    to object: inout JSONValue, resource: ResourceInfo, catalogue: Catalogue = .shared
  ) {
    if let custom = resource.custom { return custom.applyDefaults(to: &object) }
    apply(to: &object, typeName: resource.typeName, catalogue: catalogue)
    // Some type names say nothing about the group, so these two are set from the resource.
    if object["apiVersion"] == nil { object["apiVersion"] = .string(resource.apiVersion) }
    if object["kind"] == nil { object["kind"] = .string(resource.kind) }
  }

  /// The same for any type, e.g. that of a subresource.
  public static func apply(
    to object: inout JSONValue, typeName: String, catalogue: Catalogue = .shared
  ) {
    guard let type = catalogue.type(typeName), case .object(var members) = object else { return }
    object = .null
    Walker(catalogue: catalogue).walk(&members, type)
    object = .object(members)
  }

  typealias Rule = @Sendable (inout JSONObject) -> Void

  /// By the type's name without `io.k8s.api.`.
  static let rules: [String: Rule] = {
    var rules: [String: Rule] = [:]
    for table in [podRules, volumeRules, workloadRules, networkRules, policyRules, storageRules] {
      rules.merge(table) { first, _ in first }
    }
    return rules
  }()

  /// The rules by type, so that no name is looked up on the way.
  private static let rulesByType: [Rule?] = Catalogue.shared.types.map {
    rules[$0.name.hasPrefix("io.k8s.api.") ? String($0.name.dropFirst(11)) : $0.name]
  }

  private struct Walker {
    var catalogue: Catalogue

    func walk(_ object: inout JSONObject, _ type: TypeInfo) {
      Defaulting.rulesByType[type.id.index]?(&object)
      let emissions = Emission.shared.fields[type.id.index]
      for (index, field) in type.fields.enumerated() {
        if let existing = object[field.name] {
          guard let id = field.type.typeID else { continue }
          let inner = catalogue.type(id)
          guard inner.special == nil, !inner.fields.isEmpty else { continue }
          object[field.name] = .null
          object[field.name] = descend(existing, field.type, inner)
          continue
        }
        switch emissions[index].fill {
        case .value(let value): object[field.name] = value
        case .object(let id):
          var inner: JSONObject = [:]
          walk(&inner, catalogue.type(id))
          object[field.name] = .object(inner)
        case nil: break
        }
      }
    }

    private func descend(_ value: JSONValue, _ type: FieldType, _ inner: TypeInfo) -> JSONValue {
      switch (type, value) {
      case (.type, .object(var object)):
        walk(&object, inner)
        return .object(object)
      case (.list(let element), .array(let elements)):
        return .array(elements.map { descend($0, element, inner) })
      case (.map(let element), .object(var object)):
        for (key, member) in object { object[key] = descend(member, element, inner) }
        return .object(object)
      default: return value
      }
    }
  }
}

extension JSONObject {
  /// Sets a member that is missing.
  mutating func setDefault(_ key: String, _ value: JSONValue) {
    if self[key] == nil { self[key] = value }
  }

  /// Sets a member that is missing or has its type's zero value.
  mutating func setDefaultForZero(_ key: String, _ value: JSONValue) {
    guard let existing = self[key] else {
      self[key] = value
      return
    }
    if existing == 0 || existing == "" { self[key] = value }
  }

  /// Edits the object at a member; does nothing where there is none.
  mutating func edit(_ key: String, _ change: (inout JSONObject) -> Void) {
    guard case .object(var object) = self[key] else { return }
    self[key] = .null
    change(&object)
    self[key] = .object(object)
  }

  /// Edits every object in the list at a member.
  mutating func editEach(_ key: String, _ change: (inout JSONObject) -> Void) {
    guard case .array(var elements) = self[key] else { return }
    self[key] = .null
    for index in elements.indices {
      guard case .object(var object) = elements[index] else { continue }
      change(&object)
      elements[index] = .object(object)
    }
    self[key] = .array(elements)
  }

  func string(_ key: String) -> String { self[key]?.stringValue ?? "" }
}
