import Raft

/// Everything one replica needs to know to start.
public struct ReplicaConfiguration: Sendable {
  /// Another replica of the cluster.
  public struct Peer: Sendable, Hashable {
    public var id: ReplicaID
    public var host: String
    /// 0: not known yet, see `Replica.setPeerAddress`.
    public var port: Int

    public init(id: ReplicaID, host: String, port: Int) {
      self.id = id
      self.host = host
      self.port = port
    }
  }

  /// PEM files by which replicas trust each other. A replica's certificate names it as
  /// `peer-ID`, as a DNS name or common name, and is signed by the authority.
  public struct TLSFiles: Sendable, Hashable {
    public var authority: String
    public var certificate: String
    public var key: String

    public init(authority: String, certificate: String, key: String) {
      self.authority = authority
      self.certificate = certificate
      self.key = key
    }
  }

  /// How much of the past is kept; what is beyond any of the two goes.
  public struct Retention: Sendable, Hashable {
    /// 0: no bound.
    public var milliseconds: UInt64
    /// Bytes of the database that holds the history; 0: no bound.
    public var bytes: UInt64

    public init(milliseconds: UInt64 = 7 * 86_400_000, bytes: UInt64 = 4 << 30) {
      self.milliseconds = milliseconds
      self.bytes = bytes
    }
  }

  /// What a replica with peers does whose data folder is empty.
  public enum EmptyFolder: Sendable {
    /// Takes part at once: only where it is known that the cluster is new. A replica that was
    /// wiped could break what it had promised.
    case begins
    /// Waits until its peers say that they have nothing either, or else give it their state.
    case asksPeers
  }

  /// Tells clusters apart: replicas refuse peers and data folders of another one.
  public var clusterID: UInt64
  /// Not 0.
  public var id: ReplicaID
  public var dataDirectory: String
  /// The other replicas; none: this one stands alone.
  public var peers: [Peer]
  public var listenHost: String
  /// 0: any free port, see `Replica.listenPort`. Not listened on without peers.
  public var listenPort: Int
  /// Needed as soon as there are peers.
  public var tls: TLSFiles?
  public var retention: Retention
  /// Bytes of the log kept on disk beyond what the checkpoint needs.
  public var logTailBytes: Int
  /// Bytes of the log kept in memory for followers; one that is further behind gets what the disk
  /// has, and where that begins too late, the state.
  public var logMemoryBytes: Int
  /// Events kept in memory for watches to begin from.
  public var windowEvents: Int
  /// Bytes that they may hold; watches that begin before them read the projection first.
  public var windowBytes = 8 << 20
  /// Milliseconds of one tick, by which all timeouts are counted.
  public var tickMilliseconds: Int
  /// Ticks between heartbeats of a leader.
  public var heartbeatTicks: Int
  /// Ticks without a leader's sign of life, at least, before a replica stands for election. Only
  /// silent failures wait for it: a broken connection is noticed at once.
  public var electionTicks: Int
  /// Ticks after which an unanswered write or barrier fails as unavailable.
  public var deadlineTicks: Int
  public var emptyFolder = EmptyFolder.asksPeers
  /// Milliseconds between two readings of the log's old segments; 0: they are not read again.
  public var scrubIntervalMilliseconds = 3_600_000
  /// For tests: see `FileDisk.failing`.
  var failingLogCalls: (@Sendable (_ operation: String, _ file: String) -> Int32?)?
  /// For tests: whether the stream of a state breaks here, after that many received bytes.
  var cutsSnapshot: (@Sendable (_ received: UInt64) -> Bool)?
  /// For tests: without it, a follower that is behind the entries in memory gets the state at once.
  var readsLogForFollowers = true
  /// Whether the leader confirms reads by its lease, without asking a majority each time; the same
  /// on all replicas. Rests on clocks, see `RaftConfiguration.Lease`.
  public var leaseReads = false
  /// Objects, and bytes of keys and objects, beyond which nothing is added; 0: no bound.
  public var maximumObjects = 0
  public var maximumStateBytes = 0
  /// Called on a thread of the replica with the port as soon as it listens for peers: before it
  /// has what it needs from them, if it needs something.
  public var onListening: (@Sendable (Int) -> Void)?
  /// Called once, on a thread of the replica, when it can't go on, e.g. after a failed sync; the
  /// process should exit non-zero.
  public var onFatal: (@Sendable (String) -> Void)?

