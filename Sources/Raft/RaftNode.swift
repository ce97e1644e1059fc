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
  /// All voters in ascending order; `progress` and `votes` run parallel to it.
  let peers: [ReplicaID]
  /// Where this replica stands in `peers`.
  let own: Int

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
  var random: RandomNumbers
  var actions = RaftActions()
  var handedHardState: HardState

  /// Starts from what the disk has.
  ///
  /// - Parameters:
  ///   - hardState: the last one written; its commit index is only a hint.
  ///   - snapshotIndex: the entry before the first of `entries`, with its term.
  ///   - entries: the log after `snapshotIndex`, without gaps.
  ///   - applied: what the state machine has, in `snapshotIndex ... entries.last.index`.
  public init(
    configuration: RaftConfiguration, hardState: HardState, snapshotIndex: LogIndex,
    snapshotTerm: Term, entries: [LogEntry], applied: LogIndex
  ) {
    let peers = configuration.peers.sorted()
    guard let own = peers.firstIndex(of: configuration.id) else {
      preconditionFailure("replica \(configuration.id) is not among the voters \(peers)")
    }
    precondition(peers.first != 0, "0 is not an id")
    precondition(
      zip(peers, peers.dropFirst()).allSatisfy { $0.0 < $0.1 }, "a voter is named twice")
    precondition(configuration.heartbeatTicks > 0 && configuration.maximumInFlightAppends > 0)
    precondition(configuration.electionTicks > configuration.heartbeatTicks)
    self.configuration = configuration
    self.peers = peers
    self.own = own
    log = RaftLog(
      base: snapshotIndex, baseTerm: snapshotTerm, entries: entries, committed: hardState.commit,
      applied: applied)
    precondition(
      hardState.term >= log.lastTerm || configuration.mutations.contains(.forgetsTerm),
      "the log is of a later term than the hard state")
    term = max(hardState.term, log.lastTerm)
    vote = hardState.vote
    handedHardState = hardState
    progress = peers.map { [log] _ in Progress(next: log.lastIndex + 1) }
    votes = peers.map { _ in nil }
    random = RandomNumbers(
      seed: configuration.seed ^ (configuration.id &* 0xD6E8_FEB8_6659_FD93) ^ (term << 32))
    reads = Reads()
    resetElectionTimer()
  }

  var id: ReplicaID { configuration.id }
  var quorum: Int { peers.count / 2 + 1 }

  func position(of peer: ReplicaID) -> Int? { peers.firstIndex(of: peer) }

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
      startReadRound()
      sendAppends()
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
    switch role {
    case .leader: tickLeader()
    case .follower, .preCandidate, .candidate:
      electionElapsed += 1
      if electionElapsed >= electionTimeout || peers.count == 1 { campaign() }
    }
  }

  /// A message came from a peer.
  public mutating func step(_ message: Message) {
    guard message.to == id, message.from != id, let peer = position(of: message.from),
      message.term <= Term.max / 2
    else { return }
    switch message.body {
    case .preVote(let lastIndex, let lastTerm):
      return handlePreVote(message, lastIndex: lastIndex, lastTerm: lastTerm)
    case .preVoteResponse(let granted):
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
    case .requestVote(let lastIndex, let lastTerm, _):
      handleRequestVote(from: message.from, lastIndex: lastIndex, lastTerm: lastTerm)
    case .voteResponse(let granted):
      handleVoteResponse(from: peer, granted: granted)
    case .timeoutNow: handleTimeoutNow(from: message.from)
    case .append(let previousIndex, let previousTerm, let entries, let commit):
      handleAppend(
        message, previousIndex: previousIndex, previousTerm: previousTerm, entries: entries,
        commit: commit)
    case .appendResponse(let rejected, let index, let hintIndex, let hintTerm):
      handleAppendResponse(
        from: peer, rejected: rejected, index: index, hintIndex: hintIndex, hintTerm: hintTerm)
    case .heartbeat(let commit, let readContext):
      handleHeartbeat(from: message.from, commit: commit, readContext: readContext)
    case .heartbeatResponse(let readContext):
      handleHeartbeatResponse(from: peer, readContext: readContext)
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
