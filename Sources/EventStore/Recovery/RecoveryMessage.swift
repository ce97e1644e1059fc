import Raft

/// What a replica tells one that has lost part of its data.
public struct RecoveryAnswer: Sendable, Hashable {
  public enum Standing: UInt8, Sendable, Hashable {
    /// It has never had a log.
    case new = 0
    /// It has lost data itself, and takes no part.
    case recovering = 1
    case follower = 2
    case leader = 3
  }

  /// That of the question: an answer to a former life of the asking replica proves nothing.
  public var nonce: UInt64
  public var standing: Standing
  public var term: Term
  public var lastIndex: LogIndex
  public var applied: LogIndex
  /// The newest one in its log. A leader tells it only once it is committed, complete, and the
  /// leader has committed an entry of its term: then nobody can lead who does not have it.
  public var membership: Membership?

  public init(
    nonce: UInt64, standing: Standing, term: Term, lastIndex: LogIndex, applied: LogIndex,
    membership: Membership? = nil
  ) {
    self.membership = membership
    self.nonce = nonce
    self.standing = standing
    self.term = term
    self.lastIndex = lastIndex
    self.applied = applied
  }
}
