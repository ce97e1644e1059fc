import Keyspace
import Raft
import SeededRuns

/// One replica's decisions: consensus, the keyspace, and the callers that wait for either.
///
/// A plain value: inputs go in by the methods, what is to be done comes out of `takeActions`. It
/// has no clock (time is `tick`), no randomness (request ids come from the seed) and does no I/O,
/// so that a simulation can drive exactly what production runs.
///
/// A transaction that doesn't come from this leader itself is forwarded to the leader, and
/// answered when *this* replica applies it, found again by its request id. After a change of
/// leader, everything unanswered is sent again at once; request ids make that safe.
public struct ReplicaCore: Sendable {
  public struct Configuration: Sendable {
    public var raft: RaftConfiguration
    /// Ticks after which an unanswered proposal or barrier fails as unavailable.
    public var deadlineTicks: Int
    /// Ticks after which an unanswered proposal or barrier is sent again to the same leader:
    /// its message may have been lost.
    public var resendTicks: Int
    /// Unanswered proposals and barriers beyond this number are refused.
    public var maximumPending: Int
    /// Encoded bytes of unanswered proposals beyond which more are refused.
    public var maximumPendingBytes: Int
    /// Keys, and bytes of keys and values, beyond which nothing is added; 0: no bound. What is on
    /// its way may pass them by a little.
    public var maximumKeys = 0
    public var maximumBytes = 0
    /// Whether a leader has the replicas compare their states, see `StateComparison`.
    public var comparesStates = true
    /// Seeds the request ids given to transactions that have none. Must differ between two lives
    /// of a replica, or else ids repeat.
    public var seed: UInt64
    /// A leader whose log tells of no membership appends the one it began with, so that a change
    /// of the configuration never changes the voters of a group that exists.
    public var recordsMembership: Bool
    /// Milliseconds of one tick, for leases.
    public var tickMilliseconds = 10

    public init(
      raft: RaftConfiguration, deadlineTicks: Int = 500, resendTicks: Int = 50,
      maximumPending: Int = 20_000, maximumPendingBytes: Int = 128 << 20, seed: UInt64,
      recordsMembership: Bool = false
    ) {
      self.raft = raft
      self.deadlineTicks = deadlineTicks
      self.resendTicks = resendTicks
      self.maximumPending = maximumPending
      self.maximumPendingBytes = maximumPendingBytes
      self.seed = seed
      self.recordsMembership = recordsMembership
    }
  }

  public let configuration: Configuration
  public internal(set) var raft: RaftNode
  public internal(set) var keyspace: KeyspaceState
  /// The log index up to which `keyspace` has everything.
  public internal(set) var applied: LogIndex
  public internal(set) var appliedTerm: Term
  /// The members as of `applied`, for a checkpoint; `nil`: the log has not told of any.
  public internal(set) var appliedMembership: Membership?
  /// While true nothing new is appended here: the disk is full.
  public internal(set) var refusesProposals = false

  var now: Int = 0
  var identifiers: SplitMix64
  var proposals = PendingProposals()
  var barriers = PendingBarriers()
  var comparison: StateComparison
  var leases: LeaseClock
  /// The term in which this replica leads and measures the time of leases.
  var leasesLedIn: Term = 0
  /// Milliseconds since 1970, for people, when a lease ends; the shell sets it.
  public var timeMilliseconds: UInt64 = 0
  /// See `RaftNode.clockMilliseconds`.
  public var clockMilliseconds: UInt64 {
    get { raft.clockMilliseconds }
    set { raft.clockMilliseconds = newValue }
  }
  var actions = ReplicaActions()
  /// The leader and term that unanswered proposals were last sent to.
  var sentTo: (leader: ReplicaID, term: Term) = (0, 0)
  var changes: [PendingChange] = []
  /// The membership that the shell knows.
  var shownMembership = Membership()

  /// - Parameters:
  ///   - entries: the log's entries kept in memory, from `snapshotIndex + 1` on.
  ///   - applied: what `keyspace` already has; at least `snapshotIndex`.
  ///   - membership: as of `applied`, see `RaftNode.init`.
  public init(
    configuration: Configuration, hardState: HardState, snapshotIndex: LogIndex,
    snapshotTerm: Term, entries: [LogEntry], applied: LogIndex, appliedTerm: Term,
    keyspace: KeyspaceState, membership: Membership? = nil
  ) {
    precondition(applied >= snapshotIndex, "the state must reach to where the log begins")
    self.configuration = configuration
    self.keyspace = keyspace
    self.applied = applied
    self.appliedTerm = appliedTerm
    appliedMembership = membership
    leases = LeaseClock(tickMilliseconds: configuration.tickMilliseconds)
    leases.restart(from: keyspace.snapshot, now: 0)
    identifiers = SplitMix64(seed: configuration.seed)
    comparison = StateComparison(
      id: configuration.raft.id, replicas: membership?.voters ?? configuration.raft.peers)
    raft = RaftNode(
      configuration: configuration.raft, hardState: hardState, snapshotIndex: snapshotIndex,
      snapshotTerm: snapshotTerm, entries: entries, applied: applied, membership: membership)
  }

