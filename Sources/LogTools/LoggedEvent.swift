import JSONDocument
import Keyspace

/// An event as the log tools see it: read from a projection or replayed from segments.
public struct LoggedEvent: Sendable, Hashable {
  public var revision: Revision
  public var kind: Event.Kind
  public var key: Key
  /// The new value; empty for a deletion.
  public var value: [UInt8]
  /// 0 where the key was absent before.
  public var previousRevision: Revision
  public var provenance: Provenance
  public var timeMilliseconds: UInt64

  public init(
    revision: Revision, kind: Event.Kind, key: Key, value: [UInt8], previousRevision: Revision,
    provenance: Provenance, timeMilliseconds: UInt64
  ) {
    self.revision = revision
    self.kind = kind
    self.key = key
    self.value = value
    self.previousRevision = previousRevision
    self.provenance = provenance
    self.timeMilliseconds = timeMilliseconds
  }

  /// Whether the key is one that the servers keep for themselves and no object of the API: which
  /// addresses and ports Services have (`allocations/`), which servers are there (`apiservers/`).
  public var isInternal: Bool {
    Self.internalPrefixes.contains { key.hasPrefix($0) }
  }

  private static let internalPrefixes = [
    Key("allocations/"), Key("apiservers/"), Key("namespaceguards/"), Lease.prefix, Compaction.key,
  ]

  /// What the event holds, `nil` for a deletion or for bytes that are not JSON.
  public var object: JSONValue? {
    guard kind == .put, !value.isEmpty else { return nil }
    return try? JSONValue(parsing: value)
  }

  /// What happened, in the API's words: the verb, unless the event itself says more.
  public var verb: String {
    if kind == .delete { return "delete" }
    let verb = provenance.verb.isEmpty ? "write" : provenance.verb
    return provenance.subresource.isEmpty ? verb : "\(verb)/\(provenance.subresource)"
  }

  /// User, and the program behind it: `kubernetes-admin (kubectl)`.
  public var who: String {
    var text = provenance.user.isEmpty ? "(unknown)" : Self.shortUser(provenance.user)
    if !provenance.impersonator.isEmpty {
      text = "\(Self.shortUser(provenance.impersonator)) as \(text)"
    }
    let agent = Self.shortAgent(provenance.agent)
    return agent.isEmpty ? text : "\(text) (\(agent))"
  }

  /// Controllers are known by their own name.
  static func shortUser(_ user: String) -> String {
    let prefix = "system:serviceaccount:kube-system:"
    return user.hasPrefix(prefix) ? String(user.dropFirst(prefix.count)) : user
  }

  /// `kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd` is `kubectl`.
  static func shortAgent(_ agent: String) -> String {
    String(agent.prefix { $0 != "/" && $0 != " " })
  }
}
