import JSONDocument

/// What one schema says by itself, apart from those inside it.
extension SchemaChecker {
  private static let types = ["array", "boolean", "integer", "number", "object", "string"]

  static func standard(_ schema: JSONValue, _ place: String, _ walk: Walk)
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

  static func extensions(_ schema: JSONValue, _ place: String) -> [FieldError] {
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

  static func listOfKeys(_ schema: JSONValue, _ place: String) -> [FieldError] {
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
