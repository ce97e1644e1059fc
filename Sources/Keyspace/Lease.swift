/// A right to exist, granted for a time: keys attached to it go, all at once, when nobody has kept
/// it alive for its time to live.
///
/// Everything about a lease stands in keys under `Lease.prefix`, so that leases are replicated,
/// checkpointed, backed up and restored as everything else is:
///
/// | key after the prefix and the id | value |
/// |---|---|
/// | `/lease` | time to live in milliseconds; written once |
/// | `/alive` | when it was last kept alive; each renewal and each attachment writes it |
/// | `/key/KEY` | empty: `KEY` is attached, as of the revision that wrote both |
///
/// The leader measures the time, by ticks of its own, and ends what has run out by a transaction
/// in the log that demands that `/alive` is as the leader saw it: so all replicas see the end at
/// the same revision, and a renewal that comes before it in the log prevails. A new leader grants
/// every lease its full time again. A key that somebody writes again without the lease is not
/// attached any more.
public struct Lease: Sendable, Hashable {
  public static let prefix = Key("storeleases/")
  /// Times to live that are granted: a tenth of a second to a year.
  public static let timesToLive: ClosedRange<UInt64> = 100...31_536_000_000

  /// Not 0.
  public var id: UInt64
  /// That granted it.
  public var revision: Revision
  public var ttlMilliseconds: UInt64

  public init(id: UInt64, revision: Revision, ttlMilliseconds: UInt64) {
    self.id = id
    self.revision = revision
    self.ttlMilliseconds = ttlMilliseconds
  }

  /// `storeleases/00000000000000ff`.
  static func key(_ id: UInt64, _ rest: String) -> Key {
    let digits = String(id, radix: 16)
    return Key(
      "storeleases/" + String(repeating: "0", count: 16 - digits.utf8.count) + digits + rest)
  }

  public static func recordKey(_ id: UInt64) -> Key { key(id, "/lease") }
  public static func aliveKey(_ id: UInt64) -> Key { key(id, "/alive") }

  public static func attachmentKey(_ id: UInt64, _ attached: Key) -> Key {
    Key(bytes: key(id, "/key/").bytes + attached.bytes)
  }

  /// What a key below the prefix stands for.
  public enum Part: Sendable, Hashable {
    case record(UInt64)
    case alive(UInt64)
    case attachment(UInt64, Key)
  }

  public static func part(_ key: Key) -> Part? {
    let start = prefix.bytes.count
    // The first byte tells for nearly all keys.
    guard key.bytes.first == prefix.bytes[0], key.bytes.count > start + 17,
      key.hasPrefix(prefix),
      let id = UInt64(String(decoding: key.bytes[start..<(start + 16)], as: UTF8.self), radix: 16)
    else { return nil }
    let rest = key.bytes[(start + 16)...]
    if rest.elementsEqual("/lease".utf8) { return .record(id) }
    if rest.elementsEqual("/alive".utf8) { return .alive(id) }
    guard rest.starts(with: "/key/".utf8) else { return nil }
    return .attachment(id, Key(bytes: Array(rest.dropFirst(5))))
  }

  static func number(_ entry: Entry?) -> UInt64? {
    entry.flatMap { UInt64(String(decoding: $0.value, as: UTF8.self)) }
  }

  /// As it stands in `state`; `nil`: there is none with this id.
  public init?(id: UInt64, in state: some KeyspaceReader) {
    guard let record = state.get(Self.recordKey(id)), let ttl = Self.number(record) else {
      return nil
    }
    self.init(id: id, revision: record.modRevision, ttlMilliseconds: ttl)
  }
}

// MARK: Transactions

extension Lease {
  static func provenance(_ verb: String) -> Provenance {
    Provenance(user: "system:taffrail", agent: "taffrail/lease", verb: verb)
  }

  static func put(_ key: Key, _ number: UInt64) -> Mutation {
    .put(key: key, value: Array(String(number).utf8), revisionOffset: nil)
  }

  /// Grants a lease that there is not yet.
  public static func grant(
    id: UInt64, ttlMilliseconds: UInt64, timeMilliseconds: UInt64, requestID: UInt64 = 0
  ) -> Transaction {
    Transaction(
      compares: [Compare(key: recordKey(id), revision: 0)],
      mutations: [put(recordKey(id), ttlMilliseconds), put(aliveKey(id), timeMilliseconds)],
      provenance: provenance("grant"), requestID: requestID, timeMilliseconds: timeMilliseconds)
  }

  /// Begins its time anew.
  public func renewal(timeMilliseconds: UInt64) -> Transaction {
    Transaction(
      compares: [Compare(key: Self.recordKey(id), revision: revision)],
      mutations: [Self.put(Self.aliveKey(id), timeMilliseconds)],
      provenance: Self.provenance("renew"), timeMilliseconds: timeMilliseconds)
  }

  /// `transaction`, with all that it puts attached to this lease. Where the lease has ended it is
  /// a conflict on `recordKey`, and nothing is written.
  public func attaching(_ transaction: Transaction) -> Transaction {
    var transaction = transaction
    transaction.compares.append(Compare(key: Self.recordKey(id), revision: revision))
    for mutation in transaction.mutations {
      guard case .put(let key, _, _) = mutation else { continue }
      transaction.mutations.append(
        .put(key: Self.attachmentKey(id, key), value: [], revisionOffset: nil))
    }
    transaction.mutations.append(Self.put(Self.aliveKey(id), transaction.timeMilliseconds))
    return transaction
  }

  /// Attachments that one transaction ends.
  static let endedAtOnce = 4_000

  /// Ends the lease as `state` has it, with the keys attached to it; a conflict where it was
  /// renewed since, or one of the keys was written. Of more keys than fit into one transaction
  /// the rest stays for another, but nothing can be attached any more.
  ///
  /// - Returns: `nil` where there is no such lease.
  public static func end(
    id: UInt64, in state: some KeyspaceReader, verb: String, timeMilliseconds: UInt64
  ) -> Transaction? {
    guard let alive = state.get(aliveKey(id)) else { return nil }
    var compares = [Compare(key: alive.key, revision: alive.modRevision)]
    var mutations: [Mutation] = []
    if state.get(recordKey(id)) != nil { mutations.append(.delete(key: recordKey(id))) }
    let attachments = state.entries(prefix: key(id, "/key/"), limit: endedAtOnce + 1)
    for attachment in attachments.prefix(endedAtOnce) {
      guard case .attachment(_, let key)? = part(attachment.key) else { continue }
      mutations.append(.delete(key: attachment.key))
      // Written again without the lease, it is not the lease's any more.
      guard let entry = state.get(key), entry.modRevision == attachment.modRevision else {
        continue
      }
      compares.append(Compare(key: key, revision: entry.modRevision))
      mutations.append(.delete(key: key))
    }
    if attachments.count <= endedAtOnce { mutations.append(.delete(key: alive.key)) }
    return Transaction(
      compares: compares, mutations: mutations, provenance: provenance(verb),
      timeMilliseconds: timeMilliseconds)
  }
}
