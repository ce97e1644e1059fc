import JSONDocument

/// The custom resources of one state of the store, compiled: what the catalogue is to built-in ones.
public struct CustomCatalogue: Sendable {
  struct Key: Hashable {
    var group: String
    var version: String
    var name: String
  }

  /// One definition, and what it was compiled from.
  struct Compiled: Sendable {
    var revision: UInt64
    var schemaRevision: UInt64
    var definition: CustomResourceDefinition
    var schemas: [String: StructuralSchema]
    var rules: [String: RuleValidator]
    var resources: [ResourceInfo]
  }

  private(set) var compiled: [String: Compiled] = [:]
  private var byResource: [Key: ResourceInfo] = [:]
  private var byKind: [Key: ResourceInfo] = [:]
  /// In the order of their names, each with its versions by preference.
  public private(set) var groups: [(group: String, versions: [String])] = []

  public init() {}

  /// Compiles what has changed since another state.
  ///
  /// - Parameter definitions: all that are stored, each with the revision of its last change.
  public init(
    definitions: [(object: JSONValue, revision: UInt64)], previous: CustomCatalogue,
    hash: (ResourceInfo) -> String = { _ in "" }
  ) {
    for (object, revision) in definitions {
      let name = object.at("metadata", "name")?.stringValue ?? ""
      if let known = previous.compiled[name], known.revision == revision {
        compiled[name] = known
      } else {
        compiled[name] = Self.compile(object, revision, previous.compiled[name], hash)
      }
    }
    index()
  }

  private static func compile(
    _ object: JSONValue, _ revision: UInt64, _ known: Compiled?,
    _ hash: (ResourceInfo) -> String
  ) -> Compiled {
    let definition = CustomResourceDefinition(object)
    // A status that changes leaves the schemas what they are.
    let isSame =
      known.map {
        $0.definition.uid == definition.uid && $0.definition.generation == definition.generation
      } ?? false
    var schemas: [String: StructuralSchema] = [:]
    var rules: [String: RuleValidator] = [:]
    if isSame, let known {
      schemas = known.schemas
      rules = known.rules
    } else {
      for version in definition.versions {
        guard let source = version.schema else { continue }
        let schema = StructuralSchema(source)
        schemas[version.name] = schema
        rules[version.name] = RuleValidator(schema)
      }
    }
    let schemaRevision = isSame ? known?.schemaRevision ?? revision : revision
    var resources: [ResourceInfo] = []
    if definition.isEstablished {
      for version in definition.versions where version.isServed {
        let resource = CustomResource(
          definition, version, schema: schemas[version.name],
          storageSchema: schemas[definition.storageVersion], rules: rules[version.name],
          schemaRevision: schemaRevision)
        var info = resource.info(definition)
        info.storageVersionHash = hash(info)
        resources.append(info)
      }
    }
    return Compiled(
      revision: revision, schemaRevision: schemaRevision, definition: definition,
      schemas: schemas, rules: rules, resources: resources)
  }

  private mutating func index() {
    var versions: [String: Set<String>] = [:]
    for entry in compiled.values {
      for info in entry.resources {
        byResource[Key(group: info.group, version: info.version, name: info.resource)] = info
        byKind[Key(group: info.group, version: info.version, name: info.kind)] = info
        versions[info.group, default: []].insert(info.version)
      }
    }
    groups = versions.sorted { $0.key < $1.key }.map { group, versions in
      (group, versions.sorted { KubernetesVersion($0) > KubernetesVersion($1) })
    }
  }

  public var isEmpty: Bool { byResource.isEmpty }

  public func resource(group: String, version: String, resource: String) -> ResourceInfo? {
    byResource[Key(group: group, version: version, name: resource)]
  }

  public func resource(group: String, version: String, kind: String) -> ResourceInfo? {
    byKind[Key(group: group, version: version, name: kind)]
  }

  /// In the order of their names; empty for an unknown group or version.
  public func resources(group: String, version: String) -> [ResourceInfo] {
    byResource.values.filter { $0.group == group && $0.version == version }
      .sorted { $0.resource < $1.resource }
  }

  public var resources: [ResourceInfo] {
    groups.flatMap { group in
      group.versions.flatMap { resources(group: group.group, version: $0) }
    }
  }
}
