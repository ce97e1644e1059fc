import JSONDocument

/// Checks that a schema is structural: what the fields of an object are is said outside of
/// `allOf`, `anyOf`, `oneOf` and `not`, and each has a type (KEP-1693).
struct StructuralChecker {
  private enum Level { case root, item, field }

  var errors: [FieldError] = []

  mutating func check(_ schema: JSONValue, _ place: String) {
    invariants(schema, .root, place, 0)
    complete(schema, schema, place, place, 0)
    errors.sort { "\($0.field): \($0.body)" < "\($1.field): \($1.body)" }
  }

  private func isSet(_ schema: JSONValue, _ name: String) -> Bool {
    schema[name].map(SchemaChecker.isSet) ?? false
  }

  private static let intOrString: JSONValue = [["type": "integer"], ["type": "string"]]

  private mutating func invariants(
    _ schema: JSONValue, _ level: Level, _ place: String, _ depth: Int
  ) {
    guard schema.objectValue != nil, depth < StructuralSchema.maximumDepth else { return }
    let type = schema["type"]?.stringValue ?? ""
    let isEmbedded = schema["x-kubernetes-embedded-resource"] == true
    let isIntOrString = schema["x-kubernetes-int-or-string"] == true
    let preserves = schema["x-kubernetes-preserve-unknown-fields"] == true
    let properties = schema["properties"]?.objectValue ?? [:]
    if type == "array", schema["items"] == nil {
      errors.append(.required("\(place).items", "must be specified"))
    }
    if let items = schema["items"] { invariants(items, .item, "\(place).items", depth + 1) }
    for (name, property) in properties {
      invariants(property, .field, "\(place).properties[\(name)]", depth + 1)
    }
    if let additional = schema["additionalProperties"] {
      if level == .root {
        errors.append(
          .forbidden("\(place).additionalProperties", "must not be used at the root"))
      }
      invariants(additional, .field, "\(place).additionalProperties", depth + 1)
    }
    if isIntOrString, preserves {
      errors.append(
        .invalid(
          "\(place).x-kubernetes-preserve-unknown-fields", true,
          "must be false if x-kubernetes-int-or-string is true"))
    }
    if isIntOrString, isEmbedded {
      errors.append(
        .invalid(
          "\(place).x-kubernetes-embedded-resource", true,
          "must be false if x-kubernetes-int-or-string is true"))
    }
    valueRules(
      schema, skipsAnyOf: schema["anyOf"] == Self.intOrString,
      skipsFirst: schema["allOf"]?[0]?["anyOf"] == Self.intOrString, level, place, depth)
    let describesObject = level == .root || isEmbedded
    if isEmbedded, type != "object" {
      let text = "must be object if x-kubernetes-embedded-resource is true"
      errors.append(
        type.isEmpty
          ? .required("\(place).type", text) : .invalid("\(place).type", .string(type), text))
    } else if type.isEmpty, !isIntOrString, !preserves {
      let text =
        switch level {
        case .root: "must not be empty at the root"
        case .item: "must not be empty for specified array items"
        case .field: "must not be empty for specified object fields"
        }
      errors.append(.required("\(place).type", text))
    }
    if isEmbedded, schema["additionalProperties"] != nil {
      errors.append(
        .forbidden(
          "\(place).additionalProperties",
          "must not be used if x-kubernetes-embedded-resource is set"))
    }
    if level == .root, !type.isEmpty, type != "object" {
      errors.append(.invalid("\(place).type", .string(type), "must be object at the root"))
    }
    for name in ["kind", "apiVersion"] where describesObject {
      if let property = properties[name], property["type"] != "string" {
        errors.append(
          .invalid(
            "\(place).properties[\(name)].type", property["type"] ?? "", "must be string"))
      }
    }
    if let metadata = properties["metadata"] {
      let field = "\(place).properties[metadata]"
      if describesObject, metadata["type"] != "object" {
        errors.append(.invalid("\(field).type", metadata["type"] ?? "", "must be object"))
      }
      if level == .root {
        let names = (metadata["properties"]?.objectValue ?? [:]).keys
        let isPlain = names.allSatisfy { $0 == "name" || $0 == "generateName" }
        let others = (metadata.objectValue ?? [:]).contains { name, value in
          !["type", "default", "properties"].contains(name) && SchemaChecker.isSet(value)
        }
        if !isPlain || others {
          errors.append(
            .forbidden(
              field,
              "must not specify anything other than name and generateName, but metadata is "
                + "implicitly specified"))
        }
      }
    }
    if isEmbedded, !preserves, properties.isEmpty {
      errors.append(
        .required(
          "\(place).properties",
          "must not be empty if x-kubernetes-embedded-resource is true without "
            + "x-kubernetes-preserve-unknown-fields"))
    }
  }

