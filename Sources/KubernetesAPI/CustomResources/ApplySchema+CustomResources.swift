import JSONDocument

extension ApplySchema {
  /// How server-side apply sees objects of a custom resource.
  ///
  /// - Parameter schema: nil where there is none: then members of objects are told apart, and lists
  ///   are taken as a whole.
  init(custom schema: StructuralSchema?) {
    self.init()
    // The root comes first; its metadata is that of all objects.
    kinds = [.deduced]
    root = 0
    guard let schema else {
      kinds[0] = .deduced
      let metadata = addMetadata()
      kinds[0] = .object(fields: ["metadata": metadata], element: Self.unknown)
      return
    }
    let content = kind(of: schema, depth: 0)
    guard case .object(var fields, var element) = content else {
      kinds[0] = content
      return
    }
    kinds.append(.string)
    let text = kinds.count - 1
    fields["apiVersion"] = text
    fields["kind"] = text
    fields["metadata"] = addMetadata()
    if schema.preservesUnknownFields { element = Self.unknown }
    kinds[0] = .object(fields: fields, element: element)
  }

  /// Takes over the part of the catalogue's schema that metadata consists of.
  private mutating func addMetadata() -> ID {
    guard
      let source = Catalogue.shared.applySchema(
        ofType: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    else { return Self.unknown }
    return copy(source.root, from: source, depth: 0)
  }

  private mutating func copy(_ id: ID, from source: ApplySchema, depth: Int) -> ID {
    guard depth < 16 else { return Self.unknown }
    let position = kinds.count
    kinds.append(.leaf)
    switch source.kind(id) {
    case .object(let fields, let element):
      var copied: [String: ID] = [:]
      for (name, field) in fields { copied[name] = copy(field, from: source, depth: depth + 1) }
      kinds[position] = .object(
        fields: copied, element: element.map { copy($0, from: source, depth: depth + 1) })
      fills[position] = source.fills[id]
    case .keyed(let keys, let element):
      kinds[position] = .keyed(keys, element: copy(element, from: source, depth: depth + 1))
    case let other: kinds[position] = other
    }
    return position
  }

  private mutating func add(_ schema: StructuralSchema, depth: Int) -> ID {
    let position = kinds.count
    kinds.append(.leaf)
    kinds[position] = kind(of: schema, depth: depth)
    return position
  }

  private mutating func kind(of schema: StructuralSchema, depth: Int) -> Kind {
    guard depth < Self.maximumDepth else { return .leaf }
    if schema.isIntOrString { return .leaf }
    switch schema.type {
    case "string": return .string
    case "boolean": return .boolean
    case "integer", "number": return .number
    case "array":
      guard let items = schema.items else { return .atomicList }
      switch schema.listType {
      case "set": return .set
      case "map":
        let keys = schema.listMapKeys.map {
          ListKey(name: $0, defaultValue: items.properties[$0]?.defaultValue)
        }
        return .keyed(keys, element: add(items, depth: depth + 1))
      default: return .atomicList
      }
    case "object":
      if schema.mapType == "atomic" { return .atomicObject }
      var fields: [String: ID] = [:]
      for name in schema.propertyNames {
        if let property = schema.properties[name] {
          fields[name] = add(property, depth: depth + 1)
        }
      }
      if schema.isEmbeddedResource {
        kinds.append(.string)
        fields["apiVersion"] = kinds.count - 1
        fields["kind"] = kinds.count - 1
        fields["metadata"] = fields["metadata"] ?? Self.unknown
      }
      switch schema.additionalProperties {
      case .schema(let element)?:
        return .object(fields: fields, element: add(element, depth: depth + 1))
      case .allowed?: return .object(fields: fields, element: Self.unknown)
      case nil:
        return .object(
          fields: fields, element: schema.preservesUnknownFields ? Self.unknown : nil)
      }
    default: return .deduced
    }
  }
}
