import EventLog
import EventStore
import Keyspace
import Raft

/// A replica that found something missing, until its peers have made it good; as
/// `RecoveryRunner` does it.
extension Simulation {
  /// Ticks between questions to the peers.
  private static let recoveryTicks = 5

  func recover(_ replica: SimulatedReplica, _ need: ReplicaRecovery.Need) {
    replica.life += 1
    replica.isImpaired = true
    replica.recovery = ReplicaRecovery(
      id: replica.id, peers: founders.filter { $0 != replica.id }, need: need,
      nonce: random.next())
    outcome.recoveries += 1
    trace("replica \(replica.id) takes no part: it needs \(need)")
    tickRecovery(replica)
  }

  func tickRecovery(_ replica: SimulatedReplica) {
    guard let recovery = replica.recovery else { return }
    schedule(
      .recoveryTick(replica.id, life: replica.life),
      in: Self.recoveryTicks * replica.tickInterval)
    send(recovery.tick(), from: replica)
  }

  /// An input for a replica that takes no part.
  func giveToRecovery(_ input: SimulatedReplica.Input, _ replica: SimulatedReplica) {
    switch input {
    case .receive(let message, let from):
      trace("\(from)>\(replica.id) \(describe(message))")
      guard let messages = replica.recovery?.receive(message, from: from) else { return }
      send(messages, from: replica)
      if case .begin(let term)? = replica.recovery?.decision { begin(replica, term: term) }
    case .snapshotArrived(let state, let from, let leaderTerm):
      take(state, from: from, leaderTerm: leaderTerm, replica)
    case .tick, .connectionLost, .persisted, .commit, .barrier, .snapshotSent, .entriesRead,
      .transfer, .change:
      break
    }
  }

  private func begin(_ replica: SimulatedReplica, term: Term) {
    trace("replica \(replica.id) begins: no peer has an entry either")
    do throws(LogError) {
      try EventLog.begin(disk: replica.disk, options: logOptions(replica.id), term: term)
      replica.recovery = nil
      start(replica)
    } catch {
      // Another start begins where this one ended.
      if case .noSpace = error { return crash(replica, losesPower: false) }
      lose(replica, error)
    }
  }

  private func take(
    _ state: SimulatedCheckpoint, from: ReplicaID, leaderTerm: Term, _ replica: SimulatedReplica
  ) {
    guard let recovery = replica.recovery else { return }
    if let refusal = recovery.refusal(of: state.index, leaderTerm: leaderTerm, from: from) {
      trace("replica \(replica.id) refuses the state: \(refusal)")
      return reply(to: from, replica, state, false)
    }
    do {
      try placeLog(recovery.need, state, from: from, leaderTerm: leaderTerm, replica)
    } catch {
      if case .noSpace = error { return reply(to: from, replica, state, false) }
      return lose(replica, error)
    }
    // The power may fail before the state follows.
    if phase == .faults, random.chance(10) { return crash(replica, losesPower: true) }
    replica.checkpoint = state
    replica.isDistrusted = false
    replica.recovery = nil
    replica.disk.failsNextSync = false
    outcome.restored += 1
    trace("replica \(replica.id) is restored by \(from), as of \(state.index)")
    reply(to: from, replica, state, true)
    start(replica)
  }

  private func placeLog(
    _ need: ReplicaRecovery.Need, _ state: SimulatedCheckpoint, from: ReplicaID,
    leaderTerm: Term, _ replica: SimulatedReplica
  ) throws(LogError) {
    let options = logOptions(replica.id)
    switch need {
    case .everything: break
    case .state:
      var log = try EventLog.open(disk: replica.disk, options: options)
      if log.vote.term < state.term {
        try log.append([], vote: LogVote(term: state.term, vote: 0, commit: state.index))
        try log.sync()
      }
      replica.installing = state.index
    case .log:
      let disk = SimulatedDisk()
      var log = try EventLog.open(disk: disk, options: options)
      try log.append([], vote: LogVote(term: leaderTerm, vote: from, commit: state.index))
      try log.sync()
      try log.reset(toIndex: state.index, term: state.term)
      disk.isFull = replica.disk.isFull
      replica.disk = disk
    }
  }
}
