import JSONDocument

/// The Kubernetes API as data: resources, types and their fields.
///
/// Everything that treats kinds differently asks the catalogue: patches, validation, pruning,
/// discovery, tables, OpenAPI. It is parsed once from the tables in `Tables/` (Kubernetes 1.36).
public final class Catalogue: Sendable {
  public static let shared = Catalogue()

  /// Groups with their versions, in upstream's discovery order; the preferred version first.
  public let groups: [(group: String, versions: [String])]
  /// All resources in discovery order.
  public let resources: [ResourceInfo]
  public let types: [TypeInfo]

  struct Key: Hashable {
    var group: String
    var version: String
    var name: String
  }

  let byResource: [Key: Int]
  let byKind: [Key: Int]
  let byGroupVersion: [Key: [Int]]
  let typesByName: [String: TypeID]
  let typesByKind: [Key: TypeID]
  let columnsByResource: [Key: [TableColumn]]

  init() {
    let types = Self.parseTypes()
    var typesByName: [String: TypeID] = [:]
    var typesByKind: [Key: TypeID] = [:]
    for type in types {
      typesByName[type.name] = type.id
      for kind in type.kinds {
        typesByKind[Key(group: kind.group, version: kind.version, name: kind.kind)] = type.id
      }
    }
    var resources = Self.parseResources()
    var groups: [(group: String, versions: [String])] = []
    var byResource: [Key: Int] = [:]
    var byKind: [Key: Int] = [:]
    var byGroupVersion: [Key: [Int]] = [:]
    for position in resources.indices {
      let info = resources[position]
      let kindKey = Key(group: info.group, version: info.version, name: info.kind)
      if let id = typesByKind[kindKey] { resources[position].typeName = types[id.index].name }
      byResource[Key(group: info.group, version: info.version, name: info.resource)] = position
      if byKind[kindKey] == nil { byKind[kindKey] = position }
      byGroupVersion[Key(group: info.group, version: info.version, name: ""), default: []]
        .append(position)
      if let group = groups.firstIndex(where: { $0.group == info.group }) {
        if !groups[group].versions.contains(info.version) {
          groups[group].versions.append(info.version)
        }
      } else {
        groups.append((info.group, [info.version]))
      }
    }
    self.groups = groups
    self.resources = resources
    self.types = types
    self.byResource = byResource
    self.byKind = byKind
    self.byGroupVersion = byGroupVersion
    self.typesByName = typesByName
    self.typesByKind = typesByKind
    self.columnsByResource = Self.parseColumns()
  }

  public func resource(group: String, version: String, resource: String) -> ResourceInfo? {
    byResource[Key(group: group, version: version, name: resource)].map { resources[$0] }
  }

  public func resource(group: String, version: String, kind: String) -> ResourceInfo? {
    byKind[Key(group: group, version: version, name: kind)].map { resources[$0] }
  }

  public func resource(_ gvr: GroupVersionResource) -> ResourceInfo? {
    resource(group: gvr.group, version: gvr.version, resource: gvr.resource)
  }

  /// In discovery order; empty for an unknown group or version.
  public func resources(group: String, version: String) -> [ResourceInfo] {
    (byGroupVersion[Key(group: group, version: version, name: "")] ?? []).map { resources[$0] }
  }

  public func type(_ name: String) -> TypeInfo? { typesByName[name].map { types[$0.index] } }

  public func type(_ id: TypeID) -> TypeInfo { types[id.index] }

  public func type(group: String, version: String, kind: String) -> TypeInfo? {
    typesByKind[Key(group: group, version: version, name: kind)].map { types[$0.index] }
  }

  /// Where a type's field stands among its fields, without a copy of what is known of either.
  func position(of field: String, in type: TypeID) -> Int? { types[type.index].positions[field] }

  public func field(_ name: String, ofType typeName: String) -> FieldInfo? {
    type(typeName)?.field(name)
  }

  /// The field at a path of member names from a type, passing through lists and maps of objects.
  public func field(at path: [String], ofType typeName: String) -> FieldInfo? {
    var current = type(typeName)
    var found: FieldInfo?
    for name in path {
      guard let field = current?.field(name) else { return nil }
      found = field
      current = field.type.typeID.map { types[$0.index] }
    }
    return found
  }

  /// The columns of a resource's table; nil where upstream has none of its own.
  func columns(group: String, version: String, resource: String) -> [TableColumn]? {
    columnsByResource[Key(group: group, version: version, name: resource)]
  }
}
