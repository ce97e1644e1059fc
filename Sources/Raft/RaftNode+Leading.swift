/// A leader's clock: heartbeats, check-quorum, its own disk.
extension RaftNode {
  mutating func tickLeader() {
    heartbeatElapsed += 1
    electionElapsed += 1
    if electionElapsed >= configuration.electionTicks {
      electionElapsed = 0
      guard checkQuorum() else { return becomeFollower(term: term, leader: 0) }
    }
    guard checkDisk() else { return }
    if transferee != 0 { tickTransfer() }
    if heartbeatElapsed >= configuration.heartbeatTicks {
      heartbeatElapsed = 0
      sendHeartbeats()
    }
  }

  /// A leader that no majority answers can't commit and must not go on as if it could
  /// (dissertation §6.2).
  private mutating func checkQuorum() -> Bool {
    defer { for position in peers.indices { progress[position].recentlyActive = false } }
    return hasQuorum { $0 == own || progress[$0].recentlyActive }
  }

  /// A leader whose disk stands still holds everybody up: it steps down, and asks the follower
  /// with the most to take over.
  private mutating func checkDisk() -> Bool {
    guard log.persisted < log.handedOut, incoming.contains(where: { $0 != own }) else {
      stalledTicks = 0
      return true
    }
    stalledTicks += 1
    guard stalledTicks >= 2 * configuration.electionTicks else { return true }
    let successor = incoming.filter { $0 != own }.max {
      progress[$0].match < progress[$1].match
    }
    if let successor { send(.timeoutNow, to: peers[successor]) }
    becomeFollower(term: term, leader: 0)
    return false
  }

  private mutating func tickTransfer() {
    transferElapsed += 1
    if transferElapsed >= configuration.electionTicks {
      transferee = 0
    } else if let position = position(of: transferee), progress[position].match == log.lastIndex {
      send(.timeoutNow, to: transferee)
    }
  }

  mutating func sendHeartbeats() {
    beginLeaseRound()
    let newestRound = configuration.lease == nil ? reads.rounds.last?.id ?? 0 : reads.lastRound
    for position in peers.indices where position != own {
      send(
        .heartbeat(
          commit: min(progress[position].match, log.committed), readContext: marked(newestRound)),
        to: peers[position])
    }
  }

  mutating func advanceCommit() {
    guard role == .leader else { return }
    let index = quorumValue { $0 == own ? log.persisted : progress[$0].match }
    // Entries of earlier terms are never committed by counting: they could still be overwritten
    // (Raft §5.4.2, figure 8).
    guard index > log.committed,
      log.term(at: index) == term || configuration.mutations.contains(.commitsEarlierTerms)
    else { return }
    log.commit(to: index)
  }
}