  public init(
    clusterID: UInt64, id: ReplicaID, dataDirectory: String, peers: [Peer] = [],
    listenHost: String = "127.0.0.1", listenPort: Int = 0, tls: TLSFiles? = nil,
    retention: Retention = Retention(), logTailBytes: Int = 64 << 20,
    logMemoryBytes: Int = 8 << 20, windowEvents: Int = 100_000, tickMilliseconds: Int = 10,
    heartbeatTicks: Int = 5, electionTicks: Int = 30, deadlineTicks: Int = 500,
    onFatal: (@Sendable (String) -> Void)? = nil
  ) {
    self.clusterID = clusterID
    self.id = id
    self.dataDirectory = dataDirectory
    self.peers = peers
    self.listenHost = listenHost
    self.listenPort = listenPort
    self.tls = tls
    self.retention = retention
    self.logTailBytes = logTailBytes
    self.logMemoryBytes = logMemoryBytes
    self.windowEvents = windowEvents
    self.tickMilliseconds = tickMilliseconds
    self.heartbeatTicks = heartbeatTicks
    self.electionTicks = electionTicks
    self.deadlineTicks = deadlineTicks
    self.onFatal = onFatal
  }
}

/// Why a replica could not start; says what to do.
public struct ReplicaStartError: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String
  /// An address can't be had because another socket has it.
  public var isAddressInUse: Bool

  public init(_ description: String, isAddressInUse: Bool = false) {
    self.description = description
    self.isAddressInUse = isAddressInUse
  }
}

extension ReplicaConfiguration {
  /// Some segments to a log's tail, so that it shrinks in small steps.
  var segmentBytes: Int { max(1 << 20, min(64 << 20, logTailBytes / 4)) }

  /// Small enough that writing it holds nobody up.
  var logAheadBytes: Int { min(2 << 20, segmentBytes / 8) }

  func validate() throws(ReplicaStartError) {
    guard clusterID != 0 else { throw ReplicaStartError("the cluster's id must not be 0") }
    let ids = [id] + peers.map(\.id)
    guard !ids.contains(0) else { throw ReplicaStartError("a replica's id must not be 0") }
    guard Set(ids).count == ids.count else {
      throw ReplicaStartError("the replicas' ids \(ids) must differ from each other")
    }
    guard peers.isEmpty || tls != nil else {
      throw ReplicaStartError("replicas talk over TLS only: name authority, certificate and key")
    }
    guard tickMilliseconds > 0, heartbeatTicks > 0, electionTicks > heartbeatTicks else {
      throw ReplicaStartError(
        "ticks must be positive, and an election must take more of them than a heartbeat")
    }
  }

  /// Who belongs to a group whose log does not tell yet.
  var firstMembership: Membership {
    Membership(
      voters: [id] + peers.map(\.id),
      servers: peers.map { Membership.Server(id: $0.id, host: $0.host, port: $0.port) }
        + [Membership.Server(id: id, host: listenHost, port: listenPort)])
  }

  /// Clocks of computers stray by less than a thousandth; the rest is for what can't be foreseen.
  static let clockRateBoundPercent = 10

  func raft(seed: UInt64) -> RaftConfiguration {
    var raft = RaftConfiguration(
      id: id, peers: [id] + peers.map(\.id), electionTicks: electionTicks,
      heartbeatTicks: heartbeatTicks, maximumAppendBytes: 512 << 10, maximumInFlightAppends: 64,
      maximumLogBytes: logMemoryBytes, seed: seed)
    if leaseReads {
      raft.lease = RaftConfiguration.Lease(
        tickMilliseconds: tickMilliseconds, clockRateBoundPercent: Self.clockRateBoundPercent)
    }
    return raft
  }
}
