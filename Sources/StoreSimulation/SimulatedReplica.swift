import EventLog
import EventStore
import Keyspace
import Raft

/// A state on disk or on its way to a follower.
struct SimulatedCheckpoint {
  var index: LogIndex = 0
  var term: Term = 0
  var entries: [Entry] = []
  var revision: Revision = 0
  var requests: [(UInt64, TransactionResult)] = []
  var membership: Membership?
  /// A fault has changed it without its checksum telling.
  var isTainted = false

  init() {}

  var position: LogPosition { LogPosition(index: index, term: term) }

  init(_ core: ReplicaCore) {
    index = core.applied
    term = core.appliedTerm
    entries = core.keyspace.snapshot.range(from: Key(bytes: []), to: nil, limit: 0)
    revision = core.keyspace.revision
    requests = core.keyspace.requests
    membership = core.appliedMembership
  }

  var keyspace: KeyspaceState {
    KeyspaceState(restoring: entries, revision: revision, requests: requests)
  }
}

/// A replica's process and its machine: what survives a crash, and what does not.
final class SimulatedReplica {
  enum Input {
    case tick
    case receive(PeerMessage, from: ReplicaID)
    case connectionLost(ReplicaID)
    case persisted(index: LogIndex, term: Term)
    case commit(id: UInt64, Transaction)
    case barrier(id: UInt64)
    case snapshotArrived(SimulatedCheckpoint, from: ReplicaID, leaderTerm: Term)
    case snapshotSent(to: ReplicaID, index: LogIndex, succeeded: Bool)
    case entriesRead(EntriesRequest, EntriesRead?)
    case transfer
    case change(MembershipChange)
  }

  /// Work of the log's thread.
  enum Write {
    case persist(ReplicaActions.Persist)
    case read(EntriesRequest)
    case removeSegments(before: LogIndex)
    case install(SimulatedCheckpoint, from: ReplicaID)
  }

  let id: ReplicaID
  /// How fast its clock runs: of the simulation's time that passes in a tick.
  private(set) var tickInterval: Int

  // On disk.
  var disk = SimulatedDisk()
  var checkpoint = SimulatedCheckpoint()
  /// The state that is being put in place, see `DataDirectory.beginInstallation`.
  var installing: LogIndex?
  /// The state was found to differ from the others'.
  var isDistrusted = false

  // As the planner of the faults sees it.
  /// Something durable is lost, and not made good yet.
  var isImpaired = true
  /// The newest membership in its log.
  var knownMembership = Membership()

  // In the process.
  var life = 0
  var core: ReplicaCore?
  var log: EventLog<SimulatedDisk>?
  /// In place of `core` while something is missing.
  var recovery: ReplicaRecovery?
  /// Its state is not what the log makes.
  var isTainted = false
  /// What its watches begin from.
  var window = EventWindow()
  var vote = LogVote()
  var writes: [Write] = []
  /// The batches whose sync is under way.
  var syncing: [ReplicaActions.Persist] = []
  var isWriting = false
  var isInstalling = false
  var inbox: [Input] = []
  /// Clients' attempts by local id.
  var waiting: [UInt64: SimulatedClient.Attempt] = [:]

  var isPaused = false
  var slowDiskUntil = 0
  /// Until then no sync comes back.
  var stalledUntil = 0
  /// What its monotonic clock showed when it began to run as it does, and when that was.
  private var clock = (shown: 0, at: 0)
  /// Its wall clock is off by so much.
  var clockOffset = 0
  /// Streamed states installed one after the other, without anything appended between.
  var installedInRow = 0
  /// The highest commit index it has told others.
  var committed: LogIndex = 0

  init(id: ReplicaID, tickInterval: Int) {
    self.id = id
    self.tickInterval = tickInterval
  }

  /// Its monotonic clock, with 1,000 units to a tick.
  func clock(at now: Int) -> Int { clock.shown + (now - clock.at) * 1_000 / tickInterval }

  func runClock(tickInterval: Int, at now: Int) {
    clock = (clock(at: now), now)
    self.tickInterval = tickInterval
  }

  var isRunning: Bool { core != nil }
  /// The process takes no inputs at the moment.
  var isBusy: Bool { isPaused || isInstalling }

  /// The process is gone, with all it had in memory.
  func stop() {
    life += 1
    core = nil
    recovery = nil
    isTainted = false
    log = nil
    writes = []
    syncing = []
    isWriting = false
    isInstalling = false
    isPaused = false
    inbox = []
    waiting = [:]
  }
}
