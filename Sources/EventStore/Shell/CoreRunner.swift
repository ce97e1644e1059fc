import EventLog
import Keyspace
import Logging
import Raft

/// The thread that owns the core: it takes all inputs that wait, puts them into the core, and
/// carries out what the core wants done.
///
/// `@unchecked Sendable`: the variables are used by the core's thread only; the others only reach
/// the mailbox.
final class CoreRunner: @unchecked Sendable {
  /// The rest of the replica, as the core's thread sees it.
  struct Surroundings: Sendable {
    var directory: DataDirectory
    var hub: WatchHub
    var writer: LogWriter
    var projector: ProjectionWriter
    var scrubber: SegmentScrubber
    var statistics: ReplicaStatistics
    var transport: PeerTransport?
  }

  let mailbox: Mailbox<CoreInput>
  let configuration: ReplicaConfiguration
  let logger: Logger
  let surroundings: Surroundings
  var core: ReplicaCore
  private var commits: [UInt64: CoreInput.Commit] = [:]
  private var barriers: [UInt64: CoreInput.Barrier] = [:]
  private var changes: [UInt64: CoreInput.Change] = [:]
  private var nextID: UInt64 = 1
  private var lastSeen = (role: Role.follower, term: Term(0), leader: ReplicaID(0))
  private var retention: LogRetention
  private var figures = ReplicaFigures()
  private var failure: String?
  private var isStopping = false
  private var thread: WorkerThread?

  init(
    core: ReplicaCore, mailbox: Mailbox<CoreInput>, configuration: ReplicaConfiguration,
    surroundings: Surroundings, logger: Logger
  ) {
    self.core = core
    self.mailbox = mailbox
    self.configuration = configuration
    self.surroundings = surroundings
    self.logger = logger
    retention = LogRetention(tailBytes: configuration.logTailBytes)
  }

  func start() { thread = WorkerThread(name: "core") { [self] in run() } }

  func join() { thread?.join() }

  private func run() {
    let tick = UInt64(max(1, configuration.tickMilliseconds)) * 1_000_000
    if configuration.peers.isEmpty { core.campaign() }
    perform()
    var nextTick = monotonicNanoseconds() + tick
    // Several at once where they are known to do nothing: most of an idle replica's time is spent on
    // waking up.
    func deadline() -> UInt64? {
      guard needsTicks else { return nil }
      let quiet = min(RaftConfiguration.Lease.ticksAtOnce, core.quietTicks)
      return nextTick + UInt64(quiet - 1) * tick
    }
    while let inputs = mailbox.takeAll(untilNanoseconds: deadline()) {
      // After they were taken: a lease that holds now held after each of them had come.
      if configuration.leaseReads { core.clockMilliseconds = bootTimeMilliseconds() }
      for input in inputs { handle(input) }
      let now = monotonicNanoseconds()
      if now >= nextTick {
        // After a pause of the process, only a few: what has arrived meanwhile comes first, and
        // the leader is not taken for dead because this replica slept.
        if core.hasLeases { core.timeMilliseconds = wallClockMilliseconds() }
        for _ in 0..<min(UInt64(RaftConfiguration.Lease.ticksAtOnce), (now - nextTick) / tick + 1) {
          core.tick()
        }
        nextTick = now + tick
      }
      perform()
      surroundings.projector.throttle()
    }
    finish()
  }

  /// Alone and with nobody waiting, time changes nothing.
  private var needsTicks: Bool {
    !configuration.peers.isEmpty || core.hasPending || core.hasLeases
      || core.raft.role != .leader
  }

  // MARK: Inputs

  private func handle(_ input: CoreInput) {
    switch input {
    case .commit(let transaction, let continuation): commit(transaction, continuation)
    case .barrier(let continuation):
      let id = takeID()
      figures.barriers += 1
      barriers[id] = continuation
      core.readBarrier(id: id)
    case .received(let messages, let peer): receive(messages, from: peer)
    case .connectionLost(let peer): core.connectionLost(to: peer)
    case .persisted(let index, let term): core.persisted(index: index, term: term)
    case .checkpointed(let index): checkpointed(index)
    case .diskIsFull(let isFull): core.setRefusesProposals(isFull)
    case .watchesBegan: surroundings.hub.deliverBacklogs()
    case .status(let continuation): continuation.resume(returning: status())
    case .figures(let continuation):
      var current = figures
      core.addFigures(to: &current)
      current.coreQueue = mailbox.count
      continuation.resume(returning: (status(), current))
    case .changeMembership(let change, let continuation):
      let id = takeID()
      changes[id] = continuation
      core.changeMembership(id: id, change)
    case .transferLeadership(let peer): core.transferLeadership(to: peer)
    case .snapshotSent(let peer, let index, let succeeded):
      core.snapshotSent(to: peer, index: index, succeeded: succeeded)
    case .entriesRead(let request, let read): core.entriesRead(request, read)
    case .snapshotArrived(let snapshot): install(snapshot)
    case .failed(let message): fail(message)
    case .run(let body): body(&core)
    case .stop: stop()
    }
  }

