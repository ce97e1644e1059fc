import Keyspace

/// Whose projection it is, and how far it has come.
public struct ProjectionMeta: Sendable, Hashable {
  public var clusterID: UInt64
  public var replicaID: UInt64
  public var appliedIndex: UInt64 = 0
  public var appliedTerm: UInt64 = 0
  public var revision: Revision = 0
  public var stateHash: UInt64
  /// Reads of the past are possible from this revision on.
  public var compactedRevision: Revision = 0

  static func read(_ connection: SQLiteConnection) throws(ProjectionError) -> ProjectionMeta {
    let statement = try connection.prepare(
      """
      SELECT cluster, replica, applied_index, applied_term, revision, state_hash,
        compacted_revision FROM main.meta
      """)
    guard try statement.step() else { throw .damaged("its meta table is empty") }
    return ProjectionMeta(
      clusterID: statement.unsigned(0), replicaID: statement.unsigned(1),
      appliedIndex: statement.unsigned(2), appliedTerm: statement.unsigned(3),
      revision: statement.unsigned(4), stateHash: statement.unsigned(5),
      compactedRevision: statement.unsigned(6))
  }
}

/// What was applied for one entry of the log.
public struct AppliedBatch: Sendable {
  /// The entry's place in the log.
  public var index: UInt64
  public var term: UInt64
  /// The state's, after it.
  public var revision: Revision
  public var stateHash: UInt64
  public var events: [Event]
  /// Results of the transactions with a request id that was not remembered, in their order.
  public var requests: [(UInt64, TransactionResult)]
  /// The members of the group, encoded, where the entry changes them.
  public var membership: [UInt8]?

  public init(
    index: UInt64, term: UInt64, revision: Revision, stateHash: UInt64, events: [Event],
    requests: [(UInt64, TransactionResult)], membership: [UInt8]? = nil
  ) {
    self.membership = membership
    self.index = index
    self.term = term
    self.revision = revision
    self.stateHash = stateHash
    self.events = events
    self.requests = requests
  }
}

/// The state that the projection holds, to begin from.
public struct ProjectionCheckpoint: Sendable {
  public var entries: [Entry]
  public var revision: Revision
  public var appliedIndex: UInt64
  public var appliedTerm: UInt64
  public var requests: [(UInt64, TransactionResult)]
  public var stateHash: UInt64

  /// The keyspace at this checkpoint.
  ///
  /// - Throws: `damaged` where its hash is not the one that was written with it.
  public func restored() throws(ProjectionError) -> KeyspaceState {
    let state = KeyspaceState(restoring: entries, revision: revision, requests: requests)
    guard state.stateHash == stateHash else {
      throw .damaged("the state at revision \(revision) does not have the hash it was written with")
    }
    return state
  }
}
