import EventLog
import EventStore
import Keyspace
import Raft
import SeededRuns

/// Three replicas of the store with their clients, on one thread and one clock that this class
/// winds. Everything follows from the seed.
///
/// What is simulated is what runs: `ReplicaCore`, `EventLog`, `FoundLog`, `ReplicaRecovery` and
/// `EventWindow` are driven as the replica's shell drives them; only disk, network, checkpoints and
/// time are stand-ins.
final class Simulation {
  enum Event {
    case tick(ReplicaID, life: Int)
    case input(ReplicaID, SimulatedReplica.Input, life: Int?)
    case synced(ReplicaID, life: Int)
    case retryWrite(ReplicaID, life: Int)
    case beginLogAnew(ReplicaID, SimulatedCheckpoint, from: ReplicaID, life: Int)
    case checkpoint(ReplicaID, life: Int)
    case checkpointed(ReplicaID, SimulatedCheckpoint, life: Int)
    case resume(ReplicaID, life: Int)
    case start(ReplicaID)
    case fault
    case scenario
    case leaderFalls(ReplicaID, life: Int)
    case fails(ReplicaID, life: Int)
    case healOneWay
    case recoveryTick(ReplicaID, life: Int)
    case flap(from: ReplicaID, to: ReplicaID, remaining: Int)
    case clockRuns(ReplicaID, interval: Int)
    case watchPulls(Int)
    case clientActs(Int)
    case clientTimesOut(SimulatedClient.Attempt)
    case end
  }

  /// Units of time in a tick.
  static let tick = 1_000

  let scenario: SimulationOptions.Scenario
  let mutations: RaftMutations
  let seed: UInt64
  let profile: SimulationProfile
  let replicas: [SimulatedReplica]
  var random: SimulationRandom
  var network = SimulatedNetwork()
  var queue = EventQueue<Event>()
  var now = 0
  var oracle = SimulationOracle()
  var clients: [SimulatedClient] = []
  var nextLocalID: UInt64 = 1
  var nextRequestID: UInt64 = 1
  var watches: [SimulatedWatch] = []
  var phase = Phase.faults
  /// The replicas that work, in `core`.
  var core: Set<ReplicaID> = []
  var answeredAtCore: [Int] = []
  /// Until then what the phase is for must have come about.
  var deadline = 0
  var isDone = false
  var outcome: SimulationOutcome
  /// The leader that must keep its office, in `flappingFollower`.
  var protected: (id: ReplicaID, term: Term)?
  var isFlapping = false
  /// The leader that fell silent, and how many writes had been acknowledged then.
  var silenced: (id: ReplicaID, acknowledged: Int)?
  private let isTracing: Bool

  init(seed: UInt64, trace: Bool, options: SimulationOptions) {
    self.seed = seed
    scenario = options.scenario(of: seed)
    mutations = options.mutations
    var random = SimulationRandom(seed: seed)
    profile = SimulationProfile(&random, scenario)
    replicas = (1...profile.replicas).map {
      SimulatedReplica(id: ReplicaID($0), tickInterval: random.next(in: 850...1_150))
    }
    self.random = random
    outcome = SimulationOutcome(seed: seed)
    isTracing = trace
  }

  /// Who begins; the others come in later.
  var founders: [ReplicaID] { Array(ids.prefix(3)) }
  var ids: [ReplicaID] { replicas.map(\.id) }
  func replica(_ id: ReplicaID) -> SimulatedReplica { replicas[Int(id) - 1] }

  func trace(_ line: @autoclosure () -> String) {
    guard isTracing else { return }
    let time = String(now)
    outcome.trace.append(
      String(repeating: " ", count: max(0, 8 - time.count)) + time + " " + line())
  }

  func schedule(_ event: Event, in delay: Int) { queue.push(event, at: now + delay) }

  /// What is on its way at one time stays far below, unless messages beget messages.
  private static let maximumEvents = 20_000

