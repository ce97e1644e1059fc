import EventStore
import Raft

/// After the faults: first a majority must get on by itself, then all must agree.
extension Simulation {
  enum Phase {
    case faults
    /// A majority works, the others may not.
    case core
    /// Everything works.
    case peace
  }

  /// Ticks in which a majority that works must have answered each client.
  private static let coreTicks = 300
  /// Ticks in which all must have come to agree.
  private static let peaceTicks = 600
  private static let pollTicks = 10

  // MARK: A majority

  /// Chooses a majority of all memberships that are known, and puts right what ails it. Of the
  /// others, what they say may still be heard.
  func healCore() {
    phase = .core
    deadline = now + Self.coreTicks * Self.tick
    core = sound
    if suffice(core) {
      for id in ids.shuffled(&random) where suffice(core.subtracting([id])) { core.remove(id) }
    } else {
      // There is no group yet.
      core = Set(ids)
    }
    trace("replicas \(core.sorted()) work")
    network.heal()
    network.weather = .init()
    for replica in replicas {
      if core.contains(replica.id) {
        repair(replica)
      } else {
        leaveOut(replica)
      }
    }
    for client in clients.indices {
      clients[client].avoids = 0
      clients[client].readsFrom = 0
    }
    answeredAtCore = clients.map(\.answers)
    for client in clients.indices where clients[client].operation == nil {
      schedule(.clientActs(client), in: random.next(in: 0...Self.tick))
    }
    schedule(.end, in: Self.pollTicks * Self.tick)
  }

  private func leaveOut(_ replica: SimulatedReplica) {
    switch random.next(in: 0...3) {
    case 0:
      if replica.isRunning { crash(replica, losesPower: true, restartingIn: 1...1) }
      network.isolate(replica.id, among: ids)
    case 1: network.isolate(replica.id, among: ids)
    case 2: for id in core { network.cut(from: id, to: replica.id) }
    default: for id in core { network.cut(from: replica.id, to: id) }
    }
  }

  private func repair(_ replica: SimulatedReplica) {
    replica.disk.isFull = false
    replica.disk.failsNextSync = false
    replica.disk.callsUntilPowerLoss = nil
    replica.slowDiskUntil = 0
    replica.stalledUntil = 0
    if replica.isPaused { resume(replica) }
    start(replica)
    if replica.core?.refusesProposals == true {
      replica.core?.setRefusesProposals(false)
      perform(replica)
    }
  }

  func checkCore() {
    let waiting = clients.indices.filter { clients[$0].answers == answeredAtCore[$0] }
    if waiting.isEmpty { return heal() }
    if now >= deadline {
      return oracle.fail(
        "a majority, \(core.sorted()), works for \(Self.coreTicks) ticks, but clients \(waiting) "
          + "were answered nothing")
    }
    schedule(.end, in: Self.pollTicks * Self.tick)
  }

  // MARK: All

  /// From here on everything works, and all must come to agree.
  func heal() {
    trace("everything heals")
    phase = .peace
    deadline = now + Self.peaceTicks * Self.tick
    network.heal()
    network.weather = .init()
    for replica in replicas { repair(replica) }
    schedule(.end, in: Self.pollTicks * Self.tick)
  }

  func checkPeace() {
    if let reason = unsettled {
      if now >= deadline { return oracle.fail(reason) }
      // Only writes can tell that a state differs.
      for client in clients.indices where clients[client].operation == nil { act(client) }
      return schedule(.end, in: Self.pollTicks * Self.tick)
    }
    isDone = true
    for replica in replicas where voters.contains(replica.id) {
      if let core = replica.core, let log = replica.log {
        oracle.converged(replica.id, core: core, log: log)
      }
    }
  }

  /// Why it can't be over yet.
  private var unsettled: String? {
    if let tainted = replicas.first(where: { $0.isTainted || $0.checkpoint.isTainted }) {
      return "replica \(tainted.id) has another state, and does not notice"
    }
    if let client = clients.indices.first(where: { clients[$0].operation != nil }) {
      return "client \(client) was never answered, though everything works"
    }
    let leader = voters.compactMap { replica($0).core?.raft.leader }.first
    for replica in replicas where voters.contains(replica.id) {
      guard let core = replica.core, replica.log != nil else {
        return "replica \(replica.id) did not come back: "
          + (replica.recovery.map { "\($0.decision)" } ?? "it does not run")
      }
      let status = core.raft.status
      if status.leader == 0 || status.applied != status.lastIndex || status.leader != leader
        || status.applied != oracle.committedCount || core.raft.membership.isJoint
      {
        return "replica \(replica.id) has not settled: leader \(status.leader), applied "
          + "\(status.applied) of \(status.lastIndex)"
      }
    }
    return nil
  }
}

extension Array {
  func shuffled(_ random: inout SimulationRandom) -> [Element] {
    var rest = self
    var result: [Element] = []
    while !rest.isEmpty { result.append(rest.remove(at: random.next(in: 0...(rest.count - 1)))) }
    return result
  }
}
