import Keyspace
import KubernetesAPI

/// How people name an object of the log: `deployments/default/web`, `nodes/worker-1`, or only
/// `pods/default` for a namespace's pods and `pods` for all.
public struct ObjectReference: Sendable, Hashable, CustomStringConvertible {
  /// Plural, with the group behind a dot where there is one: the first part of a key.
  public var resource: String
  public var namespace: String?
  public var name: String?

  public init(resource: String, namespace: String?, name: String?) {
    self.resource = resource
    self.namespace = namespace
    self.name = name
  }

  /// Reads a key of the store; `nil` where it isn't an object's.
  public init?(key: Key) {
    let parts = key.description.split(
      separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, !parts[2].isEmpty else { return nil }
    self.init(
      resource: String(parts[0]), namespace: parts[1].isEmpty ? nil : String(parts[1]),
      name: String(parts[2]))
  }

  /// The resource without its group, as kubectl shows it.
  public var shortResource: String { String(resource.prefix { $0 != "." }) }

  public var description: String {
    [shortResource, namespace, name].compactMap(\.self).joined(separator: "/")
  }

  /// All keys that the reference covers begin with it; a full reference is one key.
  public var prefix: Key {
    var text = resource + "/"
    if namespace != nil || name != nil { text += "\(namespace ?? "")/" }
    return Key(text + (name ?? ""))
  }

  public func matches(_ key: Key) -> Bool { name == nil ? key.hasPrefix(prefix) : key == prefix }
}
