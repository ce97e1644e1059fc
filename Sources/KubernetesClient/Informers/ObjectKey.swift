import JSONDocument

/// Names an object among those of its resource.
public struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Empty for cluster-scoped objects.
  public var namespace: String
  public var name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  /// Reads an object's metadata.
  public init(_ object: JSONValue) {
    let metadata = object["metadata"]
    namespace = metadata?["namespace"]?.stringValue ?? ""
    name = metadata?["name"]?.stringValue ?? ""
  }

  public var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

  public static func < (left: Self, right: Self) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }
}

/// One change of a store that an informer keeps.
public struct InformerDelta: Sendable {
  public var key: ObjectKey
  /// Nil for a new object.
  public var old: JSONValue?
  /// Nil for one that is gone.
  public var new: JSONValue?
  /// The revision of the event; 0 where a server's versions are no numbers.
  public var revision: UInt64

  /// The new object, or the last one known of an object that is gone.
  public var object: JSONValue { new ?? old ?? .null }

  public init(key: ObjectKey, old: JSONValue?, new: JSONValue?, revision: UInt64) {
    self.key = key
    self.old = old
    self.new = new
    self.revision = revision
  }
}

/// Gives the values under which an object is found; no value, not found.
public typealias IndexFunction = @Sendable (JSONValue) -> [String]

/// The indexes that reconcilers share.
public enum StandardIndex {
  public static let namespace: IndexFunction = { object in
    [object.at("metadata", "namespace")?.stringValue ?? ""]
  }

  /// By the uid of every owner.
  public static let ownerUID: IndexFunction = { object in
    (object.at("metadata", "ownerReferences")?.arrayValue ?? [])
      .compactMap { $0["uid"]?.stringValue }
  }

  /// Pods by the node that they are bound to; empty for unbound ones.
  public static let nodeName: IndexFunction = { object in
    [object.at("spec", "nodeName")?.stringValue ?? ""]
  }

  /// By the value of one label.
  public static func label(_ name: String) -> IndexFunction {
    { object in
      object.at("metadata", "labels", name)?.stringValue.map { [$0] } ?? []
    }
  }
}
