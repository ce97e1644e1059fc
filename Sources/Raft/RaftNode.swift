import SeededRuns

/// One replica's part in the consensus: events in, actions out.
///
/// A plain value without I/O, clock or threads. The shell feeds it ticks, messages, proposals and
/// disk completions, and after each event (or several) carries out what `takeActions` returns.
/// Implements Raft (Ongaro and Ousterhout 2014; Ongaro's dissertation) with pre-vote,
/// check-quorum, leadership transfer, pipelined appends and ReadIndex.
///
/// Messages are checked: what a correct peer would never send is ignored. Misuse by the shell is
/// a programming error and stops the process.
public struct RaftNode: Sendable {
  let configuration: RaftConfiguration
  /// All members and this replica, in ascending order; `progress` and `votes` run parallel to it.
  var peers: [ReplicaID]
  /// Where this replica stands in `peers`.
  var own: Int
  /// Where the voters stand in `peers`, and the outgoing ones while a change is under way.
  var incoming: [Int] = []
  var outgoing: [Int] = []
  /// The membership that the four above are made of.
  var adopted = Membership()

  public internal(set) var role: Role = .follower
  public internal(set) var term: Term
  var vote: ReplicaID
  /// 0: none known.
  public internal(set) var leader: ReplicaID = 0
  var log: RaftLog
  var progress: [Progress]
  var votes: [Bool?]
  var electionElapsed = 0
  var electionTimeout = 0
  var heartbeatElapsed = 0
  /// Leader: ticks in which its own disk made no progress though it had work.
  var stalledTicks = 0
  /// Leader: who is to take over; 0: nobody.
  var transferee: ReplicaID = 0
  var transferElapsed = 0
  var reads: Reads
  /// Monotonic time in milliseconds, which must go on while the process stands still. Set by the
  /// shell after it has taken the inputs that it is about to put in; only leases need it.
  public var clockMilliseconds: UInt64 = 0
  var lease = LeaderLease()
  /// Follower: ticks for which it has promised to stay away from elections.
  var promisedTicks = 0
  var random: SplitMix64
  var actions = RaftActions()
  var handedHardState: HardState

  /// Starts from what the disk has.
  ///
  /// - Parameters:
  ///   - hardState: the last one written; its commit index is only a hint.
  ///   - snapshotIndex: the entry before the first of `entries`, with its term.
  ///   - entries: the log after `snapshotIndex`, without gaps.
  ///   - applied: what the state machine has, in `snapshotIndex ... entries.last.index`.
  ///   - membership: in force at `snapshotIndex`, or at `applied`; what `entries` tell goes before.
  ///     An empty one: this replica waits until it is told of a group. `nil`: the configuration's.
  public init(
    configuration: RaftConfiguration, hardState: HardState, snapshotIndex: LogIndex,
    snapshotTerm: Term, entries: [LogEntry], applied: LogIndex, membership: Membership? = nil
  ) {
    let voters = configuration.peers.sorted()
    precondition(configuration.id != 0 && voters.first != 0, "0 is not an id")
    precondition(
      zip(voters, voters.dropFirst()).allSatisfy { $0.0 < $0.1 }, "a voter is named twice")
    precondition(configuration.heartbeatTicks > 0 && configuration.maximumInFlightAppends > 0)
    precondition(configuration.electionTicks > configuration.heartbeatTicks)
    self.configuration = configuration
    peers = [configuration.id]
    own = 0
    log = RaftLog(
      base: snapshotIndex, baseTerm: snapshotTerm, entries: entries, committed: hardState.commit,
      applied: applied, membership: membership ?? Membership(voters: voters))
    precondition(
      hardState.term >= log.lastTerm || configuration.mutations.contains(.forgetsTerm),
      "the log is of a later term than the hard state")
    term = max(hardState.term, log.lastTerm)
    vote = hardState.vote
    handedHardState = hardState
    progress = [Progress(next: log.lastIndex + 1)]
    votes = [nil]
    random = SplitMix64(
      seed: configuration.seed ^ (configuration.id &* 0xD6E8_FEB8_6659_FD93) ^ (term << 32))
    reads = Reads()
    adoptMembership()
    // What was promised before this start is not known.
    if configuration.lease != nil, term > 0 { promisedTicks = configuration.electionTicks }
    resetElectionTimer()
  }

  var id: ReplicaID { configuration.id }

  func position(of peer: ReplicaID) -> Int? { peers.firstIndex(of: peer) }

  /// The entry before the first that is in memory.
  public var logBase: LogIndex { log.base }

  /// Bytes of the entries in memory.
  public var logBytes: Int { log.bytes }