  /// Whether anybody waits for an answer.
  public var hasPending: Bool { !proposals.isEmpty || !barriers.isEmpty }

  /// Whether the next `takeActions` applies something.
  var hasUnapplied: Bool { raft.commit > applied }

  // MARK: Inputs

  public mutating func tick() {
    now += 1
    raft.tick()
    expire()
    tickMembership()
    tickLeases()
    if configuration.comparesStates, now % StateComparison.intervalTicks == 0,
      raft.status.role == .leader
    {
      comparison.begin()
    }
  }

  /// With nothing else coming in, so many ticks pass before one of them does something.
  public var quietTicks: Int {
    if hasPending || hasLeases || !changes.isEmpty { return 1 }
    guard raft.role == .leader else { return raft.quietTicks }
    let settle = Self.settleTicks - now % Self.settleTicks
    let compare = StateComparison.intervalTicks - now % StateComparison.intervalTicks
    return min(raft.quietTicks, settle, compare)
  }

  public mutating func receive(_ message: PeerMessage, from peer: ReplicaID) {
    switch message {
    case .raft(let message):
      // The connection vouches for who speaks.
      guard message.from == peer, message.to == configuration.raft.id else { return }
      raft.step(message)
    case .propose(let payloads):
      appendForwarded(payloads, from: peer)
    case .refuse(let requestIDs, let reason):
      refused(requestIDs, reason: reason)
    case .recoveryQuery(let nonce):
      actions.messages.append(
        OutgoingMessage(to: peer, message: .recoveryAnswer(recoveryAnswer(nonce))))
    case .stateRequest(let atLeast):
      // Asked for again until it has come, so nothing is kept in mind here.
      if applied >= atLeast { actions.snapshotsNeeded.append(peer) }
    case .stateHash(let index, let hash): comparison.heard(index, hash: hash, from: peer)
    case .recoveryAnswer: break
    }
  }

  private func recoveryAnswer(_ nonce: UInt64) -> RecoveryAnswer {
    let status = raft.status
    let standing: RecoveryAnswer.Standing =
      status.role == .leader
      ? .leader : status.term == 0 && status.lastIndex == 0 ? .new : .follower
    return RecoveryAnswer(
      nonce: nonce, standing: standing, term: status.term, lastIndex: status.lastIndex,
      applied: applied,
      membership: standing != .leader || raft.canChangeMembership ? recordedMembership : nil)
  }

  private var recordedMembership: Membership? {
    raft.membership.isRecorded ? raft.membership : nil
  }

  /// The log up to here is durable.
  public mutating func persisted(index: LogIndex, term: Term) {
    raft.persisted(index: index, term: term)
  }

  /// The connection from or to `peer` broke: if it leads, it may be dead.
  public mutating func connectionLost(to peer: ReplicaID) {
    raft.connectionLost(to: peer)
    // What was on its way to the leader may be lost with the connection.
    if peer == sentTo.leader { proposals.markAllUnsent() }
    barriers.requeueRounds()
  }

  /// The disk has filled up, or has space again.
  public mutating func setRefusesProposals(_ refuses: Bool) {
    guard refuses != refusesProposals else { return }
    refusesProposals = refuses
    if refuses, raft.status.role == .leader, let successor = bestSuccessor() {
      raft.transferLeadership(to: successor)
    }
  }

  public mutating func transferLeadership(to peer: ReplicaID? = nil) {
    guard let target = peer ?? bestSuccessor() else { return }
    raft.transferLeadership(to: target)
  }

  /// Stands for election without waiting for the timer.
  public mutating func campaign() { raft.campaign() }

  /// Whether the state as of `index`, streamed by a leader of `leaderTerm`, would bring this
  /// replica forward. If so its announcement is stepped: what `takeActions` then has to persist
  /// must be durable before the state is installed.
  public mutating func prepareSnapshot(
    from leader: ReplicaID, leaderTerm: Term, index: LogIndex, term: Term
  ) -> Bool {
    raft.step(
      Message(
        from: leader, to: configuration.raft.id, term: leaderTerm,
        body: .snapshot(index: index, term: term)))
    return raft.status.term == leaderTerm && raft.accepts(snapshotIndex: index)
      && index > applied && term <= leaderTerm
  }

