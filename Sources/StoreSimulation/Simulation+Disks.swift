import EventLog
import EventStore
import Keyspace
import Raft

/// A replica's log thread, its checkpoints, and the states that travel.
extension Simulation {
  private static let maximumInstallDelay = 300

  /// Takes what waits, in groups as the real thread does.
  func write(_ replica: SimulatedReplica) {
    while !replica.isWriting, !replica.isPaused, let next = replica.writes.first {
      switch next {
      case .persist:
        beginSync(replica)
      case .read(let request):
        replica.writes.removeFirst()
        // What can't be read is answered as if it were gone.
        let read = try? replica.log?.read(request)
        schedule(
          .input(replica.id, .entriesRead(request, read ?? nil), life: replica.life),
          in: random.next(in: 1...(2 * Self.tick)))
      case .removeSegments(let index):
        replica.writes.removeFirst()
        attempt(replica) { log throws(LogError) in try log.removeSegments(before: index) }
      case .install(let state, let from):
        replica.writes.removeFirst()
        install(state, from: from, replica)
      }
    }
  }

  private func beginSync(_ replica: SimulatedReplica) {
    var batches: [ReplicaActions.Persist] = []
    while case .persist(let batch)? = replica.writes.first {
      batches.append(batch)
      replica.writes.removeFirst()
    }
    var records: [LogRecord] = []
    var vote = replica.vote
    for batch in batches {
      if let hardState = batch.hardState {
        vote = LogVote(term: hardState.term, vote: hardState.vote, commit: hardState.commit)
      }
      if let first = batch.entries.first {
        while let last = records.last, last.index >= first.index { records.removeLast() }
      }
      records += batch.entries.map {
        LogRecord(term: $0.term, index: $0.index, kind: $0.kind.rawValue, payload: $0.payload)
      }
    }
    let needsSync = batches.contains { $0.hardState != nil || !$0.entries.isEmpty }
    replica.isWriting = true
    replica.syncing = batches
    guard needsSync else { return release(replica) }
    do {
      try append(records, vote: vote, to: replica)
    } catch {
      replica.syncing = []
      guard case .noSpace = error else { return lose(replica, error) }
      // As it was, and tried again when there may be space.
      replica.writes.insert(contentsOf: batches.map { .persist($0) }, at: 0)
      trace("replica \(replica.id) has no space")
      replica.core?.setRefusesProposals(true)
      return schedule(.retryWrite(replica.id, life: replica.life), in: 2 * Self.tick)
    }
    if now < replica.stalledUntil {
      return schedule(
        .synced(replica.id, life: replica.life), in: replica.stalledUntil - now + 100)
    }
    let delay =
      now < replica.slowDiskUntil
      ? random.next(in: 2_000...20_000) : random.next(in: 20...300)
    schedule(.synced(replica.id, life: replica.life), in: delay)
  }

  private func append(
    _ records: [LogRecord], vote: LogVote, to replica: SimulatedReplica
  ) throws(LogError) {
    let previous = records.first.flatMap { replica.log?.term(at: $0.index - 1) }
    try replica.log?.append(records, vote: vote)
    replica.vote = vote
    if !records.isEmpty { replica.installedInRow = 0 }
    var previousTerm = previous ?? 0
    for record in records {
      oracle.writes(replica.id, record, previousTerm: previousTerm)
      previousTerm = record.term
    }
    if replica.core?.refusesProposals == true && !replica.disk.isFull {
      replica.core?.setRefusesProposals(false)
    }
  }

  func finishSync(_ replica: SimulatedReplica) {
    if replica.isPaused || now < replica.stalledUntil {
      return schedule(.synced(replica.id, life: replica.life), in: Self.tick)
    }
    guard attempt(replica, { log throws(LogError) in try log.sync() }) else { return }
    release(replica)
  }

  /// All of the group is durable: what waited for it leaves.
  private func release(_ replica: SimulatedReplica) {
    let life = replica.life
    replica.isWriting = false
    let batches = replica.syncing
    replica.syncing = []
    for batch in batches {
      send(batch.messages, from: replica)
      if let last = batch.entries.last {
        give(.persisted(index: last.index, term: last.term), to: replica)
      }
      guard life == replica.life else { return }
    }
    write(replica)
  }

  /// Runs an operation of the log; its failure ends the process.
  @discardableResult
  private func attempt(
    _ replica: SimulatedReplica,
    _ body: (inout EventLog<SimulatedDisk>) throws(LogError) -> Void
  ) -> Bool {
    guard var log = replica.log else { return false }
    do {
      defer { replica.log = log }
      try body(&log)
      return true
    } catch {
      // Segments that stay for want of space for a manifest do no harm.
      if case .noSpace = error { return true }
      lose(replica, error)
      return false
    }
  }

  func lose(_ replica: SimulatedReplica, _ error: LogError) {
    trace("replica \(replica.id) stops: \(error)")
    crash(replica, losesPower: true)
  }