  private func takeID() -> UInt64 {
    defer { nextID += 1 }
    return nextID
  }

  private func commit(_ transaction: Transaction, _ continuation: CoreInput.Commit) {
    if surroundings.projector.isFull {
      continuation.resume(
        returning: .failure(.unavailable("the checkpoint is too far behind; try again")))
      return
    }
    let id = takeID()
    figures.proposals += 1
    commits[id] = continuation
    core.propose(id: id, transaction: transaction)
  }

  private func receive(_ messages: [PeerMessage], from peer: ReplicaID) {
    let isFull = surroundings.projector.isFull
    for message in messages {
      // The leader sends it again: so a slow checkpoint slows this follower down, rather than
      // filling its memory.
      if isFull, case .raft(let message) = message,
        case .append(_, _, let entries, _) = message.body,
        !entries.isEmpty
      {
        continue
      }
      core.receive(message, from: peer)
    }
  }

  private func checkpointed(_ index: LogIndex) {
    if let before = retention.removable(checkpoint: index) {
      surroundings.writer.post(.removeSegments(before: before))
    }
  }

  /// Puts a streamed state in place of this replica's own. The thread waits for the disk: until
  /// it is done there is nothing to decide.
  private func install(_ snapshot: ArrivedSnapshot) {
    let isWanted = core.prepareSnapshot(
      from: snapshot.from, leaderTerm: snapshot.leaderTerm, index: snapshot.index,
      term: snapshot.term)
    perform()
    guard isWanted, core.applied < snapshot.index else {
      snapshot.answer("it is not needed any more")
      return
    }
    // Term and vote first: after a crash, a state of a later term than the log knows of would be
    // taken for damage, and a leader of an earlier term could be answered wrongly.
    guard surroundings.writer.flush() else {
      snapshot.answer("the log can't be written")
      return
    }
    guard surroundings.directory.beginInstallation(index: snapshot.index) else {
      snapshot.answer("the data folder can't be written: \(errnoText())")
      return
    }
    let swapped = surroundings.projector.install(
      path: snapshot.path, index: snapshot.index, term: snapshot.term)
    let installed: ProjectionWriter.InstalledState
    switch swapped {
    case .success(let state): installed = state
    case .failure(let problem):
      snapshot.answer(problem.description)
      if !problem.isFatal { surroundings.directory.endInstallation() }
      if problem.isFatal { fail(problem.description) }
      return
    }
    if let problem = surroundings.writer.reset(toIndex: snapshot.index, term: snapshot.term) {
      snapshot.answer(problem)
      fail(problem)
      return
    }
    surroundings.directory.endInstallation()
    let keyspace = installed.keyspace
    core.snapshotInstalled(
      index: snapshot.index, term: snapshot.term, keyspace: keyspace,
      membership: installed.membership)
    retention = LogRetention(tailBytes: configuration.logTailBytes)
    surroundings.hub.reset(
      keyspace.snapshot,
      window: EventWindow(
        after: keyspace.revision, maximumCount: configuration.windowEvents,
        maximumBytes: configuration.windowBytes))
    if let floor = Compaction.floor(in: keyspace.snapshot) { forget(before: floor) }
    logger.notice(
      "the state of a peer is installed",
      metadata: [
        "peer": "\(snapshot.from)", "index": "\(snapshot.index)",
        "revision": "\(keyspace.revision)",
      ])
    snapshot.answer(nil)
  }

  private func fail(_ message: String) {
    guard failure == nil, !isStopping else { return }
    failure = message
    logger.critical("the replica stops", metadata: ["reason": "\(message)"])
    stop()
  }

  private func stop() {
    isStopping = true
    mailbox.close()
  }

  private func finish() {
    let reason = failure ?? "the replica is shut down"
    // First, so that peers notice at once.
    surroundings.transport?.close()
    surroundings.hub.stop(.stopped(reason))
    core.failPending(.stopped(reason))
    let actions = core.takeActions()
    answer(actions)
    for continuation in commits.values {
      continuation.resume(returning: .failure(.stopped(reason)))
    }
    for continuation in barriers.values {
      continuation.resume(returning: .failure(.stopped(reason)))
    }
    for continuation in changes.values {
      continuation.resume(returning: .failure(.stopped(reason)))
    }
    commits = [:]
    barriers = [:]
    changes = [:]
    if let failure { configuration.onFatal?(failure) }
  }

  // MARK: Actions

  func perform() {
    while true {
      let mayApply = core.hasUnapplied
      if mayApply { surroundings.hub.withdraw() }
      let actions = core.takeActions()
      if mayApply, actions.applied.allSatisfy({ $0.transaction?.events.isEmpty ?? true }) {
        surroundings.hub.restore(core.keyspace.snapshot)
      }
      if actions.isEmpty { break }
      if !actions.messages.isEmpty { surroundings.transport?.send(actions.messages) }
      if let batch = actions.persist { surroundings.writer.post(.persist(batch)) }
      if let membership = actions.membership { adopt(membership) }
      for request in actions.entriesNeeded {
        if configuration.readsLogForFollowers {
          surroundings.writer.post(.read(request))
        } else {
          core.entriesRead(request, nil)
        }
      }
      publish(actions)
      for peer in actions.snapshotsNeeded {
        sendSnapshot(to: peer)
      }
      if let divergence = actions.divergence { quarantine(divergence) }
    }
    noticeLeadership()
  }

