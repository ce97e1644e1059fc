import JSONDocument

/// Checks an OpenAPI v3 schema: that it is structural (KEP-1693), that its defaults fit it, and that
/// its rules can be compiled and cost no more than they may.
struct SchemaChecker {
  /// A schema that was accepted before is not refused for what its rules cost.
  var skipsCost: Bool
  var ruleCosts: [(field: String, cost: UInt64)] = []
  var totalCost: UInt64 = 0

  init(skipsCost: Bool) { self.skipsCost = skipsCost }

  private static let rootMembers: Set<String> = [
    "description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems",
    "uniqueItems", "multipleOf", "required", "items", "properties", "externalDocs", "example",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
  ]

  static func isSet(_ value: JSONValue) -> Bool {
    switch value {
    case .null: false
    case .bool(let flag): flag
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let members): !members.isEmpty
    case .int(let number): number != 0
    case .double(let number): number != 0
    }
  }

  mutating func check(_ schema: JSONValue, _ place: String, hasStatus: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if hasStatus {
      for (name, value) in schema.objectValue ?? [:] where Self.isSet(value) {
        if name == "type" {
          guard value != "object" else { continue }
          errors.append(
            .invalid(
              "\(place).type", value,
              "only \"object\" is allowed as the type at the root of the schema if the status "
                + "subresource is enabled"))
          break
        }
        if !Self.rootMembers.contains(name) {
          errors.append(
            .invalid(
              place, schema,
              "only some fields are allowed at the root of the schema if the status subresource "
                + "is enabled, \(name) is not"))
          break
        }
      }
    }
    if schema["nullable"] == true {
      errors.append(.forbidden("\(place).nullable", "nullable cannot be true at the root"))
    }
    var structural = StructuralChecker()
    structural.check(schema, place)
    var checksRules = false
    if !structural.errors.isEmpty {
      errors += structural.errors
    } else if !hasForbidden(schema, 0) {
      let compiled = StructuralSchema(schema)
      let wrong = DefaultChecker.errors(compiled, place)
      errors += wrong
      checksRules = wrong.isEmpty
    }
    var walk = Walk(
      allowsDefaults: true, defaultsReason: "", isInMetadata: false, uncorrelatable: nil,
      cardinality: 1, checksRules: checksRules)
    let result = visit(schema, place, isRoot: true, &walk, depth: 0)
    errors += result.schema + result.rules
    if checksRules, totalCost > CELCost.schemaLimit, !skipsCost {
      for rule in ruleCosts.sorted(by: { $0.cost > $1.cost }).prefix(4) {
        errors.append(
          .forbidden(
            rule.field,
            "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 "
              + "schema"))
      }
      errors.append(
        .forbidden(
          place,
          Self.excess(
            "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema",
            totalCost, CELCost.schemaLimit)))
    }
    return errors
  }

  /// Constructs that upstream can't compile at all; they are told of by themselves.
  private func hasForbidden(_ schema: JSONValue, _ depth: Int) -> Bool {
    guard depth < StructuralSchema.maximumDepth, let members = schema.objectValue else {
      return false
    }
    for name in [
      "$ref", "dependencies", "definitions", "patternProperties", "additionalItems", "id",
    ]
    where members[name].map(Self.isSet) ?? false {
      return true
    }
    if members["items"]?.arrayValue != nil { return true }
    var children = Array((members["properties"]?.objectValue ?? [:]).values)
    for name in ["items", "additionalProperties", "not"] {
      if let child = members[name] { children.append(child) }
    }
    for name in ["allOf", "anyOf", "oneOf"] { children += members[name]?.arrayValue ?? [] }
    return children.contains { hasForbidden($0, depth + 1) }
  }

  struct Walk {
    var allowsDefaults: Bool
    var defaultsReason: String
    var isInMetadata: Bool
    /// Where the place begins in which old and new values can't be told to belong together.
    var uncorrelatable: String?
    /// How many values of this place an object can hold; nil where nothing bounds them.
    var cardinality: UInt64?
    var checksRules: Bool
  }

  private typealias Found = (schema: [FieldError], rules: [FieldError])

  private mutating func visit(
    _ schema: JSONValue?, _ place: String, isRoot: Bool, _ walk: inout Walk, depth: Int
  ) -> Found {
    guard let schema, schema.objectValue != nil, depth < StructuralSchema.maximumDepth else {
      return ([], [])
    }
    let walk = walk
    var found: Found = (Self.standard(schema, place, walk), [])
    func add(_ other: Found) {
      found.schema += other.schema
      found.rules += other.rules
    }
    if schema["uniqueItems"] == true {
      found.schema.append(
        .forbidden(
          "\(place).uniqueItems",
          "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
    }
    let isResource = isRoot || schema["x-kubernetes-embedded-resource"] == true
    let properties = schema["properties"]?.objectValue ?? [:]
    if let additional = schema["additionalProperties"] {
      if !properties.isEmpty, additional != true {
        found.schema.append(
          .forbidden(
            "\(place).additionalProperties",
            "additionalProperties and properties are mutual exclusive"))
      }
      var inner = walk
      inner.cardinality = Self.cardinality(walk.cardinality, schema)
      if walk.isInMetadata {
        inner.allowsDefaults = false
        inner.defaultsReason = "inside additionalProperties applying to object metadata"
      }
      add(
        visit(
          additional, "\(place).additionalProperties", isRoot: false, &inner, depth: depth + 1))
    }
    for (name, property) in properties {
      var inner = walk
      inner.cardinality = Self.cardinality(walk.cardinality, schema)
      if isResource, StructuralSchema.resourceMembers.contains(name) {
        inner.isInMetadata = true
        if isRoot {
          inner.allowsDefaults = false
          inner.defaultsReason = "in top-level \(name)"
        }
      }
      add(
        visit(
          property, "\(place).properties[\(name)]", isRoot: false, &inner, depth: depth + 1))
    }
    var nested = walk
    nested.checksRules = false
    add(visit(schema["not"], "\(place).not", isRoot: false, &nested, depth: depth + 1))
    for name in ["allOf", "oneOf", "anyOf"] {
      for (index, child) in (schema[name]?.arrayValue ?? []).enumerated() {
        add(visit(child, "\(place).\(name)[\(index)]", isRoot: false, &nested, depth: depth + 1))
      }
    }
    if let items = schema["items"] {
      var inner = walk
      inner.cardinality = Self.cardinality(walk.cardinality, schema)
      if schema["x-kubernetes-list-type"] != "map" {
        inner.uncorrelatable = walk.uncorrelatable ?? place
      }
      add(visit(items, "\(place).items", isRoot: false, &inner, depth: depth + 1))
    }
    found.schema += Self.extensions(schema, place)
    found.schema += Self.listOfKeys(schema, place)
    let rules = schema["x-kubernetes-validations"]?.arrayValue ?? []
    if !rules.isEmpty {
      found.schema += Self.ruleForms(schema, rules, place)
      if found.schema.isEmpty, walk.checksRules {
        found.rules += compile(schema, rules, place, isResource: isResource, walk)
      }
    }
    return found
  }

  /// How many elements a schema lets an object hold at most, one level further down.
  private static func cardinality(_ outer: UInt64?, _ schema: JSONValue) -> UInt64? {
    guard let outer else { return nil }
    func bound(_ name: String) -> UInt64? {
      schema[name]?.intValue.map { CELCost.product(outer, UInt64(max(0, $0))) }
    }
    switch schema["type"]?.stringValue {
    case "array": return bound("maxItems")
    case "object" where schema["additionalProperties"] != nil: return bound("maxProperties")
    default: return outer
    }
  }
}
