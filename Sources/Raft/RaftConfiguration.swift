/// What a replica is told about itself and its group.
///
/// Time is counted in ticks, whose length is the shell's business.
public struct RaftConfiguration: Sendable, Hashable {
  public var id: ReplicaID
  /// The voters of a group whose log and state tell of no membership, as those of the first
  /// version; including `id`.
  public var peers: [ReplicaID]
  /// Ticks without a word from the leader after which a follower stands; the actual timeout is
  /// drawn from `electionTicks ..< 2 * electionTicks` (Raft §5.2). Also the period in which a
  /// leader must hear from a majority, and for which followers refuse votes against a leader they
  /// hear from.
  public var electionTicks: Int
  /// Ticks between heartbeats.
  public var heartbeatTicks: Int
  /// Payload of one append message; a single larger entry still travels, alone.
  public var maximumAppendBytes: Int
  /// Append messages on their way to one follower.
  public var maximumInFlightAppends: Int
  /// Applied entries kept in memory for followers; what they lack of older ones is read from the
  /// disk.
  public var maximumLogBytes: Int
  /// What a leader takes on at most that is not applied yet; eight times as much is what a follower
  /// takes.
  public var maximumUnappliedBytes: Int
  /// Seeds the replica's own random numbers (timeouts, names of forwarded reads). Must differ
  /// between the starts of one replica: an answer meant for its former life must not be taken
  /// for a new one.
  public var seed: UInt64
  /// `nil`: reads are confirmed by a majority each time (ReadIndex).
  public var lease: Lease?
  /// Empty but in tests of the tests.
  var mutations: RaftMutations = []

  public init(
    id: ReplicaID, peers: [ReplicaID], electionTicks: Int = 10, heartbeatTicks: Int = 1,
    maximumAppendBytes: Int = 1 << 20, maximumInFlightAppends: Int = 256,
    maximumLogBytes: Int = 8 << 20, maximumUnappliedBytes: Int = 16 << 20, seed: UInt64 = 0
  ) {
    self.id = id
    self.peers = peers
    self.electionTicks = electionTicks
    self.heartbeatTicks = heartbeatTicks
    self.maximumAppendBytes = maximumAppendBytes
    self.maximumInFlightAppends = maximumInFlightAppends
    self.maximumLogBytes = maximumLogBytes
    self.maximumUnappliedBytes = maximumUnappliedBytes
    self.seed = seed
  }
}
