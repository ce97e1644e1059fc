/// Names one resource of the API, e.g. apps/v1 deployments.
public struct GroupVersionResource: Hashable, Sendable, CustomStringConvertible {
  /// Empty for the core group.
  public var group: String
  public var version: String
  /// The plural, lower-case name.
  public var resource: String

  public init(group: String = "", version: String = "v1", resource: String) {
    self.group = group
    self.version = version
    self.resource = resource
  }

  public var description: String { group.isEmpty ? resource : "\(resource).\(group)" }
  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

extension GroupVersionResource {
  public static let pods = Self(resource: "pods")
  public static let nodes = Self(resource: "nodes")
  public static let namespaces = Self(resource: "namespaces")
  public static let services = Self(resource: "services")
  public static let endpoints = Self(resource: "endpoints")
  public static let events = Self(resource: "events")
  public static let configMaps = Self(resource: "configmaps")
  public static let secrets = Self(resource: "secrets")
  public static let serviceAccounts = Self(resource: "serviceaccounts")
  public static let deployments = Self(group: "apps", resource: "deployments")
  public static let replicaSets = Self(group: "apps", resource: "replicasets")
  public static let leases = Self(group: "coordination.k8s.io", resource: "leases")
  public static let endpointSlices = Self(group: "discovery.k8s.io", resource: "endpointslices")
}