  func run() -> SimulationOutcome {
    trace(
      "scenario: \(scenario.rawValue), faults: "
        + profile.faults.map(\.rawValue).joined(separator: ", "))
    for replica in replicas { start(replica) }
    for client in 0..<profile.clients {
      clients.append(SimulatedClient(replica: random.pick(ids)))
      schedule(.clientActs(client), in: random.next(in: profile.thinkTime))
    }
    for number in 0..<profile.watches {
      watches.append(SimulatedWatch(replica: random.pick(ids)))
      schedule(.watchPulls(number), in: random.next(in: 1...8_000))
    }
    beginScenario()
    queue.push(.end, at: profile.ticks * Self.tick)
    while !isDone, oracle.failure == nil, let (time, event) = queue.pop() {
      now = time
      outcome.events += 1
      handle(event)
      if queue.count > Self.maximumEvents {
        oracle.fail("a storm: \(queue.count) messages and other events are on their way")
      }
    }
    outcome.failure = oracle.failure
    outcome.acknowledgedWrites = oracle.acknowledgedCount
    outcome.elections = oracle.electionCount
    outcome.fingerprint = oracle.fingerprint.value
    if let failure = outcome.failure {
      traceReplicas()
      trace("FAILED: " + failure)
    }
    return outcome
  }

  /// How the replicas stand in the end.
  private func traceReplicas() {
    for replica in replicas {
      guard let core = replica.core else {
        trace("replica \(replica.id) does not run")
        continue
      }
      let status = core.raft.status
      trace(
        "replica \(replica.id) is \(status.role.rawValue) of term \(status.term), has entries up to "
          + "\(status.lastIndex), \(status.commit) committed, \(core.applied) applied; "
          + "\(core.raft.membership); \(replica.writes.count) writes wait"
          + (replica.isWriting ? ", one is under way" : ""))
    }
  }

  private func handle(_ event: Event) {
    switch event {
    case .tick(let id, let life): tick(replica(id), life: life)
    case .input(let id, let input, let life):
      if life == nil || life == replica(id).life { give(input, to: replica(id)) }
    case .synced(let id, let life):
      if life == replica(id).life { finishSync(replica(id)) }
    case .retryWrite(let id, let life):
      if life == replica(id).life {
        replica(id).isWriting = false
        write(replica(id))
      }
    case .beginLogAnew(let id, let state, let from, let life):
      if life == replica(id).life { beginLogAnew(replica(id), state, from: from) }
    case .checkpoint(let id, let life):
      if life == replica(id).life { beginCheckpoint(replica(id)) }
    case .checkpointed(let id, let state, let life):
      if life == replica(id).life { finishCheckpoint(replica(id), state) }
    case .resume(let id, let life):
      if life == replica(id).life { resume(replica(id)) }
    case .start(let id): start(replica(id))
    case .fault: causeFault()
    case .scenario: actOut()
    case .fails(let id, let life):
      if life == replica(id).life {
        crash(replica(id), losesPower: false, restartingIn: 10...600)
      }
    case .leaderFalls(let id, let life):
      if life == replica(id).life { fall(replica(id)) }
    case .recoveryTick(let id, let life):
      if life == replica(id).life { tickRecovery(replica(id)) }
    case .flap(let from, let to, let remaining): flapLink(from, to, remaining)
    case .clockRuns(let id, let interval): replica(id).runClock(tickInterval: interval, at: now)
    case .watchPulls(let number): pull(number)
    case .healOneWay: if phase == .faults { network.heal() }
    case .clientActs(let client): act(client)
    case .clientTimesOut(let attempt): timeOut(attempt)
    case .end:
      switch phase {
      case .faults: healCore()
      case .core: checkCore()
      case .peace: checkPeace()
      }
    }
  }
}

/// Runs one seed: faults for a few hundred ticks; then a majority works and must answer every client;
/// then all do, and must come to agree.
///
/// - Returns: what happened; the same seed always gives the same.
public func runSimulation(
  seed: UInt64, trace: Bool = false, options: SimulationOptions = SimulationOptions()
) -> SimulationOutcome {
  CrashReport.begins(seed, worker: options.worker)
  defer { CrashReport.ends(worker: options.worker) }
  return Simulation(seed: seed, trace: trace, options: options).run()
}
