/// Who takes part: majorities, and how they change (Raft §6, dissertation §4.3).
extension RaftNode {
  /// The newest membership in the log: it is in force before it is committed.
  public var membership: Membership { adopted }

  /// This replica's vote counts.
  public var isVoter: Bool { incoming.contains(own) || outgoing.contains(own) }

  /// Whether this replica stands for election: as a voter, or as one whose removal it does not know to be
  /// committed. Its log may be the only one with that entry, and better than those of the others, who
  /// still count on its vote and can't have it (dissertation §4.2.2). Its own vote counts for nothing.
  var mayStand: Bool { log.mayBeVoter(id) }

  /// This replica is a majority by itself.
  var isAlone: Bool { hasQuorum { $0 == own } }

  var otherVoters: [ReplicaID] {
    peers.indices.filter { $0 != own && (incoming.contains($0) || outgoing.contains($0)) }
      .map { peers[$0] }
  }

  /// A majority of the voters, and of the outgoing ones, meets the condition.
  func hasQuorum(_ condition: (Int) -> Bool) -> Bool {
    func isMajority(_ positions: [Int]) -> Bool {
      positions.count(where: condition) > positions.count / 2
    }
    return isMajority(incoming) && (outgoing.isEmpty || isMajority(outgoing))
  }

  /// The highest number that a majority of the voters, and of the outgoing ones, has reached.
  func quorumValue(_ value: (Int) -> UInt64) -> UInt64 {
    func reached(_ positions: [Int]) -> UInt64 {
      positions.isEmpty ? 0 : positions.map(value).sorted(by: >)[positions.count / 2]
    }
    return outgoing.isEmpty ? reached(incoming) : min(reached(incoming), reached(outgoing))
  }

  /// Follows the log where its newest membership is another one than before.
  mutating func adoptMembership() {
    let membership = log.membership
    guard membership != adopted else { return }
    adopted = membership
    let before = (peers: peers, progress: progress, votes: votes)
    peers = Set(membership.members + [id]).sorted()
    progress = peers.map { peer in
      if let position = before.peers.firstIndex(of: peer) { return before.progress[position] }
      var new = Progress(next: log.lastIndex + 1)
      // It has a period's time to answer.
      new.recentlyActive = true
      return new
    }
    votes = peers.map { peer in before.peers.firstIndex(of: peer).flatMap { before.votes[$0] } }
    own = position(of: id) ?? 0
    incoming = membership.voters.compactMap { position(of: $0) }
    outgoing = membership.outgoing.compactMap { position(of: $0) }
    if configuration.mutations.contains(.forgetsOutgoing) { outgoing = [] }
    if transferee != 0, !membership.voters.contains(transferee) { transferee = 0 }
  }

  /// Appends another membership. Where voters change it must be joint; the leader completes the
  /// change by itself.
  ///
  /// - Returns: `nil` unless this replica leads, has committed an entry of its term, and no other
  ///   change is under way; otherwise where the entry stands.
  public mutating func propose(_ membership: Membership) -> (term: Term, index: LogIndex)? {
    guard canChangeMembership, transferee == 0 else { return nil }
    precondition(!membership.isEmpty, "a group without voters can't go on")
    precondition(
      membership.isJoint
        ? membership.outgoing == adopted.voters : membership.voters == adopted.voters,
      "voters change by way of a joint membership")
    return append(membership)
  }

  /// Whether a change of the members may begin.
  public var canChangeMembership: Bool {
    role == .leader && hasCommittedInTerm && !adopted.isJoint
      && log.membershipIndex <= log.committed
  }

  private mutating func append(_ membership: Membership) -> (term: Term, index: LogIndex) {
    let index = log.lastIndex + 1
    log.append(
      [LogEntry(term: term, index: index, kind: .membership, payload: membership.encoded)])
    adoptMembership()
    return (term, index)
  }

  /// Both majorities have the joint membership: from here on the new one will do.
  mutating func completeMembershipChange() {
    guard adopted.isJoint, log.membershipIndex <= log.committed else { return }
    _ = append(adopted.leavingJoint)
  }

  /// A leader that is not among the voters leads until that is committed, and then no longer; the
  /// follower with the most takes over at once.
  mutating func leaveIfRemoved() {
    guard !adopted.isJoint, !incoming.contains(own), log.membershipIndex <= log.committed
    else { return }
    let successor = incoming.max { progress[$0].match < progress[$1].match }
    if let successor { send(.timeoutNow, to: peers[successor]) }
    becomeFollower(term: term, leader: 0)
  }

  /// Whether a member was heard from lately, and has all but the last `entries` of the leader's log.
  public func isCaughtUp(_ peer: ReplicaID, within entries: LogIndex) -> Bool {
    guard role == .leader, let position = position(of: peer) else { return false }
    return progress[position].state == .replicate && progress[position].recentlyActive
      && progress[position].match + entries >= log.lastIndex
  }
}
