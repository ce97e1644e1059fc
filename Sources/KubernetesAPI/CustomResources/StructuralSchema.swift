import JSONDocument

/// The schema of a version of a custom resource (KEP-1693), compiled from its OpenAPI v3 form: what
/// is kept of an object, what is filled in, and what its values may be.
public final class StructuralSchema: Sendable {
  /// A rule of `x-kubernetes-validations`.
  public struct Rule: Sendable, Hashable {
    public var rule: String
    public var message: String
    public var messageExpression: String
    /// E.g. `FieldValueForbidden`; nil means invalid.
    public var reason: String?
    public var fieldPath: String
    public var optionalOldSelf: Bool?
  }

  /// Bounds of numbers, lengths and counts.
  public struct Bounds: Sendable {
    public var maximum: Double?
    public var isMaximumExclusive = false
    public var minimum: Double?
    public var isMinimumExclusive = false
    public var multipleOf: Double?
    public var maximumLength: Int?
    public var minimumLength: Int?
    public var maximumItems: Int?
    public var minimumItems: Int?
    public var maximumProperties: Int?
    public var minimumProperties: Int?
  }

  public enum AdditionalProperties: Sendable {
    case schema(StructuralSchema)
    case allowed(Bool)
  }

  /// Empty where any type is taken.
  public let type: String
  public let format: String
  public let isNullable: Bool
  public let defaultValue: JSONValue?
  public let properties: [String: StructuralSchema]
  public let propertyNames: [String]
  public let items: StructuralSchema?
  public let additionalProperties: AdditionalProperties?
  public let preservesUnknownFields: Bool
  public let isEmbeddedResource: Bool
  public let isIntOrString: Bool
  /// atomic, set or map; nil means atomic.
  public let listType: String?
  public let listMapKeys: [String]
  /// atomic or granular; nil means granular.
  public let mapType: String?
  public let rules: [Rule]
  public let required: [String]
  public let enumeration: [JSONValue]?
  public let pattern: RegularExpression?
  public let uniqueItems: Bool
  public let bounds: Bounds
  public let allOf: [StructuralSchema]
  public let anyOf: [StructuralSchema]
  public let oneOf: [StructuralSchema]
  public let not: StructuralSchema?

  /// Whether anything here or below has a default.
  let hasDefaults: Bool
  /// Whether a list here or below is a set or a map.
  let hasUniqueLists: Bool
  /// Whether anything here or below is an object of its own.
  let hasEmbeddedResources: Bool
  /// Whether there are rules here or below.
  let hasRules: Bool

  static let maximumDepth = 128

  /// Compiles a schema; what it does not understand it leaves out, as checking it is another's task.
  public convenience init(_ schema: JSONValue) { self.init(schema, depth: 0) }

  private init(_ schema: JSONValue, depth: Int) {
    func text(_ name: String) -> String { schema[name]?.stringValue ?? "" }
    func flag(_ name: String) -> Bool { schema[name]?.boolValue ?? false }
    func count(_ name: String) -> Int? { schema[name]?.intValue.map { Int(clamping: $0) } }
    func child(_ value: JSONValue?) -> StructuralSchema? {
      guard let value, value.objectValue != nil, depth < Self.maximumDepth else { return nil }
      return StructuralSchema(value, depth: depth + 1)
    }
    func children(_ name: String) -> [StructuralSchema] {
      (schema[name]?.arrayValue ?? []).compactMap(child)
    }
    type = text("type")
    format = text("format")
    isNullable = flag("nullable")
    defaultValue = schema["default"]
    var properties: [String: StructuralSchema] = [:]
    for (name, value) in schema["properties"]?.objectValue ?? [:] {
      properties[name] = child(value)
    }
    self.properties = properties
    propertyNames = properties.keys.sorted()
    items = child(schema["items"])
    switch schema["additionalProperties"] {
    case .bool(let isAllowed): additionalProperties = .allowed(isAllowed)
    case let value?: additionalProperties = child(value).map { .schema($0) }
    case nil: additionalProperties = nil
    }
    preservesUnknownFields = flag("x-kubernetes-preserve-unknown-fields")
    isEmbeddedResource = flag("x-kubernetes-embedded-resource")
    isIntOrString = flag("x-kubernetes-int-or-string")
    listType = schema["x-kubernetes-list-type"]?.stringValue
    listMapKeys = (schema["x-kubernetes-list-map-keys"]?.arrayValue ?? [])
      .compactMap(\.stringValue)
    mapType = schema["x-kubernetes-map-type"]?.stringValue
    rules = (schema["x-kubernetes-validations"]?.arrayValue ?? []).map { rule in
      Rule(
        rule: rule["rule"]?.stringValue ?? "", message: rule["message"]?.stringValue ?? "",
        messageExpression: rule["messageExpression"]?.stringValue ?? "",
        reason: rule["reason"]?.stringValue, fieldPath: rule["fieldPath"]?.stringValue ?? "",
        optionalOldSelf: rule["optionalOldSelf"]?.boolValue)
    }
    required = (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
    enumeration = schema["enum"]?.arrayValue
    let patternText = text("pattern")
    pattern = patternText.isEmpty ? nil : try? RegularExpression(patternText)
    uniqueItems = flag("uniqueItems")
    bounds = Bounds(
      maximum: schema["maximum"]?.doubleValue, isMaximumExclusive: flag("exclusiveMaximum"),
      minimum: schema["minimum"]?.doubleValue, isMinimumExclusive: flag("exclusiveMinimum"),
      multipleOf: schema["multipleOf"]?.doubleValue, maximumLength: count("maxLength"),
      minimumLength: count("minLength"), maximumItems: count("maxItems"),
      minimumItems: count("minItems"), maximumProperties: count("maxProperties"),
      minimumProperties: count("minProperties"))
    allOf = children("allOf")
    anyOf = children("anyOf")
    oneOf = children("oneOf")
    not = child(schema["not"])

    var below = Array(properties.values)
    if let items { below.append(items) }
    if case .schema(let schema)? = additionalProperties { below.append(schema) }
    hasDefaults = defaultValue != nil || below.contains(where: \.hasDefaults)
    hasUniqueLists =
      listType == "set" || listType == "map" || below.contains(where: \.hasUniqueLists)
    hasEmbeddedResources = isEmbeddedResource || below.contains(where: \.hasEmbeddedResources)
    hasRules = !rules.isEmpty || (below + allOf).contains(where: \.hasRules)
  }

  /// The schema of a member, by name or as one of many.
  func member(_ name: String) -> StructuralSchema? {
    if let property = properties[name] { return property }
    if case .schema(let schema)? = additionalProperties { return schema }
    return nil
  }

  /// What a value may be, as messages name it.
  var types: [String] { isIntOrString ? ["integer", "string"] : type.isEmpty ? [] : [type] }

  static let resourceMembers: Set<String> = ["apiVersion", "kind", "metadata"]
}
