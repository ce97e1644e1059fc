import EventLog
import EventStore
import Keyspace
import Raft

/// A replica's process: its start, its inputs, and what it wants done.
extension Simulation {
  var logOptions: (ReplicaID) -> LogOptions {
    { [profile] id in
      LogOptions(
        clusterID: 7, replicaID: id, segmentBytes: profile.segmentBytes, compressFromBytes: 256,
        blockBytes: 2_000)
    }
  }

  /// Starts the process from what the disk has, as the real shell does: see `ReplicaFinder`.
  func start(_ replica: SimulatedReplica) {
    guard !replica.isRunning, replica.recovery == nil, phase != .core || core.contains(replica.id)
    else { return }
    let applied = replica.checkpoint.position
    do {
      switch try FoundLog.open(
        replica.disk, options: logOptions(replica.id), applied: applied,
        isInstalling: replica.installing == applied.index)
      {
      case .lost(let need, let error):
        trace("replica \(replica.id) has lost entries: \(error)")
        recover(replica, need)
      case .whole(var log, let setAside):
        if let setAside {
          outcome.setAside += 1
          trace("replica \(replica.id) sets aside \(setAside.files): \(setAside.damage)")
        }
        if log.recovery.tornTail != nil { outcome.tornTails += 1 }
        if replica.isDistrusted {
          return recover(replica, .state(atLeast: max(1, log.base.index)))
        }
        if let need = log.need(applied: applied.index, asksPeers: true) {
          return recover(replica, need)
        }
        if log.term(at: applied.index) != applied.term {
          // The power failed between the installation of a state and the log's new beginning.
          try log.reset(toIndex: applied.index, term: applied.term)
        }
        let records = try log.records(
          from: log.base.index + 1, through: log.lastIndex, maximumBytes: 0)
        replica.installing = nil
        begin(replica, log, records)
      }
    } catch {
      if replica.disk.isWithoutPower || replica.disk.hasFailedSync {
        crash(replica, losesPower: true)
      } else if replica.disk.isFull {
        schedule(.start(replica.id), in: 10 * Self.tick)
      } else {
        oracle.fail("replica \(replica.id) can't open its log: \(error)")
      }
    }
  }

  private func begin(
    _ replica: SimulatedReplica, _ log: EventLog<SimulatedDisk>, _ records: [LogRecord]
  ) {
    let checkpoint = replica.checkpoint
    replica.life += 1
    replica.log = log
    replica.isImpaired = false
    replica.isTainted = checkpoint.isTainted
    replica.window = EventWindow(
      after: checkpoint.revision, maximumCount: Self.windowEvents)
    replica.vote = log.vote
    let core = ReplicaCore(
      configuration: configuration(replica.id),
      hardState: HardState(term: log.vote.term, vote: log.vote.vote, commit: log.vote.commit),
      snapshotIndex: log.base.index, snapshotTerm: log.base.term,
      entries: records.map {
        LogEntry(
          term: $0.term, index: $0.index, kind: LogEntry.Kind(rawValue: $0.kind) ?? .command,
          payload: $0.payload)
      },
      applied: checkpoint.index, appliedTerm: checkpoint.term, keyspace: checkpoint.keyspace,
      membership: checkpoint.membership ?? firstMembership(replica.id))
    replica.core = core
    trace(
      "replica \(replica.id) starts: term \(log.vote.term), log \(log.firstIndex)..."
        + "\(log.lastIndex), state at \(checkpoint.index)"
        + (log.recovery.tornTail.map { ", cut \($0.bytes) torn bytes" } ?? ""))
    reach(replica)
    schedule(.tick(replica.id, life: replica.life), in: random.next(in: 1...replica.tickInterval))
    schedule(
      .checkpoint(replica.id, life: replica.life), in: random.next(in: profile.checkpointInterval))
    perform(replica)
  }

  /// Clocks may differ by a factor of two.
  private static let lease = RaftConfiguration.Lease(
    tickMilliseconds: tick, clockRateBoundPercent: 50)

