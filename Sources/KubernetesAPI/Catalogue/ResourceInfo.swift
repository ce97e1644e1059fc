/// One resource of the API, as discovery tells it.
public struct ResourceInfo: Sendable, Hashable {
  /// Empty for the core group.
  public let group: String
  public var version: String
  /// The plural, lower-case name that stands in URLs.
  public let resource: String
  /// Both, e.g. `pods` or `deployments.apps`.
  public let groupResource: String
  public var kind: String
  public var singular: String
  public var shortNames: [String]
  public var categories: [String]
  public var namespaced: Bool
  public var verbs: [String]
  public var subresources: [SubresourceInfo]
  /// Where objects are kept: two resources with one `storageGVR` are views of the same objects.
  public var storageGVR: GroupVersionResource
  /// Discovery's hash over the stored group, version and kind; empty where nothing is stored.
  public var storageVersionHash: String
  /// The name of the kind's schema, e.g. `io.k8s.api.core.v1.Pod`.
  public var typeName: String
  /// Set where the resource comes from a CustomResourceDefinition.
  public var custom: CustomResource?

  public init(
    group: String, version: String, resource: String, kind: String, singular: String = "",
    shortNames: [String] = [], categories: [String] = [], namespaced: Bool, verbs: [String],
    subresources: [SubresourceInfo] = [], storageGVR: GroupVersionResource? = nil,
    storageVersionHash: String = "", typeName: String = ""
  ) {
    self.group = group
    self.version = version
    self.resource = resource
    groupResource = group.isEmpty ? resource : "\(resource).\(group)"
    self.kind = kind
    self.singular = singular
    self.shortNames = shortNames
    self.categories = categories
    self.namespaced = namespaced
    self.verbs = verbs
    self.subresources = subresources
    self.storageGVR =
      storageGVR ?? GroupVersionResource(group: group, version: version, resource: resource)
    self.storageVersionHash = storageVersionHash
    self.typeName = typeName
  }

  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  public var gvr: GroupVersionResource {
    GroupVersionResource(group: group, version: version, resource: resource)
  }

  /// The kind of a list of these.
  public var listKind: String { custom?.listKind ?? kind + "List" }

  public func subresource(_ name: String) -> SubresourceInfo? {
    subresources.first { $0.name == name }
  }
}

/// What stands behind a resource's name, e.g. `status` of `deployments/status`.
public struct SubresourceInfo: Sendable, Hashable {
  /// The part after the slash.
  public var name: String
  public var kind: String
  /// Group and version of `kind`: those of the resource unless upstream says otherwise.
  public var group: String
  public var version: String
  public var verbs: [String]

  public init(name: String, kind: String, group: String, version: String, verbs: [String]) {
    self.name = name
    self.kind = kind
    self.group = group
    self.version = version
    self.verbs = verbs
  }
}
