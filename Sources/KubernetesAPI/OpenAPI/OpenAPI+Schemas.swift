import JSONDocument

extension OpenAPI {
  /// Turns types of the catalogue into schemas.
  struct Schemas {
    let dialect: Dialect
    let catalogue: Catalogue

    /// All types that some types lead to, themselves included, sorted by name.
    static func reachable(from roots: [TypeID], _ catalogue: Catalogue) -> [TypeID] {
      var seen = Set(roots)
      var pending = Array(seen)
      while let id = pending.popLast() {
        for field in catalogue.type(id).fields {
          if let next = field.type.typeID, seen.insert(next).inserted { pending.append(next) }
        }
      }
      return seen.sorted { catalogue.type($0).name < catalogue.type($1).name }
    }

    func definitions(from roots: [TypeID]) -> JSONObject {
      var definitions: JSONObject = [:]
      for id in Self.reachable(from: roots, catalogue) {
        let type = catalogue.type(id)
        definitions[type.name] = schema(of: type)
      }
      return definitions
    }

    private func schema(of type: TypeInfo) -> JSONValue {
      switch type.special {
      case .time, .microTime:
        return [
          "description": "A point in time as RFC 3339 writes it.", "type": "string",
          "format": "date-time",
        ]
      case .quantity:
        let description: JSONValue = "An amount with a suffix, such as 500m, 1Gi or 2k."
        return dialect == .v2
          ? ["description": description, "type": "string"]
          : [
            "description": description,
            "oneOf": [["type": "string"], ["type": "number"]],
          ]
      case .intOrString:
        let description: JSONValue = "A number, or text such as a percentage or a port's name."
        return dialect == .v2
          ? ["description": description, "type": "string", "format": "int-or-string"]
          : [
            "description": description, "format": "int-or-string",
            "oneOf": [["type": "integer"], ["type": "string"]],
          ]
      case .any: return ["description": "Any JSON value."]
      case .anyObject: return ["description": "Any JSON object.", "type": "object"]
      case nil: break
      }
      var schema: JSONObject = ["description": .string(Descriptions.type(type))]
      let required = type.fields.filter(\.required).map { JSONValue.string($0.name) }
      if !required.isEmpty { schema["required"] = .array(required) }
      schema["type"] = "object"
      var properties: JSONObject = [:]
      if !type.kinds.isEmpty {
        for name in ["apiVersion", "kind"] where type.field(name) == nil {
          properties[name] = [
            "description": .string(Descriptions.field(name, of: type)), "type": "string",
          ]
        }
      }
      for field in type.fields { properties[field.name] = self.schema(of: field, in: type) }
      if !properties.isEmpty { schema["properties"] = .object(properties) }
      if !type.kinds.isEmpty {
        schema["x-kubernetes-group-version-kind"] = .array(
          type.kinds.map {
            [
              "group": .string($0.group), "kind": .string($0.kind),
              "version": .string($0.version),
            ]
          })
      }
      return .object(schema)
    }

    private func schema(of field: FieldInfo, in type: TypeInfo) -> JSONValue {
      var schema: JSONObject = [
        "description": .string(Descriptions.field(field.name, of: type))
      ]
      let shape: JSONObject = self.schema(of: field.type, wrapped: true)
      for (key, value) in shape { schema[key] = value }
      if let value = field.defaultValue, dialect == .v3 { schema["default"] = value }
      if let listType = field.listType {
        schema["x-kubernetes-list-type"] = .string(listType.rawValue)
      }
      if !field.listMapKeys.isEmpty {
        schema["x-kubernetes-list-map-keys"] = .array(field.listMapKeys.map(JSONValue.string))
      }
      if let mapType = field.mapType { schema["x-kubernetes-map-type"] = .string(mapType) }
      if let mergeKey = field.mergeKey {
        schema["x-kubernetes-patch-merge-key"] = .string(mergeKey)
      }
      if !field.patchStrategies.isEmpty {
        schema["x-kubernetes-patch-strategy"] = .string(
          field.patchStrategies.joined(separator: ","))
      }
      return .object(schema)
    }

    /// - Parameter wrapped: a reference gets siblings, which OpenAPI 3 allows only in `allOf`.
    private func schema(of type: FieldType, wrapped: Bool) -> JSONObject {
      switch type {
      case .string: return ["type": "string"]
      case .bytes: return ["type": "string", "format": "byte"]
      case .boolean: return ["type": "boolean"]
      case .integer(let bits): return ["type": "integer", "format": .string("int\(bits)")]
      case .number: return ["type": "number", "format": "double"]
      case .list(let element):
        return ["type": "array", "items": .object(schema(of: element, wrapped: false))]
      case .map(let element):
        return [
          "type": "object", "additionalProperties": .object(schema(of: element, wrapped: false)),
        ]
      case .type(let id):
        let reference: JSONValue = [
          "$ref": .string(dialect.references + catalogue.type(id).name)
        ]
        if wrapped, dialect == .v3 { return ["allOf": [reference]] }
        return reference.objectValue ?? [:]
      }
    }
  }

  /// A few words about types and fields, our own.
  enum Descriptions {
    private static let common: [String: String] = [
      "apiVersion": "Group and version of the schema that this object follows.",
      "kind": "The kind of object that this is.",
      "metadata": "Name, labels, owner and all else that objects have in common.",
      "spec": "What is wanted.",
      "status": "What was last observed; written by the system.",
      "items": "The objects of the list.",
      "conditions": "Observations about the current state, one of each type.",
      "name": "The name.",
      "namespace": "The namespace.",
      "labels": "Keys and values by which objects are selected.",
      "annotations": "Keys and values that tools keep with the object.",
      "replicas": "How many replicas.",
      "selector": "Which objects belong to this one, by their labels.",
      "template": "What new objects are made from.",
      "containers": "The containers that run side by side in the pod.",
      "initContainers": "Containers that run one after the other before the others start.",
      "volumes": "Storage that containers of the pod can mount.",
      "image": "The image that the container is made from.",
      "command": "The program and its first arguments, in place of the image's.",
      "args": "Arguments, in place of the image's.",
      "env": "Environment variables.",
      "ports": "The ports.",
      "resources": "Amounts of resources that are requested, and limits.",
      "observedGeneration": "The generation that the status speaks of.",
    ]

    static func type(_ type: TypeInfo) -> String {
      if type.shortName.hasSuffix("List"), type.field("items") != nil {
        return "A list of \(type.shortName.dropLast(4)) objects."
      }
      return "\(words(type.shortName, capitalized: true))."
    }

    static func field(_ name: String, of type: TypeInfo) -> String {
      common[name] ?? "\(words(name, capitalized: true)) of the "
        + "\(words(type.shortName, capitalized: false))."
    }

    /// `restartPolicy` as `Restart policy`; abbreviations stay together.
    static func words(_ name: String, capitalized: Bool) -> String {
      var words: [String] = []
      var current = ""
      let characters = Array(name)
      for (index, character) in characters.enumerated() {
        let startsWord =
          character.isUppercase && !current.isEmpty
          && (!characters[index - 1].isUppercase
            || (index + 1 < characters.count && characters[index + 1].isLowercase))
        if startsWord {
          words.append(current)
          current = ""
        }
        current.append(character)
      }
      if !current.isEmpty { words.append(current) }
      let lowered = words.map { word in
        word.count > 1 && word.allSatisfy { $0.isUppercase || $0.isNumber }
          ? word : word.lowercased()
      }
      let text = lowered.joined(separator: " ")
      return capitalized ? text.prefix(1).uppercased() + text.dropFirst() : text
    }
  }
}
