import Keyspace

/// One change of one key, as history keeps it.
public struct HistoryEvent: Sendable, Hashable {
  public var revision: Revision
  /// Among the changes of its transaction.
  public var position: Int
  public var kind: Event.Kind
  public var key: Key
  /// Empty for a deletion.
  public var value: [UInt8]
  /// When the key was created that this event changed.
  public var createRevision: Revision
  /// What wrote the key before; 0 where it was absent.
  public var previousRevision: Revision
  public var provenance: Provenance
  public var timeMilliseconds: UInt64
  public var requestID: UInt64
  /// False only in the folder of a stopped replica, for what its log holds beyond the last entry
  /// that it knew to be committed: its peers may have it, or may have replaced it.
  public var isCommitted: Bool

  init(_ row: SQLiteStatement) {
    revision = row.unsigned(1)
    position = Int(row.integer(2))
    key = Key(bytes: row.bytes(3))
    kind = row.integer(4) == 1 ? .delete : .put
    value = row.bytes(5)
    createRevision = row.unsigned(6)
    previousRevision = row.unsigned(7)
    provenance = Provenance(
      user: row.text(8), impersonator: row.text(9), agent: row.text(10), verb: row.text(11),
      subresource: row.text(12), cause: row.unsigned(13))
    timeMilliseconds = row.unsigned(14)
    requestID = row.unsigned(15)
    isCommitted = row.integer(16) == 1
  }

  var entry: Entry {
    Entry(key: key, value: value, createRevision: createRevision, modRevision: revision)
  }
}

/// Which events are asked for; what is `nil` is not asked about.
public struct HistoryFilter: Sendable, Hashable {
  public var fromRevision: Revision?
  public var throughRevision: Revision?
  /// Milliseconds since 1970.
  public var sinceMilliseconds: UInt64?
  public var untilMilliseconds: UInt64?
  /// The one key.
  public var key: Key?
  /// Keys with any of these prefixes, e.g. `pods/` or `deployments.apps/default/`; empty: all.
  public var prefixes: [Key]
  public var user: String?
  public var verb: String?
  public var cause: Revision?
  public var newestFirst: Bool

  public init(
    fromRevision: Revision? = nil, throughRevision: Revision? = nil,
    sinceMilliseconds: UInt64? = nil, untilMilliseconds: UInt64? = nil, key: Key? = nil,
    prefixes: [Key] = [], user: String? = nil, verb: String? = nil, cause: Revision? = nil,
    newestFirst: Bool = false
  ) {
    self.fromRevision = fromRevision
    self.throughRevision = throughRevision
    self.sinceMilliseconds = sinceMilliseconds
    self.untilMilliseconds = untilMilliseconds
    self.key = key
    self.prefixes = prefixes
    self.user = user
    self.verb = verb
    self.cause = cause
    self.newestFirst = newestFirst
  }
}

/// Where a listing goes on.
public struct HistoryCursor: Sendable, Hashable {
  public var revision: Revision
  public var position: Int

  public init(revision: Revision, position: Int) {
    self.revision = revision
    self.position = position
  }

  public init(_ event: HistoryEvent) {
    self.init(revision: event.revision, position: event.position)
  }
}
