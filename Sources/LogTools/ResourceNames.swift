import KubernetesAPI

/// Finds resources by what people call them: `pods`, `pod`, `po`, `Pod`, `deployments.apps`.
public enum ResourceNames {
  /// What could not be found or read, as a sentence that says what to type instead.
  public struct Unknown: Error, CustomStringConvertible {
    public var description: String
  }

  public static func find(_ name: String, catalogue: Catalogue = .shared) throws -> ResourceInfo {
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    let wanted = (parts.first ?? "").lowercased()
    for group in catalogue.groups {
      if parts.count == 2, group.group != parts[1] { continue }
      for version in group.versions {
        for info in catalogue.resources(group: group.group, version: version) {
          if info.resource == wanted || info.singular == wanted
            || info.kind.lowercased() == wanted || info.shortNames.contains(wanted)
          {
            return info
          }
        }
      }
    }
    throw Unknown(
      description: "no resource is called \"\(name)\"; name it as kubectl api-resources does,"
        + " e.g. pods or deployments")
  }

  /// The first part of the keys under which objects of the resource are stored.
  public static func storageName(of info: ResourceInfo) -> String {
    info.storageGVR.group.isEmpty
      ? info.storageGVR.resource : "\(info.storageGVR.resource).\(info.storageGVR.group)"
  }

  /// Reads `deployments/default/web`, `nodes/worker-1`, `pods/default` or `pods`.
  public static func reference(_ text: String) throws -> ObjectReference {
    let parts = text.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard let first = parts.first, parts.count <= 3 else {
      throw Unknown(
        description: "\"\(text)\" names no object; write RESOURCE/NAMESPACE/NAME, or RESOURCE/NAME"
          + " for what has no namespace")
    }
    let info = try find(first)
    let resource = storageName(of: info)
    switch (parts.count, info.namespaced) {
    case (1, _): return ObjectReference(resource: resource, namespace: nil, name: nil)
    case (2, true): return ObjectReference(resource: resource, namespace: parts[1], name: nil)
    case (2, false): return ObjectReference(resource: resource, namespace: nil, name: parts[1])
    case (3, true): return ObjectReference(resource: resource, namespace: parts[1], name: parts[2])
    default:
      throw Unknown(
        description: "\(info.resource) have no namespace; write \(info.resource)/NAME")
    }
  }
}
