import JSONDocument

/// Fills in what upstream fills in: the defaults of each kind, then the fields that its encoder
/// always writes.
///
/// Call it on objects that `FieldValidation.prune` has passed.
public enum Defaulting {
  /// - Parameter stored: an object that has its defaults; what is shared with it stays as it is.
  public static func apply(
    to object: inout JSONValue, resource: ResourceInfo, stored: JSONValue? = nil,
    catalogue: Catalogue = .shared
  ) {
    if let custom = resource.custom { return custom.applyDefaults(to: &object) }
    apply(to: &object, typeName: resource.typeName, stored: stored, catalogue: catalogue)
    // Some type names say nothing about the group, so these two are set from the resource.
    if object["apiVersion"] == nil { object["apiVersion"] = .string(resource.apiVersion) }
    if object["kind"] == nil { object["kind"] = .string(resource.kind) }
  }

  /// The same for any type, e.g. that of a subresource.
  public static func apply(
    to object: inout JSONValue, typeName: String, stored: JSONValue? = nil,
    catalogue: Catalogue = .shared
  ) {
    guard let type = catalogue.type(typeName), case .object(var members) = object else { return }
    object = .null
    Walker(catalogue: catalogue).walk(&members, type.id, stored: stored)
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

  /// What the walk needs to know of a type, so that it looks only at members that are there and at
  /// fields that are filled in.
  private struct Plan: Sendable {
    struct Inner: Sendable {
      var type: FieldType
      var id: TypeID
    }

    struct Filled: Sendable {
      var name: String
      var fill: Emission.Fill
    }

    var rule: Rule?
    /// By position of the field: what its value leads to; nil for plain values.
    var inner: [Inner?]
    /// In the order of the fields.
    var filled: [Filled]
  }

  private static let plans: [Plan] = {
    let catalogue = Catalogue.shared
    return catalogue.types.map { type in
      let name = type.name
      return Plan(
        rule: rules[name.hasPrefix("io.k8s.api.") ? String(name.dropFirst(11)) : name],
        inner: type.fields.map { field in
          guard let id = field.type.typeID else { return nil }
          let inner = catalogue.type(id)
          guard inner.special == nil, !inner.fields.isEmpty else { return nil }
          return Plan.Inner(type: field.type, id: id)
        },
        filled: zip(type.fields, Emission.shared.fields[type.id.index]).compactMap {
          field, emission in emission.fill.map { Plan.Filled(name: field.name, fill: $0) }
        })
    }
  }()

  private struct Walker {
    var catalogue: Catalogue

    func walk(_ object: inout JSONObject, _ id: TypeID, stored: JSONValue?) {
      let plan = Defaulting.plans[id.index]
      plan.rule?(&object)
      for position in 0..<object.count {
        guard let field = catalogue.position(of: object.keys[position], in: id),
          let inner = plan.inner[field]
        else { continue }
        let before = stored?[object.keys[position]]
        if let before, object.values[position].isIdentical(to: before) { continue }
        object.edit(at: position) { descend(&$0, inner.type, inner.id, stored: before) }
      }
      for filled in plan.filled where !object.contains(filled.name) {
        switch filled.fill {
        case .value(let value): object[filled.name] = value
        case .object(let id):
          var inner: JSONObject = [:]
          walk(&inner, id, stored: nil)
          object[filled.name] = .object(inner)
        }
      }
    }

    private func descend(
      _ value: inout JSONValue, _ type: FieldType, _ id: TypeID, stored: JSONValue?
    ) {
      switch (type, value) {
      case (.type, .object(var object)):
        value = .null
        walk(&object, id, stored: stored)
        value = .object(object)
      case (.list(let element), .array(var elements)):
        value = .null
        for index in elements.indices {
          let before = stored?[index]
          if let before, elements[index].isIdentical(to: before) { continue }
          descend(&elements[index], element, id, stored: before)
        }
        value = .array(elements)
      case (.map(let element), .object(var object)):
        value = .null
        for position in 0..<object.count {
          let before = stored?[object.keys[position]]
          if let before, object.values[position].isIdentical(to: before) { continue }
          object.edit(at: position) { descend(&$0, element, id, stored: before) }
        }
        value = .object(object)
      default: break
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
