/// Who belongs to the group: an entry of the log, in force from when it is appended (Raft §6).
public struct Membership: Sendable, Hashable {
  /// What the operator wants of a server.
  public enum Part: UInt8, Sendable, Hashable {
    /// Votes, as soon as it has the log.
    case voter = 1
    /// Follows without a vote.
    case learner = 2
    /// Goes; known until the change that removes its vote is complete.
    case removed = 3
  }

  public struct Server: Sendable, Hashable {
    /// The replica's, too.
    public var id: ReplicaID
    /// Where its peers reach it; empty and 0 where their own configuration tells.
    public var host: String
    public var port: Int
    public var part: Part
    /// The server that goes when this one has its vote; 0: none.
    public var replaces: ReplicaID

    public init(
      id: ReplicaID, host: String = "", port: Int = 0, part: Part = .voter,
      replaces: ReplicaID = 0
    ) {
      self.id = id
      self.host = host
      self.port = port
      self.part = part
      self.replaces = replaces
    }
  }

  /// It comes from the log, not from a configuration.
  public var isRecorded = false
  /// In the order of their numbers.
  public var servers: [Server]
  /// Ids of replicas, ascending. Empty: this replica doesn't know of any group yet.
  public var voters: [ReplicaID]
  /// The voters before, while the change is under way: until it is complete, elections and commits
  /// need a majority of both (joint consensus).
  public var outgoing: [ReplicaID]
  /// Replicas that receive the log and don't vote.
  public var learners: [ReplicaID]

  public static let maximumServer: ReplicaID = 0xFF
  public static let maximumServers = 15

  /// Nothing is known.
  public init() {
    servers = []
    voters = []
    outgoing = []
    learners = []
  }

  /// A new group. Servers that are not named are at the addresses that the configuration tells.
  public init(voters: [ReplicaID], servers: [Server]? = nil) {
    self.voters = voters.sorted()
    outgoing = []
    learners = []
    self.servers =
      (servers ?? voters.map { Server(id: $0) })
      .sorted { $0.id < $1.id }
  }

  public var isEmpty: Bool { voters.isEmpty }
  public var isJoint: Bool { !outgoing.isEmpty }

  /// All who receive the log, ascending.
  public var members: [ReplicaID] { Set(voters + outgoing + learners).sorted() }

  public func isVoter(_ id: ReplicaID) -> Bool { voters.contains(id) || outgoing.contains(id) }

  /// Whether these are a majority of the voters, and of the outgoing ones.
  public func hasMajority(_ ids: Set<ReplicaID>) -> Bool {
    func isMajority(_ voters: [ReplicaID]) -> Bool {
      voters.count(where: ids.contains) > voters.count / 2
    }
    return isMajority(voters) && (outgoing.isEmpty || isMajority(outgoing))
  }

  public func server(_ id: ReplicaID) -> Server? { servers.first { $0.id == id } }
}
