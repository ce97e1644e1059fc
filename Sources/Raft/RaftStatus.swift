/// A replica as seen from outside, for operators and tests.
public struct RaftStatus: Sendable, Hashable {
  /// What a leader knows of a voter; its own entry tells what its disk holds.
  public struct Peer: Sendable, Hashable {
    public var id: ReplicaID
    /// The last index known to be on the peer's disk and equal to the leader's.
    public var match: LogIndex
    /// The next index to be sent.
    public var next: LogIndex
    /// Heard from in this or the last check-quorum period.
    public var recentlyActive: Bool

    public init(id: ReplicaID, match: LogIndex, next: LogIndex, recentlyActive: Bool) {
      self.id = id
      self.match = match
      self.next = next
      self.recentlyActive = recentlyActive
    }
  }

  public var id: ReplicaID
  public var role: Role
  public var term: Term
  /// 0: none known.
  public var leader: ReplicaID
  public var commit: LogIndex
  public var applied: LogIndex
  public var lastIndex: LogIndex
  /// Ordered by id; empty unless leader.
  public var peers: [Peer]

  public init(
    id: ReplicaID, role: Role, term: Term, leader: ReplicaID, commit: LogIndex,
    applied: LogIndex, lastIndex: LogIndex, peers: [Peer]
  ) {
    self.id = id
    self.role = role
    self.term = term
    self.leader = leader
    self.commit = commit
    self.applied = applied
    self.lastIndex = lastIndex
    self.peers = peers
  }
}
