#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The cluster's logical clock: every applied transaction that changes something gets the next
/// one. It is the `resourceVersion` of the objects it wrote, the same on every replica.
public typealias Revision = UInt64

/// A key of the store, ordered by its bytes.
///
/// Objects live under `resource.group/namespace/name` (`pods/default/web-0`,
/// `deployments.apps/default/web`, `nodes//worker-1`), see `Key(resource:group:namespace:name:)`.
public struct Key: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var bytes: [UInt8]

  public init(bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The key of an object; with an empty `name` the prefix of all of a namespace, with `nil`
  /// for `namespace` too the prefix of all of a resource.
  public init(resource: String, group: String, namespace: String?, name: String) {
    var text = group.isEmpty ? resource : "\(resource).\(group)"
    text += "/"
    if let namespace { text += "\(namespace)/\(name)" }
    self.init(text)
  }

  public static func < (left: Key, right: Key) -> Bool {
    left.bytes.withUnsafeBufferPointer { left in
      right.bytes.withUnsafeBufferPointer { right in
        let common = min(left.count, right.count)
        if common > 0, let left = left.baseAddress, let right = right.baseAddress {
          let order = memcmp(left, right, common)
          if order != 0 { return order < 0 }
        }
        return left.count < right.count
      }
    }
  }

  public func hasPrefix(_ prefix: Key) -> Bool { bytes.starts(with: prefix.bytes) }

  /// The first key that sorts after every key with this prefix; `nil` where there is none.
  public var prefixEnd: Key? {
    var end = bytes
    while let last = end.last {
      if last < 0xFF {
        end[end.count - 1] = last + 1
        return Key(bytes: end)
      }
      end.removeLast()
    }
    return nil
  }

  public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Who wrote, with what, and in reaction to what.
public struct Provenance: Sendable, Hashable {
  /// The authenticated user, e.g. `kubernetes-admin` or
  /// `system:serviceaccount:kube-system:deployment-controller`.
  public var user: String
  /// The user that impersonated `user`; empty where nobody did.
  public var impersonator: String
  /// The client's User-Agent.
  public var agent: String
  /// The API verb: create, update, patch, delete, …
  public var verb: String
  /// The subresource written through (`status`, `scale`, …); empty for the object itself.
  public var subresource: String
  /// The revision that this write reacts to; 0 where it begins a chain.
  public var cause: Revision

  public init(
    user: String, impersonator: String = "", agent: String = "", verb: String,
    subresource: String = "", cause: Revision = 0
  ) {
    self.user = user
    self.impersonator = impersonator
    self.agent = agent
    self.verb = verb
    self.subresource = subresource
    self.cause = cause
  }
}

/// A condition on one key, checked when the transaction is applied.
public struct Compare: Sendable, Hashable {
  public var key: Key
  /// The revision that last wrote the key; 0 demands that the key is absent.
  public var revision: Revision

  public init(key: Key, revision: Revision) {
    self.key = key
    self.revision = revision
  }
}

/// One change of a transaction.
public enum Mutation: Sendable, Hashable {
  /// Writes `value`.
  ///
  /// At `revisionOffset` (bytes from the start of `value`), if given, the replica inserts the
  /// transaction's revision in decimal when it applies: the API server leaves an empty
  /// `"resourceVersion":""` there, so stored bytes can be served as they are.
  case put(key: Key, value: [UInt8], revisionOffset: Int?)
  case delete(key: Key)

  public var key: Key {
    switch self {
    case .put(let key, _, _), .delete(let key): key
    }
  }
}

/// Compares and mutations that apply together or not at all.
public struct Transaction: Sendable, Hashable {
  public var compares: [Compare]
  /// Each key at most once.
  public var mutations: [Mutation]
  public var provenance: Provenance
  /// Makes a retry idempotent: of several transactions with one non-zero id only the first
  /// applied one takes effect, the others get its result. Ids are remembered for the last
  /// 100,000 applied transactions.
  public var requestID: UInt64
  /// Milliseconds since 1970 at the proposing server: when it happened, for people.
  public var timeMilliseconds: UInt64

  public init(
    compares: [Compare] = [], mutations: [Mutation], provenance: Provenance,
    requestID: UInt64 = 0, timeMilliseconds: UInt64
  ) {
    self.compares = compares
    self.mutations = mutations
    self.provenance = provenance
    self.requestID = requestID
    self.timeMilliseconds = timeMilliseconds
  }
}

/// What became of a transaction.
public enum TransactionResult: Sendable, Hashable {
  case committed(revision: Revision)
  /// A compare failed; `actual` is the revision of its key, 0 where it is absent.
  case conflict(key: Key, actual: Revision)
}

/// The present value of a key.
public struct Entry: Sendable, Hashable {
  public var key: Key
  public var value: [UInt8]
  public var createRevision: Revision
  public var modRevision: Revision

  public init(key: Key, value: [UInt8], createRevision: Revision, modRevision: Revision) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
  }
}

/// One change of one key, as applied: shared by everybody who looks at it.
public final class Event: Sendable {
  public enum Kind: UInt8, Sendable {
    case put = 0
    case delete = 1
  }

  public let revision: Revision
  public let kind: Kind
  public let key: Key
  /// The new value; empty for a deletion.
  public let value: [UInt8]
  /// What the key held before; `nil` where it was absent.
  public let previous: Entry?
  public let provenance: Provenance
  public let timeMilliseconds: UInt64
  public let requestID: UInt64

  public init(
    revision: Revision, kind: Kind, key: Key, value: [UInt8], previous: Entry?,
    provenance: Provenance, timeMilliseconds: UInt64, requestID: UInt64
  ) {
    self.revision = revision
    self.kind = kind
    self.key = key
    self.value = value
    self.previous = previous
    self.provenance = provenance
    self.timeMilliseconds = timeMilliseconds
    self.requestID = requestID
  }

  /// The same with an empty value in `previous`, which this event then doesn't keep in memory.
  public func withoutPreviousValue() -> Event {
    guard var previous, !previous.value.isEmpty else { return self }
    previous.value = []
    return Event(
      revision: revision, kind: kind, key: key, value: value, previous: previous,
      provenance: provenance, timeMilliseconds: timeMilliseconds, requestID: requestID)
  }
}