  /// Also some seeds with other troubles, unless their clocks differ by more than leases bear.
  private var readsByLease: Bool {
    switch scenario {
    case .leaseReads: true
    case .anything: seed % 4 == 1 && !profile.faults.contains(.clock)
    case .shortReigns, .flappingFollower, .silentLeader: false
    }
  }

  private func configuration(_ id: ReplicaID) -> ReplicaCore.Configuration {
    var configuration = ReplicaCore.Configuration(
      raft: RaftConfiguration(
        id: id, peers: founders, electionTicks: profile.electionTicks,
        heartbeatTicks: profile.heartbeatTicks, maximumAppendBytes: profile.maximumAppendBytes,
        maximumInFlightAppends: profile.maximumInFlightAppends,
        maximumLogBytes: profile.maximumLogBytes,
        maximumUnappliedBytes: profile.maximumUnappliedBytes, seed: random.next()
      ).mutated(by: mutations),
      deadlineTicks: 60, resendTicks: 8, seed: random.next(), recordsMembership: true)
    // The oracle compares all states itself, and at once; but replicas must do so too.
    configuration.comparesStates = scenario == .anything
    configuration.raft.lease = readsByLease ? Self.lease : nil
    return configuration
  }

  // MARK: Inputs

  func tick(_ replica: SimulatedReplica, life: Int) {
    guard life == replica.life else { return }
    schedule(.tick(replica.id, life: life), in: replica.tickInterval)
    give(.tick, to: replica)
  }

  func give(_ input: SimulatedReplica.Input, to replica: SimulatedReplica) {
    if replica.recovery != nil { return giveToRecovery(input, replica) }
    guard replica.isRunning else { return }
    if replica.isBusy {
      replica.inbox.append(input)
      return
    }
    handle(input, replica)
    perform(replica)
  }

  private func handle(_ input: SimulatedReplica.Input, _ replica: SimulatedReplica) {
    replica.core?.clockMilliseconds = UInt64(replica.clock(at: now))
    switch input {
    case .tick: replica.core?.tick()
    case .receive(let message, let from):
      trace("\(from)>\(replica.id) \(describe(message))")
      replica.core?.receive(message, from: from)
    case .connectionLost(let peer):
      trace("replica \(replica.id) loses its connection to \(peer)")
      replica.core?.connectionLost(to: peer)
    case .persisted(let index, let term): replica.core?.persisted(index: index, term: term)
    case .commit(let id, let transaction): replica.core?.propose(id: id, transaction: transaction)
    case .barrier(let id): replica.core?.readBarrier(id: id)
    case .snapshotArrived(let state, let from, let leaderTerm):
      receive(state, from: from, leaderTerm: leaderTerm, replica)
    case .snapshotSent(let peer, let index, let succeeded):
      replica.core?.snapshotSent(to: peer, index: index, succeeded: succeeded)
    case .entriesRead(let request, let read):
      if let read, !read.entries.isEmpty { outcome.entriesReadForFollowers += read.entries.count }
      trace(
        "replica \(replica.id) reads after \(request.after) for \(request.peer): "
          + (read.map { "\($0.entries.count) entries" } ?? "gone"))
      replica.core?.entriesRead(request, read)
    case .change(let change):
      nextLocalID += 1
      replica.core?.changeMembership(id: nextLocalID, change)
    case .transfer: replica.core?.transferLeadership()
    }
  }

  /// Goes on after a pause: first what arrived meanwhile, and of the missed ticks only a few.
  func resume(_ replica: SimulatedReplica) {
    replica.isPaused = false
    trace("replica \(replica.id) goes on")
    drain(replica)
    if !replica.isWriting { write(replica) }
  }

  func drain(_ replica: SimulatedReplica) {
    var ticks = 0
    while !replica.isBusy, replica.isRunning, !replica.inbox.isEmpty {
      let input = replica.inbox.removeFirst()
      if case .tick = input {
        ticks += 1
        if ticks > 3 { continue }
      }
      handle(input, replica)
      perform(replica)
    }
  }

