public typealias ReplicaID = UInt64
public typealias Term = UInt64
public typealias LogIndex = UInt64

/// One slot of the replicated log.
public struct LogEntry: Sendable, Hashable {
  public enum Kind: UInt8, Sendable {
    /// Appended by a new leader to commit what its predecessors left (Raft §8).
    case empty = 0
    case command = 1
    /// A `Membership`, encoded.
    case membership = 2
  }

  public var term: Term
  public var index: LogIndex
  public var kind: Kind
  public var payload: [UInt8]

  public init(term: Term, index: LogIndex, kind: Kind, payload: [UInt8]) {
    self.term = term
    self.index = index
    self.kind = kind
    self.payload = payload
  }
}

/// What must be on disk before a replica answers a peer (Raft figure 2, persistent state).
/// `commit` is a hint that need not be synced.
public struct HardState: Sendable, Hashable {
  public var term: Term
  /// 0: voted for nobody in this term.
  public var vote: ReplicaID
  public var commit: LogIndex

  public init(term: Term = 0, vote: ReplicaID = 0, commit: LogIndex = 0) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }
}

public enum Role: String, Sendable, Hashable { case follower, preCandidate, candidate, leader }

/// What replicas say to each other.
public struct Message: Sendable, Hashable {
  public enum Body: Sendable, Hashable {
    /// Raft dissertation §9.6: `term` of the message is the term that the candidate would have.
    case preVote(lastIndex: LogIndex, lastTerm: Term)
    case preVoteResponse(granted: Bool)
    /// `transfer`: sent because the leader asked for it, so check-quorum leases don't refuse it.
    case requestVote(lastIndex: LogIndex, lastTerm: Term, transfer: Bool)
    case voteResponse(granted: Bool)
    case append(
      previousIndex: LogIndex, previousTerm: Term, entries: [LogEntry], commit: LogIndex)
    /// `index` is the last index known to match, or for a rejection the one refused;
    /// the hint lets the leader skip a whole term at a time (Raft §5.3).
    case appendResponse(
      rejected: Bool, index: LogIndex, hintIndex: LogIndex, hintTerm: Term)
    /// `readContext` is the newest read round that this heartbeat confirms (0: none).
    case heartbeat(commit: LogIndex, readContext: UInt64)
    case heartbeatResponse(readContext: UInt64)
    /// The leader announces a state, at least as of `index`; its bytes travel beside the messages
    /// and must not be installed before this was stepped in the same term.
    case snapshot(index: LogIndex, term: Term)
    /// A follower asks the leader for a read index (Raft dissertation §6.4).
    case readIndex(context: UInt64)
    case readIndexResponse(context: UInt64, index: LogIndex)
    /// The leader hands over: stand for election at once (Raft dissertation §3.10).
    case timeoutNow
  }

  public var from: ReplicaID
  public var to: ReplicaID
  public var term: Term
  public var body: Body

  public init(from: ReplicaID, to: ReplicaID, term: Term, body: Body) {
    self.from = from
    self.to = to
    self.term = term
    self.body = body
  }
}

/// What the shell is to do after events were put into a `RaftNode`.
///
/// Order within one batch: `messages` may leave at once (the leader appends in parallel with its
/// own sync); `hardState` and `entries` go to disk in one sync; `messagesAfterPersist` leave only
/// when that sync *and those of all earlier batches* are done, also where this batch itself has
/// nothing to write: they vouch for what was handed out before. Then the shell calls `persisted`,
/// once for each batch with entries, in the batches' order. `committed` entries are on this
/// replica's disk already, and are applied in order.
public struct RaftActions: Sendable, Hashable {
  public var messages: [Message] = []
  public var hardState: HardState?
  /// To append; the first one's index may lie at or below the log's last, which replaces that
  /// tail.
  public var entries: [LogEntry] = []
  public var messagesAfterPersist: [Message] = []
  public var committed: [LogEntry] = []
  /// Reads that may be served once this replica has applied `index`.
  public var reads: [ReadReady] = []
  /// Reads of contexts that failed because leadership is unknown: ask again.
  public var failedReads: [UInt64] = []
  /// Followers for which the log begins too late: stream them the state.
  public var snapshotsNeeded: [ReplicaID] = []
  /// Entries that followers lack and that are not in memory any more: read them, in the order of
  /// what is written, and tell `RaftNode.entriesRead`.
  public var entriesNeeded: [EntriesRequest] = []

  public struct ReadReady: Sendable, Hashable {
    public var context: UInt64
    public var index: LogIndex
    public init(context: UInt64, index: LogIndex) {
      self.context = context
      self.index = index
    }
  }

  public init() {}

  /// Nothing to do.
  public var isEmpty: Bool {
    messages.isEmpty && hardState == nil && entries.isEmpty && messagesAfterPersist.isEmpty
      && committed.isEmpty && reads.isEmpty && failedReads.isEmpty && snapshotsNeeded.isEmpty
      && entriesNeeded.isEmpty
  }

  /// There is something for the disk: a sync must pass before `messagesAfterPersist` leave.
  public var needsSync: Bool { hardState != nil || !entries.isEmpty }
}
