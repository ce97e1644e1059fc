/// The keyspace as a replica has applied it: committed transactions in, events out.
///
/// A pure value. The same transactions in the same order give the same state, results and
/// events on every replica.
public struct KeyspaceState: Sendable {
  /// An object, so that a copy of a tree's node has one reference to count for each key.
  final class Stored: Sendable {
    let entry: Entry
    let hash: UInt64

    init(entry: Entry, hash: UInt64) {
      self.entry = entry
      self.hash = hash
    }
  }

  private var tree = OrderedTree<Stored>()
  private var memory = RequestMemory()
  private var entriesHash: UInt64 = 0

  /// The revision of the last transaction that changed something; 0 at the beginning.
  public private(set) var revision: Revision = 0
  /// Bytes of all present keys and values.
  public private(set) var bytes = 0

  public init() {}

  /// A state as a checkpoint holds it; `requests` in the order in which they were applied.
  public init(
    restoring entries: some Sequence<Entry>, revision: Revision,
    requests: [(UInt64, TransactionResult)]
  ) {
    self.revision = revision
    for entry in entries { put(entry) }
    for (id, result) in requests { memory.remember(id, result) }
  }

  /// How many keys are present.
  public var count: Int { tree.count }

  /// The present, unaffected by what is applied later. Taking it costs nothing.
  public var snapshot: KeyspaceSnapshot { KeyspaceSnapshot(revision: revision, tree: tree) }

  /// Equal on replicas whose entries, revision and remembered requests are equal.
  public var stateHash: UInt64 { StateHash.mix(entriesHash &+ memory.hash, revision) }

  /// What retries of recent requests get, in the order of their application.
  public var requests: [(UInt64, TransactionResult)] { memory.all }

  /// Whether a transaction with this id was applied lately, so that one more would only get its
  /// result.
  public func remembers(_ requestID: UInt64) -> Bool { memory[requestID] != nil }

  /// Applies the next committed transaction.
  ///
  /// - Returns: its result, and an event for each key that it changed, in the order of its
  ///   mutations, all with one revision. A retry of a remembered request, a failed compare and
  ///   the deletion of absent keys change nothing, and leave the revision as it is.
  public mutating func apply(_ transaction: Transaction) -> (
    result: TransactionResult, events: [Event]
  ) {
    if let result = memory[transaction.requestID] { return (result, []) }
    for compare in transaction.compares {
      let actual = tree.get(compare.key)?.entry.modRevision ?? 0
      if actual != compare.revision {
        let result = TransactionResult.conflict(key: compare.key, actual: actual)
        memory.remember(transaction.requestID, result)
        return (result, [])
      }
    }
    let next = revision + 1
    var events: [Event] = []
    events.reserveCapacity(transaction.mutations.count)
    for mutation in transaction.mutations {
      if let event = apply(mutation, of: transaction, at: next) { events.append(event) }
    }
    if !events.isEmpty { revision = next }
    let result = TransactionResult.committed(revision: revision)
    memory.remember(transaction.requestID, result)
    return (result, events)
  }

  private mutating func apply(
    _ mutation: Mutation, of transaction: Transaction, at revision: Revision
  ) -> Event? {
    let kind: Event.Kind
    let stored: [UInt8]
    let previous: Entry?
    switch mutation {
    case .put(let key, let value, let revisionOffset):
      kind = .put
      stored = Self.splice(revision, into: value, at: revisionOffset)
      previous = put(key, stored, at: revision)
    case .delete(let key):
      guard let removed = remove(key) else { return nil }
      kind = .delete
      stored = []
      previous = removed
    }
    return Event(
      revision: revision, kind: kind, key: mutation.key, value: stored, previous: previous,
      provenance: transaction.provenance, timeMilliseconds: transaction.timeMilliseconds,
      requestID: transaction.requestID)
  }

  private mutating func put(_ entry: Entry) {
    let stored = Stored(entry: entry, hash: StateHash.hash(entry))
    let previous = tree.set(entry.key, stored)
    if let previous { forget(previous) }
    entriesHash &+= stored.hash
    bytes += entry.key.bytes.count + entry.value.count
  }

  private mutating func put(_ key: Key, _ value: [UInt8], at revision: Revision) -> Entry? {
    var hash: UInt64 = 0
    let previous = tree.update(key) { key, previous in
      // With the key that the tree holds: one copy of its bytes serves all values.
      let entry = Entry(
        key: key, value: value, createRevision: previous?.entry.createRevision ?? revision,
        modRevision: revision)
      hash = StateHash.hash(entry)
      return Stored(entry: entry, hash: hash)
    }
    if let previous { forget(previous) }
    entriesHash &+= hash
    bytes += key.bytes.count + value.count
    return previous?.entry
  }

  private mutating func remove(_ key: Key) -> Entry? {
    guard let previous = tree.remove(key) else { return nil }
    forget(previous)
    return previous.entry
  }

  private mutating func forget(_ stored: Stored) {
    entriesHash &-= stored.hash
    bytes -= stored.entry.key.bytes.count + stored.entry.value.count
  }

  /// `value` with `revision` in decimal inserted at `offset`; as it is where there is none, or
  /// one outside of the value (which `TransactionCodec` refuses).
  static func splice(_ revision: Revision, into value: [UInt8], at offset: Int?) -> [UInt8] {
    guard let offset, offset >= 0, offset <= value.count else { return value }
    let digits = Array(String(revision).utf8)
    var spliced: [UInt8] = []
    spliced.reserveCapacity(value.count + digits.count)
    spliced += value[..<offset]
    spliced += digits
    spliced += value[offset...]
    return spliced
  }
}