  // MARK: Actions

  func perform(_ replica: SimulatedReplica) {
    while let revision = replica.core?.keyspace.revision,
      let actions = replica.core?.takeActions(), !actions.isEmpty
    {
      if replica.core?.raft.role == .leader, let term = replica.core?.raft.term {
        if oracle.leads(replica.id, term: term) { leadershipBegan(replica) }
      }
      send(actions.messages, from: replica)
      if let batch = actions.persist { replica.writes.append(.persist(batch)) }
      for request in actions.entriesNeeded { replica.writes.append(.read(request)) }
      publish(actions, replica, revisionBefore: revision)
      for completion in actions.completions { answer(completion, replica) }
      for completion in actions.barriers { answer(completion, replica) }
      for peer in actions.snapshotsNeeded { sendSnapshot(from: replica, to: peer) }
      if let divergence = actions.divergence { return quarantine(replica, divergence) }
    }
    if !replica.isWriting { write(replica) }
  }

  private func publish(
    _ actions: ReplicaActions, _ replica: SimulatedReplica, revisionBefore: Revision
  ) {
    guard !actions.applied.isEmpty else { return }
    var revision = revisionBefore
    for entry in actions.applied {
      oracle.applies(replica.id, entry, revisionBefore: revision)
      revision = entry.transaction?.events.last?.revision ?? revision
    }
    trace(
      "replica \(replica.id) has applied \(actions.applied.last?.index ?? 0), "
        + "revision \(revision)")
    for entry in actions.applied { replica.window.append(entry.transaction?.events ?? []) }
    reach(replica)
  }

  /// Where its state is known to differ, that is for the replicas to find out.
  func reach(_ replica: SimulatedReplica) {
    guard let applied = replica.core?.applied, let hash = replica.core?.keyspace.stateHash,
      !replica.isTainted
    else { return }
    oracle.reaches(replica.id, applied: applied, stateHash: hash)
  }

  func send(_ messages: [OutgoingMessage], from replica: SimulatedReplica) {
    if failureAfter(messages, replica) {
      schedule(.fails(replica.id, life: replica.life), in: random.next(in: 0...30))
    }
    for message in messages {
      for delay in arrivals(of: message, from: replica) {
        schedule(
          .input(message.to, .receive(message.message, from: replica.id), life: nil), in: delay)
      }
    }
  }

  // MARK: Crashes

  func crash(
    _ replica: SimulatedReplica, losesPower: Bool,
    restartingIn delay: ClosedRange<Int> = 200...(30 * tick)
  ) {
    outcome.crashes += 1
    trace("replica \(replica.id) crashes" + (losesPower ? ", and the power with it" : ""))
    for id in replica.waiting.keys.sorted() {
      if let attempt = replica.waiting[id] { retry(attempt, in: random.next(in: 100...3_000)) }
    }
    if let membership = replica.core?.raft.membership { replica.knownMembership = membership }
    replica.stop()
    if losesPower { replica.disk.losePower(&random) }
    if profile.noticesConnections && !losesPower {
      for other in ids where other != replica.id && !network.isCut(from: replica.id, to: other) {
        schedule(
          .input(other, .connectionLost(replica.id), life: nil), in: random.next(in: 10...200))
      }
    }
    schedule(
      .start(replica.id), in: phase != .faults ? 100 : random.next(in: delay))
  }

  func describe(_ message: PeerMessage) -> String {
    switch message {
    case .raft(let message):
      if case .append(let index, let term, let entries, let commit) = message.body {
        return "T\(message.term) append \(index)/\(term) +\(entries.count) commit=\(commit)"
      }
      return "T\(message.term) \(message.body)"
    case .propose(let payloads): return "propose \(payloads.count)"
    case .refuse(let requestIDs, let reason): return "refuse \(requestIDs): \(reason)"
    case .recoveryQuery, .recoveryAnswer, .stateRequest, .stateHash: return "\(message)"
    }
  }
}