  public var status: RaftStatus {
    var status = RaftStatus(
      id: id, role: role, term: term, leader: leader, commit: log.committed,
      applied: log.applied, lastIndex: log.lastIndex, peers: [])
    guard role == .leader else { return status }
    status.peers = zip(peers, progress).map { peer, progress in
      peer == id
        ? .init(id: id, match: log.persisted, next: log.lastIndex + 1, recentlyActive: true)
        : .init(
          id: peer, match: progress.match, next: progress.next,
          recentlyActive: progress.recentlyActive)
    }
    return status
  }

  /// What is to be done because of the events since the last call.
  public mutating func takeActions() -> RaftActions {
    if role == .leader {
      completeMembershipChange()
      startReadRound()
      sendAppends()
      leaveIfRemoved()
    } else {
      forwardReads()
    }
    var taken = actions
    actions = RaftActions()
    taken.entries = log.takeUnwritten()
    let current = HardState(term: term, vote: vote, commit: log.committed)
    // The commit index is only a hint: it rides along, but is never itself a reason to sync.
    if current.term != handedHardState.term || current.vote != handedHardState.vote
      || (!taken.entries.isEmpty && current != handedHardState)
    {
      taken.hardState = durable(current)
      handedHardState = current
    }
    taken.committed = log.takeCommitted()
    return taken
  }

  /// What is written of the hard state: all of it.
  private func durable(_ state: HardState) -> HardState {
    var state = state
    if configuration.mutations.contains(.forgetsVote) { state.vote = 0 }
    if configuration.mutations.contains(.forgetsTerm) {
      state.vote = 0
      state.term = log.lastTerm
    }
    return state
  }

  /// Time passes.
  public mutating func tick() {
    ageForwardedReads()
    promisedTicks = max(0, promisedTicks - 1)
    switch role {
    case .leader: tickLeader()
    case .follower, .preCandidate, .candidate:
      electionElapsed += 1
      if electionElapsed >= electionTimeout || isAlone { campaign() }
    }
  }

  /// With nothing else coming in, so many ticks pass before one of them does something.
  public var quietTicks: Int {
    switch role {
    case .leader:
      if transferee != 0 || log.persisted < log.handedOut { return 1 }
      return max(
        1,
        min(
          configuration.heartbeatTicks - heartbeatElapsed,
          configuration.electionTicks - electionElapsed))
    case .follower, .preCandidate, .candidate:
      return isAlone ? 1 : max(1, electionTimeout - electionElapsed)
    }
  }

  /// A message came from a peer.
  public mutating func step(_ message: Message) {
    guard message.to == id, message.from != id, message.from != 0, message.term <= Term.max / 2
    else { return }
    // Who asks need not be a member that this replica knows of: its log may be the older one
    // (dissertation §4.2.2).
    let peer = position(of: message.from)
    switch message.body {
    case .preVote(let lastIndex, let lastTerm):
      return handlePreVote(message, lastIndex: lastIndex, lastTerm: lastTerm)
    case .preVoteResponse(let granted):
      guard let peer else { return }
      return handlePreVoteResponse(message, from: peer, granted: granted)
    default: break
    }
    if message.term > term {
      guard adoptTerm(of: message) else { return }
    } else if message.term < term {
      return answerStale(message)
    }
    switch message.body {
    case .preVote, .preVoteResponse: break
    case .requestVote(let lastIndex, let lastTerm, let transfer):
      if isBoundByPromise, !transfer { return }
      handleRequestVote(from: message.from, lastIndex: lastIndex, lastTerm: lastTerm)
    case .voteResponse(let granted):
      if let peer { handleVoteResponse(from: peer, granted: granted) }
    case .timeoutNow: handleTimeoutNow(from: message.from)
    case .append(let previousIndex, let previousTerm, let entries, let commit):
      handleAppend(
        message, previousIndex: previousIndex, previousTerm: previousTerm, entries: entries,
        commit: commit)
    case .appendResponse(let rejected, let index, let hintIndex, let hintTerm):
      if let peer {
        handleAppendResponse(
          from: peer, rejected: rejected, index: index, hintIndex: hintIndex, hintTerm: hintTerm)
      }
    case .heartbeat(let commit, let readContext):
      handleHeartbeat(from: message.from, commit: commit, readContext: readContext)
    case .heartbeatResponse(let readContext):
      if let peer { handleHeartbeatResponse(from: peer, readContext: readContext) }
    case .snapshot(let index, let term):
      handleSnapshot(from: message.from, index: index, term: term)
    case .readIndex(let context): handleReadIndex(from: message.from, context: context)
    case .readIndexResponse(let context, let index):
      handleReadIndexResponse(from: message.from, context: context, index: index)
    }
  }

  mutating func send(_ body: Message.Body, to peer: ReplicaID) {
    actions.messages.append(Message(from: id, to: peer, term: term, body: body))
  }

  mutating func sendAfterPersist(_ body: Message.Body, to peer: ReplicaID) {
    actions.messagesAfterPersist.append(Message(from: id, to: peer, term: term, body: body))
  }
}