  /// What the log has of a request of `ReplicaActions.entriesNeeded`; `nil` where it has been
  /// removed, or can't be read.
  public mutating func entriesRead(_ request: EntriesRequest, _ read: EntriesRead?) {
    raft.entriesRead(request, read)
  }

  public mutating func snapshotSent(to peer: ReplicaID, index: LogIndex, succeeded: Bool) {
    raft.snapshotSent(to: peer, index: index, succeeded: succeeded)
  }

  /// The state was replaced by a peer's, as of `index`; the log begins after it.
  public mutating func snapshotInstalled(
    index: LogIndex, term: Term, keyspace: KeyspaceState, membership: Membership? = nil
  ) {
    precondition(index >= applied, "a snapshot never takes the state back")
    raft.restore(snapshotIndex: index, snapshotTerm: term, membership: membership)
    self.keyspace = keyspace
    applied = index
    appliedTerm = term
    appliedMembership = membership ?? appliedMembership
    if let appliedMembership { comparison.follow(appliedMembership.voters) }
    comparison.restarted()
    leases.restart(from: keyspace.snapshot, now: now)
    completeRemembered()
    completeBarriers()
  }

  /// Fails everything that waits; used when the replica stops.
  public mutating func failPending(_ error: StoreError) {
    for proposal in proposals.removeAll() { complete(proposal, .failure(error)) }
    for id in barriers.removeAll() {
      actions.barriers.append(.init(id: id, result: .failure(error)))
    }
    failChanges(error)
  }

  // MARK: Output

  /// What is to be done now. Call until it returns nothing.
  public mutating func takeActions() -> ReplicaActions {
    dispatchProposals()
    dispatchBarriers()
    let next = raft.takeActions()
    actions.messages += next.messages.map { OutgoingMessage(to: $0.to, message: .raft($0)) }
    if next.hardState != nil || !next.entries.isEmpty || !next.messagesAfterPersist.isEmpty {
      actions.persist = ReplicaActions.Persist(
        hardState: next.hardState, entries: next.entries,
        messages: next.messagesAfterPersist.map {
          OutgoingMessage(to: $0.to, message: .raft($0))
        })
    }
    for entry in next.committed { apply(entry) }
    if let last = next.committed.last { raft.applied(to: last.index) }
    actions.messages += comparison.takeMessages()
    actions.divergence = comparison.takeDivergence().map {
      "after entry \($0.index) the state's hash is \(String($0.own, radix: 16)), that of a "
        + "majority \(String($0.others, radix: 16))"
    }
    barriers.ready(next.reads)
    barriers.failed(next.failedReads)
    completeBarriers()
    actions.snapshotsNeeded += next.snapshotsNeeded
    actions.entriesNeeded += next.entriesNeeded
    showMembership()
    defer { actions = ReplicaActions() }
    return actions
  }

  private mutating func apply(_ entry: LogEntry) {
    precondition(entry.index == applied + 1, "entries are applied in order, none skipped")
    applied = entry.index
    appliedTerm = entry.term
    var transaction: AppliedTransaction?
    // Every replica skips an unreadable payload alike, so they stay equal.
    if entry.kind == .command, let decoded = try? TransactionCodec.decode(entry.payload) {
      let isRetry = keyspace.remembers(decoded.requestID)
      let (result, events) = keyspace.apply(decoded)
      for event in events { leases.applied(event, in: keyspace.snapshot, now: now) }
      transaction = AppliedTransaction(
        requestID: decoded.requestID, result: result, events: events, isRetry: isRetry)
      for proposal in proposals.remove(requestID: decoded.requestID) {
        complete(proposal, .success(result))
      }
    }
    let membership = entry.kind == .membership ? Membership(encoded: entry.payload) : nil
    if let membership {
      appliedMembership = membership
      comparison.follow(membership.voters)
      completeChanges(entry, membership)
    }
    comparison.applied(entry.index, hash: keyspace.stateHash)
    actions.applied.append(
      AppliedEntry(
        index: entry.index, term: entry.term, bytes: entry.payload.count,
        revision: keyspace.revision, stateHash: keyspace.stateHash, transaction: transaction,
        membership: membership))
  }

  /// The follower that has the most of the log.
  private func bestSuccessor() -> ReplicaID? {
    let status = raft.status
    guard status.role == .leader else { return nil }
    return status.peers.filter {
      $0.id != status.id && $0.recentlyActive && raft.membership.voters.contains($0.id)
    }
    .max { ($0.match, $1.id) < ($1.match, $0.id) }?.id
  }
}