  private func adopt(_ membership: Membership) {
    logger.info(
      "members",
      metadata: [
        "voters": "\(membership.voters)", "outgoing": "\(membership.outgoing)",
        "learners": "\(membership.learners)",
      ])
    surroundings.transport?.follow(membership)
  }

  /// The state is not what the others have: it must not be served, nor gone on from. The next start
  /// gets it from them.
  private func quarantine(_ divergence: String) {
    if !surroundings.directory.distrustState(divergence) {
      logger.error("can't note that the state is wrong", metadata: ["error": "\(errnoText())"])
    }
    fail(
      "its state differs from that of its peers, and is made anew at the next start: \(divergence)")
  }

  private func sendSnapshot(to peer: ReplicaID) {
    logger.notice("a peer lags too far behind and needs the state", metadata: ["peer": "\(peer)"])
    // What the peer gets must reach to where the log begins, which follows it.
    let (transport, term) = (surroundings.transport, core.raft.term)
    let firstIndex = surroundings.writer.firstIndex
    let oldest = min(core.raft.logBase, firstIndex > 0 ? firstIndex - 1 : 0)
    surroundings.projector.afterWriting {
      transport?.sendSnapshot(to: peer, leaderTerm: term, oldest: oldest)
    }
  }

  private func publish(_ actions: ReplicaActions) {
    guard !actions.applied.isEmpty else { return answer(actions) }
    let begun = monotonicNanoseconds()
    publish(actions.applied)
    answer(actions)
    figures.appliedEntries += actions.applied.count
    figures.apply.record(nanoseconds: monotonicNanoseconds() - begun)
  }

  private func publish(_ applied: [AppliedEntry]) {
    for entry in applied { retention.applied(index: entry.index, bytes: entry.bytes) }
    surroundings.projector.post(applied)
    let events = applied.flatMap { $0.transaction?.events ?? [] }
    if let floor = events.reversed().lazy.compactMap(Compaction.floor(ordered:)).first {
      forget(before: floor)
    }
    if !events.isEmpty { surroundings.hub.publish(core.keyspace.snapshot, events: events) }
  }

  /// No state before `floor` is to be read any more.
  private func forget(before floor: Revision) {
    surroundings.hub.forget(before: floor)
    surroundings.projector.compact(to: floor)
  }

  private func answer(_ actions: ReplicaActions) {
    for completion in actions.completions {
      commits.removeValue(forKey: completion.id)?.resume(returning: completion.result)
    }
    for completion in actions.barriers {
      barriers.removeValue(forKey: completion.id)?.resume(returning: completion.result)
    }
    for completion in actions.changes {
      changes.removeValue(forKey: completion.id)?.resume(returning: completion.result)
    }
  }

  private func noticeLeadership() {
    let status = (role: core.raft.role, term: core.raft.term, leader: core.raft.leader)
    guard status != lastSeen else { return }
    if status.role == .candidate, lastSeen.role != .candidate || lastSeen.term != status.term {
      figures.elections += 1
    }
    if status.leader != 0, status.leader != lastSeen.leader || status.term != lastSeen.term {
      figures.leaderChanges += 1
    }
    if status.role == .leader, lastSeen.role != .candidate { figures.elections += 1 }
    lastSeen = status
    logger.info(
      "leadership",
      metadata: [
        "role": "\(status.role.rawValue)", "term": "\(status.term)", "leader": "\(status.leader)",
      ])
  }

  private func status() -> ReplicaStatus {
    let raft = core.raft.status
    let membership = core.raft.membership
    let connected = surroundings.transport?.connectedPeers ?? []
    let states = Dictionary(
      (surroundings.transport?.snapshots.outgoing ?? []).map { ($0.peer, $0) },
      uniquingKeysWith: { first, _ in first })
    let known = Dictionary(raft.peers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return ReplicaStatus(
      id: configuration.id, clusterID: configuration.clusterID, role: raft.role, term: raft.term,
      leader: raft.leader, commit: raft.commit, applied: core.applied, lastIndex: raft.lastIndex,
      revision: core.keyspace.revision, logBytes: surroundings.statistics.logBytes,
      stateHash: core.keyspace.stateHash, keyCount: core.keyspace.count,
      stateBytes: core.keyspace.bytes, checkpoint: surroundings.statistics.checkpoint,
      diskIsFull: core.refusesProposals, membership: membership,
      damage: surroundings.scrubber.problems,
      peers: membership.servers.filter { $0.id != configuration.id }.map { peer in
        let match = known[peer.id]?.match ?? 0
        let state = states[peer.id]
        return .init(
          id: peer.id, connected: connected.contains(peer.id), match: match,
          lag: raft.role == .leader && raft.lastIndex > match ? raft.lastIndex - match : 0,
          snapshot: state)
      })
  }
}
