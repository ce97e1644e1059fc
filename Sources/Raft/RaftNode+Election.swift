/// Who leads: pre-vote, votes, leases, loss of a connection, transfer.
extension RaftNode {
  /// Stands for election now, with a pre-vote first so that a replica that can't win disturbs
  /// nobody (dissertation §9.6).
  public mutating func campaign() {
    guard role != .leader else { return }
    if isBoundByPromise, !isAlone { return }
    guard mayStand else {
      // Without a vote there is only to wait for whoever leads next.
      if leader != 0 { becomeFollower(term: term, leader: 0) }
      return resetElectionTimer()
    }
    if isAlone {
      becomeCandidate(transfer: false)
    } else {
      becomePreCandidate()
    }
  }

  /// The connection to a peer broke, which says sooner than a timer that it may be gone.
  ///
  /// A follower whose leader it was forgets the leader and pre-votes at once; from then on it
  /// grants votes too. Two followers that do so together don't split the vote: see
  /// `handlePreVote`.
  public mutating func connectionLost(to peer: ReplicaID) {
    guard peer != id, let position = position(of: peer) else { return }
    switch role {
    case .leader:
      // What was on its way may be lost, and the peer may come back with less than it had.
      progress[position].match = 0
      progress[position].becomeProbe()
      progress[position].next = log.lastIndex + 1
      progress[position].matchAtHeartbeat = nil
    case .follower where leader == peer: campaign()
    case .follower, .preCandidate, .candidate: break
    }
  }

  /// Leader: hands over to `peer` as soon as it has the whole log; takes no proposals meanwhile.
  /// Given up after an election timeout.
  public mutating func transferLeadership(to peer: ReplicaID) {
    guard role == .leader, peer != id, let position = position(of: peer),
      incoming.contains(position)
    else { return }
    transferee = peer
    transferElapsed = 0
    lease.isForfeited = true
    if progress[position].match == log.lastIndex { send(.timeoutNow, to: peer) }
  }

  /// A follower that hears from its leader takes no part in elections (dissertation §4.2.3).
  private var hasLease: Bool {
    isBoundByPromise || leader != 0 && electionElapsed < configuration.electionTicks
  }

  /// Takes over the later term of a message. Returns false where the message must be ignored.
  mutating func adoptTerm(of message: Message) -> Bool {
    switch message.body {
    case .requestVote(_, _, let transfer):
      if !transfer && hasLease { return false }
      becomeFollower(term: message.term, leader: 0)
    case .append, .heartbeat, .snapshot:
      becomeFollower(term: message.term, leader: message.from)
    default:
      becomeFollower(term: message.term, leader: 0)
    }
    return true
  }

  /// Tells a leader of an earlier term that its time is over. Without this a replica whose term
  /// ran ahead while it was cut off could never rejoin, since its pre-votes are refused.
  mutating func answerStale(_ message: Message) {
    switch message.body {
    case .append(let previousIndex, _, _, _):
      sendAfterPersist(
        .appendResponse(rejected: true, index: previousIndex, hintIndex: 0, hintTerm: 0),
        to: message.from)
    case .heartbeat, .snapshot:
      sendAfterPersist(
        .appendResponse(rejected: true, index: 0, hintIndex: 0, hintTerm: 0), to: message.from)
    case .requestVote:
      sendAfterPersist(.voteResponse(granted: false), to: message.from)
    default: break
    }
  }

  mutating func handlePreVote(_ message: Message, lastIndex: LogIndex, lastTerm: Term) {
    if configuration.mutations.contains(.preVoteRaisesTerm), message.term > term {
      becomeFollower(term: message.term, leader: 0)
    }
    if hasLease, !configuration.mutations.contains(.preVoteIgnoresLease) { return }
    let acceptable =
      message.term > term && log.isUpToDate(lastIndex: lastIndex, lastTerm: lastTerm)
    let equal = (lastTerm, lastIndex) == (log.lastTerm, log.lastIndex)
    if !acceptable { send(.preVoteResponse(granted: false), to: message.from) }
    if role == .preCandidate, message.term == term + 1, !acceptable || equal && id < message.from {
      // Both want to stand: the better log shall, and with equal ones the lower id. This one's
      // first request may have met a peer that still trusted its leader, so ask again.
      return sendPreVote(to: message.from)
    }
    guard acceptable else { return }
    // Whoever is about to stand too would split the vote: the other one gets a moment.
    electionTimeout = max(
      electionTimeout, electionElapsed + max(1, configuration.electionTicks / 10))
    // A pre-vote promises nothing, so nothing has to be on disk first.
    actions.messages.append(
      Message(
        from: id, to: message.from, term: message.term, body: .preVoteResponse(granted: true)))
  }