  private mutating func valueRules(
    _ schema: JSONValue, skipsAnyOf: Bool, skipsFirst: Bool, _ level: Level, _ place: String,
    _ depth: Int
  ) {
    for name in ["anyOf", "allOf", "oneOf"] {
      if name == "anyOf", skipsAnyOf { continue }
      for (index, child) in (schema[name]?.arrayValue ?? []).enumerated() {
        nested(
          child, skipsAnyOf: name == "allOf" && index == 0 && skipsFirst, level,
          "\(place).\(name)[\(index)]", depth + 1)
      }
    }
    if let not = schema["not"] {
      nested(not, skipsAnyOf: false, level, "\(place).not", depth + 1)
    }
    if let pattern = schema["pattern"]?.stringValue, !pattern.isEmpty {
      do throws(RegularExpression.Problem) {
        _ = try RegularExpression(pattern)
      } catch {
        errors.append(
          .invalid(
            "\(place).pattern", .string(pattern),
            "must be a valid regular expression, but isn't: \(error.description)"))
      }
    }
  }

  private static let forbidden: [(name: String, text: String)] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("externalDocs", "must be undefined to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
  ]

  /// What stands under `allOf`, `anyOf`, `oneOf` and `not` may only restrict values.
  private mutating func nested(
    _ schema: JSONValue, skipsAnyOf: Bool, _ level: Level, _ place: String, _ depth: Int
  ) {
    guard schema.objectValue != nil, depth < StructuralSchema.maximumDepth else { return }
    valueRules(schema, skipsAnyOf: skipsAnyOf, skipsFirst: false, level, place, depth)
    if let items = schema["items"] {
      nested(items, skipsAnyOf: false, level, "\(place).items", depth + 1)
    }
    for (name, property) in schema["properties"]?.objectValue ?? [:] {
      nested(
        property, skipsAnyOf: false, .field, "\(place).properties[\(name)]", depth + 1)
    }
    for (name, text) in Self.forbidden {
      let isThere =
        ["default", "additionalProperties"].contains(name)
        ? schema[name] != nil : isSet(schema, name)
      if isThere { errors.append(.forbidden("\(place).\(name)", text)) }
    }
    if schema["properties"]?["metadata"] != nil {
      errors.append(
        .forbidden(
          "\(place).properties[metadata]", "must not be specified in a nested context"))
    }
  }

  /// What the root's restrictions speak of must be specified outside of them, too.
  private mutating func complete(
    _ restriction: JSONValue, _ schema: JSONValue?, _ place: String, _ source: String,
    _ depth: Int
  ) {
    guard depth < StructuralSchema.maximumDepth else { return }
    func visit(_ child: JSONValue, _ name: String) {
      completeNested(child, schema, place, "\(source).\(name)", depth + 1)
    }
    if let not = restriction["not"] { visit(not, "not") }
    for name in ["allOf", "anyOf", "oneOf"] {
      for (index, child) in (restriction[name]?.arrayValue ?? []).enumerated() {
        visit(child, "\(name)[\(index)]")
      }
    }
  }

  private mutating func completeNested(
    _ restriction: JSONValue, _ schema: JSONValue?, _ place: String, _ source: String,
    _ depth: Int
  ) {
    guard depth < StructuralSchema.maximumDepth else { return }
    guard let schema else {
      errors.append(.required(place, "because it is defined in \(source)"))
      return
    }
    complete(restriction, schema, place, source, depth)
    if let items = restriction["items"] {
      completeNested(items, schema["items"], "\(place).items", "\(source).items", depth + 1)
    }
    for (name, property) in restriction["properties"]?.objectValue ?? [:] {
      let field = "properties[\(name)]"
      guard let inner = schema["properties"]?[name] else {
        errors.append(
          .required("\(place).\(field)", "because it is defined in \(source).\(field)"))
        continue
      }
      completeNested(property, inner, "\(place).\(field)", "\(source).\(field)", depth + 1)
    }
  }
}

/// Checks that the defaults of a schema fit it.
enum DefaultChecker {
  static func errors(_ schema: StructuralSchema, _ place: String, depth: Int = 0)
    -> [FieldError]
  {
    guard schema.hasDefaults, depth < StructuralSchema.maximumDepth else { return [] }
    var errors: [FieldError] = []
    if let value = schema.defaultValue {
      let field = "\(place).default"
      var pruned = value
      if !schema.prune(&pruned, isRoot: schema.isEmbeddedResource).isEmpty {
        errors.append(.invalid(field, value, "must not have unknown fields"))
      }
      errors += schema.embeddedResourceErrors(in: value, path: field)
      errors += schema.validate(value, base: field)
      if let rules = RuleValidator(schema) {
        errors += rules.check(value, old: nil).errors.map { error in
          var error = error
          error.field = error.field == "<nil>" ? field : "\(field).\(error.field)"
          return error
        }
      }
    }
    if let items = schema.items {
      errors += self.errors(items, "\(place).items", depth: depth + 1)
    }
    for name in schema.propertyNames {
      if let property = schema.properties[name] {
        errors += self.errors(property, "\(place).properties[\(name)]", depth: depth + 1)
      }
    }
    if case .schema(let values)? = schema.additionalProperties {
      errors += self.errors(values, "\(place).additionalProperties", depth: depth + 1)
    }
    return errors
  }
}
