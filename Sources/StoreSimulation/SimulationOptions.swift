import Raft

/// What a simulation is about.
public struct SimulationOptions: Sendable {
  public enum Scenario: String, Sendable, CaseIterable {
    /// Everything at random.
    case anything
    /// Whoever leads fails soon after, often with half of its messages sent: what is left of
    /// several short reigns must not lead two replicas apart (Raft figure 8).
    case shortReigns
    /// The links of one follower at a time fail again and again: the leader must keep its office.
    case flappingFollower
    /// With the timers of production, the leader falls silent and no connection tells: writes must
    /// go on within a second.
    case silentLeader
    /// Reads by the leader's lease: the leader is cut off from the others, but not from its readers,
    /// while its clock runs slow and the others' run fast, as far as they may.
    case leaseReads
  }

  /// `nil`: each seed has its own, three of four `anything`.
  public var scenario: Scenario?
  /// Which rules of the consensus are switched off: so the tests are tested.
  package var mutations: RaftMutations = []
  /// Which of several threads runs the seed.
  var worker = 0

  public init(scenario: Scenario? = nil) { self.scenario = scenario }

  func scenario(of seed: UInt64) -> Scenario {
    if let scenario { return scenario }
    switch seed % 20 {
    case 7, 17: return .shortReigns
    case 8: return .flappingFollower
    case 9: return .silentLeader
    case 3: return .leaseReads
    default: return .anything
    }
  }
}
