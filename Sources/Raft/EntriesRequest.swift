/// What a leader wants read from its own disk for a follower that is further behind than the entries
/// in memory reach.
public struct EntriesRequest: Sendable, Hashable {
  public var peer: ReplicaID
  /// The leader's term when it asked.
  public var term: Term
  /// The entry before the first one to read; its term is asked for too.
  public var after: LogIndex
  /// The last one to read; it is committed, so none of these changes any more. Equal to `after`
  /// where only that entry's term is asked for.
  public var through: LogIndex
  /// Bytes of payloads after which to stop; the first entry is read in any case.
  public var maximumBytes: Int

  public init(
    peer: ReplicaID, term: Term, after: LogIndex, through: LogIndex, maximumBytes: Int
  ) {
    self.peer = peer
    self.term = term
    self.after = after
    self.through = through
    self.maximumBytes = maximumBytes
  }
}

/// What the disk had of an `EntriesRequest`.
public struct EntriesRead: Sendable, Hashable {
  /// Of the entry at the request's `after`.
  public var previousTerm: Term
  /// From the entry behind that one on, without gaps; at least one, if any was asked for.
  public var entries: [LogEntry]

  public init(previousTerm: Term, entries: [LogEntry]) {
    self.previousTerm = previousTerm
    self.entries = entries
  }
}
