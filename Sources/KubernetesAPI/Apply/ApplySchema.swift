import JSONDocument

/// What applying needs to know of types: which lists have keys, and what is taken as a whole.
public struct ApplySchema: Sendable {
  public typealias ID = Int

  public struct ListKey: Sendable {
    public var name: String
    /// What stands for a key that an element lacks.
    public var defaultValue: JSONValue?
  }

  public enum Kind: Sendable {
    case string
    case number
    case boolean
    /// Any value, owned as a whole.
    case leaf
    /// An object or a list that is owned as a whole.
    case atomicObject
    case atomicList
    /// Unknown to the schema: objects by their members, lists as a whole.
    case deduced
    case object(fields: [String: ID], element: ID?)
    /// A list of values that differ.
    case set
    /// A list whose elements are told apart by keys.
    case keyed([ListKey], element: ID)
  }

  var kinds: [Kind] = []
  /// By object type, what a member is when it is not written: members that are there whether or not
  /// anything was given are not new when something is.
  var fills: [ID: [String: JSONValue]] = [:]
  var root: ID = 0

  static let maximumDepth = 128

  func kind(_ id: ID) -> Kind { kinds.indices.contains(id) ? kinds[id] : .deduced }

  /// What no schema tells of.
  static let unknown: ID = -1

  func isNamed(_ name: String, in id: ID) -> Bool {
    if case .object(let fields, _) = kind(id) { return fields[name] != nil }
    return false
  }

  func member(_ name: String, of id: ID) -> ID {
    if case .object(let fields, let element) = kind(id) {
      return fields[name] ?? element ?? Self.unknown
    }
    return Self.unknown
  }

  func child(_ element: PathElement, of id: ID) -> ID {
    switch (element, kind(id)) {
    case (.field(let name), _): member(name, of: id)
    case (.key, .keyed(_, let element)): element
    default: Self.unknown
    }
  }

  /// Which element of a list an item is.
  func element(_ item: JSONValue, at index: Int, of id: ID) -> PathElement {
    switch kind(id) {
    case .set: return .value(item)
    case .keyed(let keys, _):
      var pairs: [PathElement.KeyValue] = []
      for key in keys {
        if let value = item[key.name] ?? key.defaultValue {
          pairs.append(.init(name: key.name, value: value))
        }
      }
      if pairs.count > 1 { pairs.sort { $0.name < $1.name } }
      return pairs.isEmpty ? .index(index) : .key(pairs)
    default: return .index(index)
    }
  }
}

extension Catalogue {
  /// Types that are owned as a whole wherever they stand.
  private static let atomicTypes: Set<String> = [
    "core.v1.ConfigMapKeySelector", "core.v1.EndpointAddress", "core.v1.EndpointPort",
    "core.v1.FileKeySelector", "core.v1.LocalObjectReference", "core.v1.NodeSelector",
    "core.v1.NodeSelectorTerm", "core.v1.ObjectFieldSelector", "core.v1.ObjectReference",
    "core.v1.ResourceFieldSelector", "core.v1.ScopeSelector", "core.v1.SecretKeySelector",
    "core.v1.SecretReference", "core.v1.TopologySelectorTerm",
    "core.v1.TypedLocalObjectReference", "discovery.v1.EndpointPort", "rbac.v1.RoleRef",
    "rbac.v1.Subject", "autoscaling.v1.CrossVersionObjectReference",
    "networking.v1.ServiceBackendPort", "meta.v1.LabelSelector", "meta.v1.OwnerReference",
    "admissionregistration.v1.MatchResources", "admissionregistration.v1.NamedRuleWithOperations",
    "admissionregistration.v1.ParamKind", "admissionregistration.v1.ParamRef",
  ]

  /// The schema of every type of the catalogue; a type's number is its `TypeID`.
  static let applySchema = Catalogue.shared.makeApplySchema()

  public func applySchema(ofType typeName: String) -> ApplySchema? {
    guard let type = type(typeName) else { return nil }
    var schema = Self.applySchema
    schema.root = type.id.index
    return schema
  }

  private func makeApplySchema() -> ApplySchema {
    var schema = ApplySchema()
    schema.kinds = types.map { _ in .leaf }
    for type in types {
      let short = type.name.split(separator: ".").suffix(3).joined(separator: ".")
      if type.special != nil {
        schema.kinds[type.id.index] = .leaf
      } else if Self.atomicTypes.contains(short) {
        schema.kinds[type.id.index] = .atomicObject
      } else {
        var fields: [String: ApplySchema.ID] = [:]
        var fills: [String: JSONValue] = [:]
        for (position, field) in type.fields.enumerated() {
          fields[field.name] = add(field, to: &schema)
          switch Emission.shared.fields[type.id.index][position].fill {
          case .object: fills[field.name] = .object([:])
          case .value(let value): fills[field.name] = value
          case nil: break
          }
        }
        schema.kinds[type.id.index] = .object(fields: fields, element: nil)
        schema.fills[type.id.index] = fills
      }
    }
    return schema
  }

  private func add(_ field: FieldInfo, to schema: inout ApplySchema) -> ApplySchema.ID {
    let kind: ApplySchema.Kind
    switch field.type {
    case .type(let id):
      // A reference may be granular where the type by itself is not.
      if field.mapType == "granular" {
        var fields: [String: ApplySchema.ID] = [:]
        for field in type(id).fields { fields[field.name] = add(field, to: &schema) }
        kind = .object(fields: fields, element: nil)
      } else if field.mapType == "atomic" {
        kind = .atomicObject
      } else {
        return id.index
      }
    case .list(let element):
      switch field.listType {
      case .set: kind = .set
      case .map where !field.listMapKeys.isEmpty:
        let type = element.typeID.map { self.type($0) }
        let keys = field.listMapKeys.map {
          ApplySchema.ListKey(name: $0, defaultValue: type?.field($0)?.defaultValue)
        }
        kind = .keyed(keys, element: id(of: element, &schema))
      default: kind = .atomicList
      }
    case .map(let element):
      kind =
        field.mapType == "atomic"
        ? .atomicObject : .object(fields: [:], element: id(of: element, &schema))
    case .string, .bytes: kind = .string
    case .boolean: kind = .boolean
    case .integer, .number: kind = .number
    }
    schema.kinds.append(kind)
    return schema.kinds.count - 1
  }

  private func id(of type: FieldType, _ schema: inout ApplySchema) -> ApplySchema.ID {
    switch type {
    case .type(let id): return id.index
    case .string, .bytes: schema.kinds.append(.string)
    case .boolean: schema.kinds.append(.boolean)
    case .integer, .number: schema.kinds.append(.number)
    case .list: schema.kinds.append(.atomicList)
    case .map(let element):
      let element = id(of: element, &schema)
      schema.kinds.append(.object(fields: [:], element: element))
    }
    return schema.kinds.count - 1
  }
}
