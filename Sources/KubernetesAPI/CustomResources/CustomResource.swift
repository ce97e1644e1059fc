import JSONDocument

/// One served version of a custom resource: everything that treats its objects differently from
/// others', compiled once from its definition.
public final class CustomResource: Sendable {
  /// Where the `Scale` of an object is found in it.
  public struct ScalePaths: Sendable, Hashable {
    public var specReplicas: [String]
    public var statusReplicas: [String]
    public var labelSelector: [String]
  }

  public struct Column: Sendable {
    public var column: TableColumn
    /// `nil` where the path can't be read: the cell stays empty.
    public var path: FieldPathExpression?
  }

  public struct SelectableField: Sendable, Hashable {
    /// As selectors name it, e.g. `spec.color`.
    public var name: String
    public var path: [String]
  }

  /// The name of the definition.
  public let definition: String
  public let group: String
  public let version: String
  public let kind: String
  public let listKind: String
  /// `nil` where everything is kept as it comes.
  public let schema: StructuralSchema?
  /// The OpenAPI v3 schema as it was given.
  public let source: JSONValue
  /// The schema of the version in which objects are stored.
  public let storageSchema: StructuralSchema?
  public let storageVersion: String
  public let columns: [Column]
  public let scale: ScalePaths?
  public let hasStatus: Bool
  public let selectableFields: [SelectableField]
  /// What clients of this version are told; nil where it is not deprecated.
  public let deprecation: String?
  /// Nothing new is taken any more.
  public let isTerminating: Bool
  /// Objects written later than this were written by the present schema.
  public let schemaRevision: UInt64
  let rules: RuleValidator?
  let managers: (main: FieldManager, status: FieldManager)

  init(
    _ definition: CustomResourceDefinition, _ version: CustomResourceDefinition.Version,
    schema: StructuralSchema?, storageSchema: StructuralSchema?, rules: RuleValidator?,
    schemaRevision: UInt64
  ) {
    self.definition = definition.name
    group = definition.group
    self.version = version.name
    kind = definition.acceptedNames.kind
    listKind = definition.acceptedNames.listKind
    self.schema = schema
    source = version.schema ?? .null
    self.storageSchema = storageSchema
    storageVersion = definition.storageVersion
    columns = version.columns
    scale = version.scale
    hasStatus = version.hasStatus
    selectableFields = version.selectableFields
    deprecation = version.isDeprecated ? definition.deprecation(of: version) : nil
    isTerminating = definition.isTerminating
    self.schemaRevision = schemaRevision
    self.rules = rules
    let apiVersion = "\(definition.group)/\(version.name)"
    let versions = Set(definition.versions.map { "\(definition.group)/\($0.name)" })
    let applySchema = ApplySchema(custom: schema)
    let kind = definition.acceptedNames.kind
    managers = (
      FieldManager(
        schema: applySchema, kind: kind, apiVersion: apiVersion, versions: versions,
        ignoredFields: version.hasStatus ? [["status"]] : []),
      FieldManager(
        schema: applySchema, kind: kind, apiVersion: apiVersion, versions: versions,
        ignoredFields: [["spec"]])
    )
  }

  public var apiVersion: String { "\(group)/\(version)" }

  /// Keeps `managedFields` of objects, and applies configurations.
  public func fieldManager(subresource: String) -> FieldManager {
    subresource == "status" ? managers.status : managers.main
  }

  /// The resource as discovery tells it.
  func info(_ definition: CustomResourceDefinition) -> ResourceInfo {
    let names = definition.acceptedNames
    var subresources: [SubresourceInfo] = []
    let verbs = ["get", "patch", "update"]
    if hasStatus {
      subresources.append(
        SubresourceInfo(name: "status", kind: kind, group: group, version: version, verbs: verbs))
    }
    if scale != nil {
      subresources.append(
        SubresourceInfo(
          name: "scale", kind: "Scale", group: "autoscaling", version: "v1", verbs: verbs))
    }
    var info = ResourceInfo(
      group: group, version: version, resource: names.plural, kind: kind,
      singular: names.singular, shortNames: names.shortNames, categories: names.categories,
      namespaced: definition.isNamespaced,
      verbs: [
        "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
      ], subresources: subresources,
      storageGVR: GroupVersionResource(
        group: group, version: definition.storageVersion, resource: names.plural))
    info.custom = self
    return info
  }
}

extension CustomResource: Hashable {
  public static func == (left: CustomResource, right: CustomResource) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
