/// One slot of the log.
public struct LogRecord: Sendable, Hashable {
  public var term: UInt64
  /// Slots are numbered without gaps.
  public var index: UInt64
  /// What `payload` is; the log keeps it and gives it no meaning.
  public var kind: UInt8
  public var payload: [UInt8]

  public init(term: UInt64, index: UInt64, kind: UInt8, payload: [UInt8]) {
    self.term = term
    self.index = index
    self.kind = kind
    self.payload = payload
  }
}

/// What a replica must not forget besides its entries.
public struct LogVote: Sendable, Hashable {
  public var term: UInt64
  /// The replica voted for in `term`; 0: none.
  public var vote: UInt64
  /// Entries up to here are known to be committed. A hint: more may be.
  public var commit: UInt64

  public init(term: UInt64 = 0, vote: UInt64 = 0, commit: UInt64 = 0) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }
}

/// The place of an entry: what precedes the first one that a log holds.
public struct LogPosition: Sendable, Hashable {
  public var index: UInt64
  public var term: UInt64

  public init(index: UInt64 = 0, term: UInt64 = 0) {
    self.index = index
    self.term = term
  }
}

public struct LogOptions: Sendable, Hashable {
  /// Whose log it is; a folder of another cluster or replica is refused.
  public var clusterID: UInt64
  public var replicaID: UInt64
  /// A segment that has grown to this many bytes gets no more appended.
  public var segmentBytes: Int
  /// Blocks below this many bytes are stored as they are.
  public var compressFromBytes: Int
  /// An append of more than this many bytes is split into several blocks.
  public var blockBytes: Int

  public init(
    clusterID: UInt64, replicaID: UInt64, segmentBytes: Int = 64 << 20,
    compressFromBytes: Int = 256, blockBytes: Int = 4 << 20
  ) {
    self.clusterID = clusterID
    self.replicaID = replicaID
    self.segmentBytes = segmentBytes
    self.compressFromBytes = compressFromBytes
    self.blockBytes = blockBytes
  }
}

/// What opening a log found and repaired.
public struct LogRecovery: Sendable, Hashable {
  /// An unsynced write that a crash had left incomplete at the log's very end, and that was
  /// cut.
  public struct TornTail: Sendable, Hashable {
    public var segment: String
    public var offset: Int
    /// Bytes cut.
    public var bytes: Int
    public var reason: String
  }

  public var tornTail: TornTail?
  /// Files that an interrupted removal or rotation had left, and that were removed.
  public var removedFiles: [String] = []
}
