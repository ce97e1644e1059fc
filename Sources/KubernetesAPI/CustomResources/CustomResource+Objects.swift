import JSONDocument

extension CustomResource {
  /// Fits an object that was sent to its schema: type and metadata are checked, unknown fields go.
  func prune(_ object: inout JSONValue) -> FieldValidation.Findings {
    var findings = FieldValidation.Findings()
    guard object.objectValue != nil else {
      findings.mismatch = FieldValidation.TypeMismatch(
        message: "json: cannot unmarshal \(object.typeName) into Go value of type "
          + "map[string]interface {}", path: "")
      return findings
    }
    if let schema { findings.unknown = schema.prune(&object, isRoot: true) }
    do throws(FieldValidation.TypeMismatch) {
      findings.unknown += try StructuralSchema.normalizeMetadata(&object, schema, isRoot: true)
    } catch {
      findings.mismatch = error
    }
    return findings
  }

  func applyDefaults(to object: inout JSONValue) { schema?.applyDefaults(to: &object) }

  /// An object in this version as it comes from another one: the strategy None, by which versions
  /// differ in name alone. What this version's schema does not know is dropped.
  public func convert(_ object: inout JSONValue, isStored: Bool) {
    object["apiVersion"] = .string(isStored ? "\(group)/\(storageVersion)" : apiVersion)
    guard let schema = isStored ? storageSchema : schema else { return }
    _ = schema.prune(&object, isRoot: true)
    if !isStored { schema.applyDefaults(to: &object) }
  }

  // MARK: Validation

  /// What checking an object came to. Warnings are rules that an update found broken already.
  public struct Verdict: Sendable {
    public var errors: [FieldError] = []
    public var warnings: [String] = []
  }

  /// What is wrong with a new object, its metadata aside.
  public func validate(_ object: JSONValue, old: JSONValue?) -> Verdict {
    var verdict = Verdict()
    guard let schema else { return verdict }
    verdict.errors = schema.validate(object, old: old)
    verdict.errors += schema.embeddedResourceErrors(in: object)
    if old.map({ schema.duplicates(in: $0).isEmpty }) ?? true {
      verdict.errors += schema.duplicates(in: object)
    }
    verdict.errors += scaleErrors(object)
    guard let rules else { return verdict }
    let isBlocked = verdict.errors.contains {
      [.required, .tooLong, .tooMany, .typeInvalid].contains($0.type)
    }
    if isBlocked {
      verdict.errors.append(
        .invalid(
          "<nil>", .null,
          "some validation rules were not checked because the object was invalid; correct the "
            + "existing errors to complete validation"))
      return verdict
    }
    let result = rules.check(object, old: old)
    verdict.errors += result.errors
    verdict.warnings = result.warnings
    return verdict
  }

  /// What is read as a `Scale` must be numbers.
  private func scaleErrors(_ object: JSONValue) -> [FieldError] {
    guard let scale else { return [] }
    var errors: [FieldError] = []
    for path in [scale.specReplicas, scale.statusReplicas] {
      guard let value = object.at(path: path), !value.isNull else { continue }
      let field = "." + path.joined(separator: ".")
      guard case .int(let number) = value else {
        errors.append(
          .invalid(
            field, value,
            "\(field) accessor error: \(GoFormat.text(value)) is of the type "
              + "\(Self.goType(value)), expected int64"))
        continue
      }
      if number < 0 {
        errors.append(.invalid(field, value, "should be a non-negative integer"))
      } else if number > Int64(Int32.max) {
        errors.append(
          .invalid(field, value, "should be less than or equal to \(Int32.max)"))
      }
    }
    if !scale.labelSelector.isEmpty, let value = object.at(path: scale.labelSelector),
      value.stringValue == nil, !value.isNull
    {
      let field = "." + scale.labelSelector.joined(separator: ".")
      errors.append(
        .invalid(
          field, value,
          "\(field) accessor error: \(GoFormat.text(value)) is of the type "
            + "\(Self.goType(value)), expected string"))
    }
    return errors
  }

  private static func goType(_ value: JSONValue) -> String {
    switch value {
    case .null: "nil"
    case .bool: "bool"
    case .int: "int64"
    case .double: "float64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object: "map[string]interface {}"
    }
  }

  // MARK: Tables and selectors

  static let plainColumns: [Column] = [
    Column(
      column: TableColumn(name: "Age", type: "date", description: "How long ago it was created."),
      path: FieldPathExpression(".metadata.creationTimestamp"))
  ]

  var tableColumns: [TableColumn] {
    [
      TableColumn(
        name: "Name", format: "name",
        description: "The name of the \(kind), unique within its namespace or the cluster.")
    ] + (columns.isEmpty ? Self.plainColumns : columns).map(\.column)
  }

  func cells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
    var cells: [JSONValue] = [object.at("metadata", "name") ?? ""]
    for column in columns.isEmpty ? Self.plainColumns : columns {
      guard let value = column.path?.values(in: object).first, !value.isNull else {
        cells.append(.null)
        continue
      }
      cells.append(Self.cell(value, type: column.column.type, now: now))
    }
    return cells
  }

  private static func cell(_ value: JSONValue, type: String, now: Timestamp) -> JSONValue {
    switch (type, value) {
    case ("string", .array), ("string", .object): return .string(value.sortedByKeys.text)
    case ("string", _): return .string(GoFormat.text(value))
    case ("integer", .int): return value
    case ("integer", .double(let number)): return .int(Int64(clamping: Int(number.clamped)))
    case ("number", .int), ("number", .double), ("boolean", .bool): return value
    case ("date", .string(let text)):
      guard let time = Timestamp(parsing: text) else { return "<invalid>" }
      return .string(HumanDuration.age(of: time, now: now))
    default: return .null
    }
  }

  /// A selectable field's value as text; `nil` for a field that can't be selected by.
  func value(ofField name: String, in object: JSONValue) -> String? {
    guard let field = selectableFields.first(where: { $0.name == name }) else { return nil }
    switch object.at(path: field.path) {
    case .string(let text): return text
    case .bool(let flag): return flag ? "true" : "false"
    case .int(let number): return String(number)
    case .double(let number): return GoFormat.text(.double(number))
    default: return ""
    }
  }
}

extension Double {
  fileprivate var clamped: Double { Swift.min(Swift.max(self, -9e15), 9e15) }
}

extension JSONValue {
  /// The same with members in the order of their names, as Go's maps are written.
  var sortedByKeys: JSONValue {
    switch self {
    case .array(let elements): .array(elements.map(\.sortedByKeys))
    case .object(let members):
      .object(JSONObject(members.sorted { $0.0 < $1.0 }.map { ($0.0, $0.1.sortedByKeys) }))
    default: self
    }
  }
}
