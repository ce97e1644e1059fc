import JSONDocument

/// Checks an OpenAPI v3 schema: that it is structural (KEP-1693), that its defaults fit it, and that
/// its rules can be compiled and cost no more than they may.
struct SchemaChecker {
  /// A schema that was accepted before is not refused for what its rules cost.
  var skipsCost: Bool
  private var ruleCosts: [(field: String, cost: UInt64)] = []
  private var totalCost: UInt64 = 0

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
    var children = members["properties"]?.objectValue?.values ?? []
    for name in ["items", "additionalProperties", "not"] {
      if let child = members[name] { children.append(child) }
    }
    for name in ["allOf", "anyOf", "oneOf"] { children += members[name]?.arrayValue ?? [] }
    return children.contains { hasForbidden($0, depth + 1) }
  }

  private struct Walk {
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

  // MARK: Rules

  private mutating func compile(
    _ schema: JSONValue, _ rules: [JSONValue], _ place: String, isResource: Bool, _ walk: Walk
  ) -> [FieldError] {
    let compiled = StructuralSchema(schema)
    guard let declaration = CELDeclaration(compiled, isRoot: isResource) else {
      return [
        FieldError(
          .internalError, "\(place).x-kubernetes-validations",
          "internal error: failed to construct type information for x-kubernetes-validations "
            + "rules: unable to convert structural schema to CEL declarations")
      ]
    }
    var errors: [FieldError] = []
    let count =
      walk.cardinality ?? CELDeclaration.maximumRequestBytes / (declaration.minimumBytes + 1)
    for (index, rule) in compiled.rules.enumerated() {
      let field = "\(place).x-kubernetes-validations[\(index)]"
      let result = CELProgram.compile(rule, declaration)
      observe(CELCost.product(result.cost, count), "estimated rule cost", "\(field).rule", &errors)
      if let problem = result.ruleProblem {
        errors.append(.invalid("\(field).rule", Self.shown(rule), problem))
      }
      if let problem = result.messageProblem {
        errors.append(.invalid("\(field).messageExpression", Self.shown(rule), problem))
      } else if let cost = result.messageCost {
        observe(cost, "estimated messageExpression cost", "\(field).messageExpression", &errors)
      }
      if result.usesOldSelf {
        if let place = walk.uncorrelatable {
          errors.append(
            .invalid(
              "\(field).rule", .string(rule.rule),
              "oldSelf cannot be used on the uncorrelatable portion of the schema within "
                + place))
        }
      } else if let optional = rule.optionalOldSelf {
        errors.append(
          .invalid(
            "\(field).optionalOldSelf", .bool(optional),
            "may not be set if oldSelf is not used in rule"))
      }
    }
    return errors
  }

  private mutating func observe(
    _ cost: UInt64, _ name: String, _ field: String, _ errors: inout [FieldError]
  ) {
    if cost > CELCost.ruleLimit, !skipsCost {
      errors.append(.forbidden(field, Self.excess(name, cost, CELCost.ruleLimit)))
    }
    totalCost = CELCost.sum(totalCost, cost)
    if cost >= CELCost.schemaLimit / 100 { ruleCosts.append((field, cost)) }
  }

  private static func excess(_ name: String, _ cost: UInt64, _ limit: UInt64) -> String {
    let factor = Double(cost) / Double(limit)
    let text =
      factor > 100
      ? "more than 100x" : "\(JSONValue.double((factor * 10).rounded() / 10).text)x"
    return "\(name) exceeds budget by factor of \(text) (try simplifying the rule, or adding "
      + "maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
  }

  /// A rule as upstream's messages show it.
  private static func shown(_ rule: StructuralSchema.Rule) -> JSONValue {
    [
      "Rule": .string(rule.rule), "Message": .string(rule.message),
      "MessageExpression": .string(rule.messageExpression),
      "Reason": rule.reason.map { .string($0) } ?? .null, "FieldPath": .string(rule.fieldPath),
      "OptionalOldSelf": rule.optionalOldSelf.map { .bool($0) } ?? .null,
    ]
  }

  private static func ruleForms(_ schema: JSONValue, _ rules: [JSONValue], _ place: String)
    -> [FieldError]
  {
    var errors: [FieldError] = []
    func hasBreaks(_ text: String) -> Bool {
      text.unicodeScalars.contains { $0 == "\n" || $0 == "\r" }
    }
    let reasons = [
      "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired",
    ]
    for (index, value) in rules.enumerated() {
      let field = "\(place).x-kubernetes-validations[\(index)]"
      func text(_ name: String) -> String { value[name]?.stringValue ?? "" }
      let rule = text("rule").trimmingSpaces
      let message = text("message").trimmingSpaces
      if rule.isEmpty {
        errors.append(.required("\(field).rule", "rule is not specified"))
      } else if !text("message").isEmpty, message.isEmpty {
        errors.append(
          .invalid(
            "\(field).message", value["message"], "must be non-empty if specified"))
      } else if hasBreaks(message) {
        errors.append(
          .invalid(
            "\(field).message", value["message"], "must not contain line breaks"))
      } else if hasBreaks(rule), message.isEmpty {
        errors.append(
          .required(
            "\(field).message", "message must be specified if rule contains line breaks"))
      }
      if !text("messageExpression").isEmpty, text("messageExpression").trimmingSpaces.isEmpty {
        errors.append(
          .required(
            "\(field).messageExpression", "must be non-empty if specified"))
      }
      if let reason = value["reason"]?.stringValue, !reasons.contains(reason) {
        errors.append(.notSupported("\(field).reason", .string(reason), reasons))
      }
      let path = text("fieldPath")
      guard !path.isEmpty else { continue }
      if path.trimmingSpaces.isEmpty {
        errors.append(
          .invalid(
            "\(field).fieldPath", .string(path), "must be non-empty if specified"))
      }
      if hasBreaks(path) {
        errors.append(
          .invalid(
            "\(field).fieldPath", .string(path), "must not contain line breaks"))
      }
      if case .failure = SchemaPath.resolve(path, in: StructuralSchema(schema)) {
        errors.append(
          .invalid("\(field).fieldPath", .string(path), "must be a valid path"))
      }
    }
    return errors
  }

  // MARK: Members of one schema

  private static let types = ["array", "boolean", "integer", "number", "object", "string"]

  private static func standard(_ schema: JSONValue, _ place: String, _ walk: Walk)
    -> [FieldError]
  {
    var errors: [FieldError] = []
    let type = schema["type"]?.stringValue ?? ""
    if !type.isEmpty, !types.contains(type) {
      errors.append(.notSupported("\(place).type", .string(type), types))
    }
    if schema["default"] != nil, !walk.allowsDefaults {
      errors.append(
        .forbidden(
          "\(place).default",
          walk.defaultsReason.isEmpty ? "must not be set" : "must not be set \(walk.defaultsReason)"
        ))
    }
    for name in [
      "id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref",
    ]
    where schema[name].map(isSet) ?? false || name == "additionalItems" && schema[name] != nil {
      errors.append(.forbidden("\(place).\(name)", "\(name) is not supported"))
    }
    if type == "null" {
      errors.append(
        .forbidden(
          "\(place).type", "type cannot be set to null, use nullable as an alternative"))
    }
    if schema["items"]?.arrayValue != nil {
      errors.append(
        .forbidden("\(place).items", "items must be a schema object and not an array"))
    }
    if walk.isInMetadata, schema["x-kubernetes-embedded-resource"] == true {
      errors.append(
        .forbidden(
          "\(place).x-kubernetes-embedded-resource",
          "must not be used inside of resource meta"))
    }
    return errors
  }

  private static func extensions(_ schema: JSONValue, _ place: String) -> [FieldError] {
    var errors: [FieldError] = []
    let type = schema["type"]?.stringValue ?? ""
    let items = schema["items"]
    let itemType = items?["type"]?.stringValue ?? ""
    if schema["x-kubernetes-preserve-unknown-fields"] == false {
      errors.append(
        .invalid(
          "\(place).x-kubernetes-preserve-unknown-fields", false, "must be true or undefined"))
    }
    func wrongType(_ wanted: String, _ name: String) {
      let text = "must be \(wanted) if \(name) is specified"
      errors.append(
        type.isEmpty
          ? .required("\(place).type", text) : .invalid("\(place).type", .string(type), text))
    }
    if let mapType = schema["x-kubernetes-map-type"]?.stringValue {
      if type != "object" { wrongType("object", "x-kubernetes-map-type") }
      if !["atomic", "granular"].contains(mapType) {
        errors.append(
          .notSupported(
            "\(place).x-kubernetes-map-type", .string(mapType), ["atomic", "granular"]))
      }
    }
    let listType = schema["x-kubernetes-list-type"]?.stringValue
    if let listType {
      if type != "array" {
        wrongType("array", "x-kubernetes-list-type")
      } else if listType == "set", items?.objectValue != nil {
        let text = "must be atomic as item of a list with x-kubernetes-list-type=set"
        if itemType == "array", let inner = items?["x-kubernetes-list-type"], inner != "atomic" {
          errors.append(.invalid("\(place).items.x-kubernetes-list-type", inner, text))
        }
        if itemType == "object", items?["x-kubernetes-map-type"] != "atomic" {
          errors.append(
            .invalid(
              "\(place).items.x-kubernetes-map-type", items?["x-kubernetes-map-type"], text))
        }
      }
      if !["atomic", "set", "map"].contains(listType) {
        errors.append(
          FieldError(
            .notSupported, "\(place).x-kubernetes-list-type", value: .string(listType),
            "supported values: \"atomic\", \"set\", \"map\""))
      }
    }
    return errors
  }

  private static func listOfKeys(_ schema: JSONValue, _ place: String) -> [FieldError] {
    var errors: [FieldError] = []
    let items = schema["items"]
    let itemType = items?["type"]?.stringValue ?? ""
    let listType = schema["x-kubernetes-list-type"]?.stringValue
    let keys = (schema["x-kubernetes-list-map-keys"]?.arrayValue ?? []).compactMap(\.stringValue)
    let field = "\(place).x-kubernetes-list-map-keys"
    if !keys.isEmpty, listType != "map" {
      let text = "must be map if x-kubernetes-list-map-keys is non-empty"
      let place = "\(place).x-kubernetes-list-type"
      errors.append(
        listType.map { .invalid(place, .string($0), text) } ?? .required(place, text))
    }
    if listType == "map" {
      if keys.isEmpty {
        errors.append(
          .required(field, "must not be empty if x-kubernetes-list-type is map"))
      }
      if let items {
        if items.objectValue == nil {
          errors.append(
            .invalid(
              "\(place).items", items,
              "must only have a single schema if x-kubernetes-list-type is map"))
        } else if itemType != "object" {
          errors.append(
            .invalid(
              "\(place).items.type", .string(itemType),
              "must be object if parent array's x-kubernetes-list-type is map"))
        }
      } else {
        errors.append(
          .required(
            "\(place).items", "must have a schema if x-kubernetes-list-type is map"))
      }
      var seen: Set<String> = []
      for key in keys where itemType == "object" {
        if let property = items?["properties"]?[key] {
          if property["type"] == "array" || property["type"] == "object" {
            errors.append(
              .invalid(
                "\(place).items.properties[\(key)].type", .string(itemType),
                "must be a scalar type if parent array's x-kubernetes-list-type is map"))
          }
        } else {
          errors.append(
            .invalid(
              field, schema["x-kubernetes-list-map-keys"],
              "entries must all be names of item properties"))
        }
        if !seen.insert(key).inserted {
          errors.append(
            .invalid(
              field, schema["x-kubernetes-list-map-keys"], "must not contain duplicate entries"))
        }
      }
    }
    guard let items, items.objectValue != nil, listType == "map" || listType == "set" else {
      return errors
    }
    if items["nullable"] == true {
      errors.append(
        .forbidden(
          "\(place).items.nullable",
          "cannot be nullable when x-kubernetes-list-type is \(listType ?? "")"))
    }
    guard listType == "map" else { return errors }
    let required = (items["required"]?.arrayValue ?? []).compactMap(\.stringValue)
    for key in keys {
      guard let property = items["properties"]?[key] else { continue }
      if !required.contains(key), property["default"] == nil {
        errors.append(
          .required(
            "\(place).items.properties[\(key)].default",
            "this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
              + "required property"))
      }
      if property["nullable"] == true {
        errors.append(
          .forbidden(
            "\(place).items.properties[\(key)].nullable",
            "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
      }
    }
    return errors
  }
}