  mutating func handlePreVoteResponse(_ message: Message, from peer: Int, granted: Bool) {
    if !granted && message.term > term {
      return becomeFollower(term: message.term, leader: 0)
    }
    guard role == .preCandidate, message.term == (granted ? term + 1 : term) else { return }
    votes[peer] = granted
    if hasQuorum({ votes[$0] == true }) {
      becomeCandidate(transfer: false)
    } else if isLost {
      becomeFollower(term: term, leader: 0)
    }
  }

  mutating func handleRequestVote(from peer: ReplicaID, lastIndex: LogIndex, lastTerm: Term) {
    let free = vote == peer || (vote == 0 && leader == 0)
    let granted = free && log.isUpToDate(lastIndex: lastIndex, lastTerm: lastTerm)
    if granted {
      vote = peer
      electionElapsed = 0
    }
    sendAfterPersist(.voteResponse(granted: granted), to: peer)
  }

  mutating func handleVoteResponse(from peer: Int, granted: Bool) {
    guard role == .candidate else { return }
    votes[peer] = granted
    if hasQuorum({ votes[$0] == true }) {
      becomeLeader()
    } else if isLost {
      becomeFollower(term: term, leader: 0)
      // The vote was split, and nobody leads: no need to wait as long as for a leader's word.
      drawElectionTimeout(least: max(2, configuration.electionTicks / 3))
    }
  }

  mutating func handleTimeoutNow(from peer: ReplicaID) {
    guard role != .leader, isVoter, leader == peer || leader == 0 else { return }
    becomeCandidate(transfer: true)
  }

  /// So many have refused that the others are no majority.
  private var isLost: Bool { !hasQuorum { votes[$0] != false } }

  mutating func becomeFollower(term newTerm: Term, leader newLeader: ReplicaID) {
    precondition(newTerm >= term)
    if newTerm > term || newLeader != leader { failReads() }
    if newTerm > term {
      term = newTerm
      vote = 0
    }
    role = .follower
    leader = newLeader
    transferee = 0
    resetElectionTimer()
  }

  private mutating func becomePreCandidate() {
    if leader != 0 { failReads() }
    role = .preCandidate
    leader = 0
    resetElectionTimer()
    for peer in votes.indices { votes[peer] = peer == own ? true : nil }
    for peer in otherVoters { sendPreVote(to: peer) }
  }

  private mutating func sendPreVote(to peer: ReplicaID) {
    actions.messages.append(
      Message(
        from: id, to: peer, term: term + 1,
        body: .preVote(lastIndex: log.lastIndex, lastTerm: log.lastTerm)))
  }

  private mutating func becomeCandidate(transfer: Bool) {
    precondition(role != .leader)
    if leader != 0 { failReads() }
    role = .candidate
    leader = 0
    term += 1
    vote = id
    resetElectionTimer()
    for peer in votes.indices { votes[peer] = peer == own ? true : nil }
    if isAlone { return becomeLeader() }
    // Sent only when term and vote are on disk: after a crash this replica could otherwise stand
    // in the same term again, with a shorter log than the one that was voted for. For the same
    // reason its own vote can count at once: an answer implies that it is durable.
    for peer in otherVoters {
      sendAfterPersist(
        .requestVote(lastIndex: log.lastIndex, lastTerm: log.lastTerm, transfer: transfer),
        to: peer)
    }
  }

  private mutating func becomeLeader() {
    precondition(role == .candidate)
    role = .leader
    leader = id
    transferee = 0
    electionElapsed = 0
    heartbeatElapsed = 0
    stalledTicks = 0
    lease = LeaderLease()
    for position in peers.indices {
      progress[position] = Progress(next: log.lastIndex + 1)
      progress[position].recentlyActive = votes[position] == true
    }
    log.append([LogEntry(term: term, index: log.lastIndex + 1, kind: .empty, payload: [])])
  }

  mutating func resetElectionTimer() {
    electionElapsed = 0
    // Pre-votes disturb nobody, so they are repeated soon.
    let least =
      role == .preCandidate
      ? max(2, configuration.electionTicks / 3) : configuration.electionTicks
    drawElectionTimeout(least: least)
  }

  private mutating func drawElectionTimeout(least: Int) {
    electionTimeout = least + random.next(below: least)
  }
}