  // MARK: Checkpoints

  func beginCheckpoint(_ replica: SimulatedReplica) {
    schedule(
      .checkpoint(replica.id, life: replica.life), in: random.next(in: profile.checkpointInterval))
    guard !replica.isBusy, let core = replica.core, core.applied > replica.checkpoint.index
    else { return }
    schedule(
      .checkpointed(replica.id, checkpoint(of: replica, core), life: replica.life),
      in: random.next(in: 100...3_000))
  }

  private func checkpoint(
    of replica: SimulatedReplica, _ core: ReplicaCore
  ) -> SimulatedCheckpoint {
    var state = SimulatedCheckpoint(core)
    state.isTainted = replica.isTainted
    return state
  }

  func finishCheckpoint(_ replica: SimulatedReplica, _ state: SimulatedCheckpoint) {
    // A streamed state may have been installed meanwhile.
    guard state.index > replica.checkpoint.index else { return }
    outcome.checkpoints += 1
    replica.checkpoint = state
    trace("replica \(replica.id) has a checkpoint at \(state.index)")
    let tail = LogIndex(random.next(in: 0...20))
    if state.index > tail {
      replica.writes.append(.removeSegments(before: state.index - tail + 1))
      if !replica.isWriting { write(replica) }
    }
  }

  // MARK: States that travel

  func sendSnapshot(from replica: SimulatedReplica, to peer: ReplicaID) {
    guard let core = replica.core else { return }
    // What is streamed is the checkpoint, or fresh; both are at some applied index.
    let state = untainted(random.chance(50) ? SimulatedCheckpoint(core) : replica.checkpoint)
    let delay = random.next(in: 500...(6 * Self.tick))
    trace("replica \(replica.id) streams its state at \(state.index) to \(peer)")
    if network.isCut(from: replica.id, to: peer) || (phase == .faults && random.chance(10)) {
      return schedule(
        .input(
          replica.id, .snapshotSent(to: peer, index: state.index, succeeded: false),
          life: replica.life), in: delay)
    }
    schedule(
      .input(
        peer, .snapshotArrived(state, from: replica.id, leaderTerm: core.raft.term), life: nil),
      in: delay)
    // Where it goes down on the way, its sender is told by the broken connection.
    schedule(
      .input(
        replica.id, .snapshotSent(to: peer, index: state.index, succeeded: false),
        life: replica.life), in: 20 * Self.tick)
  }

  func receive(
    _ state: SimulatedCheckpoint, from: ReplicaID, leaderTerm: Term, _ replica: SimulatedReplica
  ) {
    let isWanted =
      replica.core?.prepareSnapshot(
        from: from, leaderTerm: leaderTerm, index: state.index, term: state.term) ?? false
    perform(replica)
    guard isWanted, replica.isRunning else { return reply(to: from, replica, state, false) }
    // Until then the core's thread waits.
    replica.isInstalling = true
    replica.writes.append(.install(state, from: from))
    if !replica.isWriting { write(replica) }
  }

  /// First a note and the state; if the power fails before the log begins anew, the start sees to it.
  private func install(
    _ state: SimulatedCheckpoint, from: ReplicaID, _ replica: SimulatedReplica
  ) {
    replica.isWriting = true
    replica.installing = state.index
    replica.checkpoint = state
    schedule(
      .beginLogAnew(replica.id, state, from: from, life: replica.life),
      in: random.next(in: 1...Self.maximumInstallDelay))
  }

  func beginLogAnew(
    _ replica: SimulatedReplica, _ state: SimulatedCheckpoint, from: ReplicaID
  ) {
    guard var log = replica.log else { return }
    do {
      try log.reset(toIndex: state.index, term: state.term)
      replica.log = log
    } catch {
      return lose(replica, error)
    }
    replica.installing = nil
    replica.isTainted = false
    replica.window = EventWindow(
      after: state.revision, maximumCount: Self.windowEvents)
    outcome.installedSnapshots += 1
    replica.installedInRow += 1
    if replica.installedInRow == 2 { outcome.snapshotsInRow += 1 }
    trace("replica \(replica.id) has installed the state at \(state.index)")
    replica.core?.snapshotInstalled(
      index: state.index, term: state.term, keyspace: state.keyspace,
      membership: state.membership)
    reach(replica)
    replica.isWriting = false
    replica.isInstalling = false
    reply(to: from, replica, state, true)
    perform(replica)
    drain(replica)
    if !replica.isWriting { write(replica) }
  }

  func reply(
    to peer: ReplicaID, _ replica: SimulatedReplica, _ state: SimulatedCheckpoint,
    _ succeeded: Bool
  ) {
    schedule(
      .input(
        peer, .snapshotSent(to: replica.id, index: state.index, succeeded: succeeded), life: nil),
      in: random.next(in: 20...300))
  }
}
