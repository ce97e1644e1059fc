import Keyspace
import Raft

/// What the shell does after inputs were put into a `ReplicaCore`.
///
/// `messages` may leave at once. `persist` goes to the log in one append and one sync; only then
/// may its `messages` leave, and the shell calls `persisted`. `applied` is in log order; it is
/// published to readers and watchers before `completions` and `barriers` are answered.
public struct ReplicaActions: Sendable {
  /// What must be on disk together.
  public struct Persist: Sendable, Hashable {
    /// Changed term, vote or commit; a changed commit alone needs no sync.
    public var hardState: HardState?
    public var entries: [LogEntry]
    /// Leave only once all this is durable.
    public var messages: [OutgoingMessage]

    public init(hardState: HardState?, entries: [LogEntry], messages: [OutgoingMessage]) {
      self.hardState = hardState
      self.entries = entries
      self.messages = messages
    }
  }

  /// The answer to a local proposal.
  public struct Completion: Sendable, Hashable {
    public var id: UInt64
    public var result: Result<TransactionResult, StoreError>
  }

  /// The answer to a local read barrier.
  public struct BarrierCompletion: Sendable, Hashable {
    public var id: UInt64
    public var result: Result<Revision, StoreError>
  }

  /// The answer to a local change of the members.
  public struct MembershipCompletion: Sendable, Hashable {
    public var id: UInt64
    public var result: Result<Membership, StoreError>
  }

  public var messages: [OutgoingMessage] = []
  public var persist: Persist?
  public var applied: [AppliedEntry] = []
  public var completions: [Completion] = []
  public var barriers: [BarrierCompletion] = []
  /// Followers to which the state must be streamed.
  public var snapshotsNeeded: [ReplicaID] = []
  /// Entries to read from the log for followers, after what was to be persisted before; the answer
  /// goes to `ReplicaCore.entriesRead`.
  public var entriesNeeded: [EntriesRequest] = []
  public var changes: [MembershipCompletion] = []
  /// The newest membership in the log, where it is another one than before: whom to connect to.
  public var membership: Membership?

  /// This replica's state is not that of the others, and must not be served any longer.
  public var divergence: String?

  public init() {}

  public var isEmpty: Bool {
    messages.isEmpty && persist == nil && applied.isEmpty && completions.isEmpty
      && barriers.isEmpty && snapshotsNeeded.isEmpty && entriesNeeded.isEmpty && changes.isEmpty
      && membership == nil && divergence == nil
  }
}

/// One committed log entry after it was applied to the keyspace.
public struct AppliedEntry: Sendable {
  public var index: LogIndex
  public var term: Term
  /// Of the entry's payload.
  public var bytes: Int
  /// The keyspace's after this entry.
  public var revision: Revision
  public var stateHash: UInt64
  /// `nil` for an entry that carries no transaction.
  public var transaction: AppliedTransaction?
  /// For an entry that changes the members.
  public var membership: Membership?

  public init(
    index: LogIndex, term: Term, bytes: Int, revision: Revision, stateHash: UInt64,
    transaction: AppliedTransaction?, membership: Membership? = nil
  ) {
    self.membership = membership
    self.index = index
    self.term = term
    self.bytes = bytes
    self.revision = revision
    self.stateHash = stateHash
    self.transaction = transaction
  }
}

/// A transaction, what became of it, and the events it caused.
public struct AppliedTransaction: Sendable {
  public var requestID: UInt64
  public var result: TransactionResult
  public var events: [Event]
  /// The request was known already: it got its first result, and changed nothing.
  public var isRetry: Bool

  public init(
    requestID: UInt64, result: TransactionResult, events: [Event], isRetry: Bool = false
  ) {
    self.isRetry = isRetry
    self.requestID = requestID
    self.result = result
    self.events = events
  }
}
