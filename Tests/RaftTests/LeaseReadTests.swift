import Testing

@testable import Raft

/// Reads by the leader's lease: when they hold, and what followers owe them.
@Suite struct LeaseReadTests {
  /// 10 ticks of 10 ms: a promise lasts at least 70 ms, a lease 63.
  private static let leaseMilliseconds: UInt64 = 63

  private func node(
    _ id: ReplicaID = 1, term: Term = 0, hasLease: Bool = true
  ) -> RaftNode {
    var configuration = RaftConfiguration(id: id, peers: [1, 2, 3])
    if hasLease {
      configuration.lease = .init(tickMilliseconds: 10, clockRateBoundPercent: 10)
    }
    return RaftNode(
      configuration: configuration, hardState: HardState(term: term), snapshotIndex: 0,
      snapshotTerm: 0, entries: [], applied: 0)
  }

  /// 1, elected by 2 in term 1, with its own entry committed; its clock shows 1,000.
  private func leader() -> RaftNode {
    var node = node()
    node.clockMilliseconds = 1_000
    node.campaign()
    node.step(Message(from: 2, to: 1, term: 1, body: .preVoteResponse(granted: true)))
    node.step(Message(from: 2, to: 1, term: 1, body: .voteResponse(granted: true)))
    _ = node.takeActions()
    node.persisted(index: 1, term: 1)
    node.step(
      Message(
        from: 2, to: 1, term: 1,
        body: .appendResponse(rejected: false, index: 1, hintIndex: 0, hintTerm: 0)))
    _ = node.takeActions()
    #expect(node.status.commit == 1)
    return node
  }

  /// The number that a heartbeat of `node` carries to 2.
  private func beat(_ node: inout RaftNode) -> UInt64? {
    node.tick()
    for message in node.takeActions().messages where message.to == 2 {
      if case .heartbeat(_, let context) = message.body { return context }
    }
    return nil
  }

  private func answer(_ node: inout RaftNode, _ context: UInt64) {
    node.step(Message(from: 2, to: 1, term: 1, body: .heartbeatResponse(readContext: context)))
  }

  private func read(_ node: inout RaftNode) -> (served: Bool, asked: Bool) {
    node.readIndex(context: 7)
    let actions = node.takeActions()
    return (
      actions.reads == [.init(context: 7, index: 1)],
      actions.messages.contains { if case .heartbeat = $0.body { true } else { false } }
    )
  }

  @Test func aPromisedMajorityNeedsNotBeAsked() throws {
    var node = leader()
    let first = read(&node)
    #expect(!first.served && first.asked)
    let context = try #require(beat(&node))
    answer(&node, context)
    _ = node.takeActions()
    node.clockMilliseconds = 1_000 + Self.leaseMilliseconds - 1
    let second = read(&node)
    #expect(second.served && !second.asked)
    // A follower's read is answered at once as well.
    node.step(Message(from: 3, to: 1, term: 1, body: .readIndex(context: 9)))
    #expect(
      node.takeActions().messages.map(\.body) == [.readIndexResponse(context: 9, index: 1)])
    node.clockMilliseconds += 1
    let third = read(&node)
    #expect(!third.served && third.asked)
  }

  /// It counts from when the heartbeat was sent, however late the answer comes.
  @Test func aLateAnswerProlongsNothing() throws {
    var node = leader()
    let context = try #require(beat(&node))
    node.clockMilliseconds = 1_000 + Self.leaseMilliseconds
    answer(&node, context)
    #expect(!read(&node).served)
  }

  /// One whose configuration knows no leases answers heartbeats, but promises nothing.
  @Test func whoPromisesNothingDoesNotCount() throws {
    var node = leader()
    var follower = self.node(2, hasLease: false)
    let context = try #require(beat(&node))
    follower.step(
      Message(from: 1, to: 2, term: 1, body: .heartbeat(commit: 0, readContext: context)))
    let answer = try #require(follower.takeActions().messages.first)
    #expect(answer.body == .heartbeatResponse(readContext: context & ~LeaderLease.promiseFlag))
    node.step(answer)
    #expect(!read(&node).served)
  }

  /// An election on the leader's own request needs nobody's consent, and may come late.
  @Test func whoHandsOverHasNoLeaseAnyMore() throws {
    var node = leader()
    let context = try #require(beat(&node))
    answer(&node, context)
    _ = node.takeActions()
    node.transferLeadership(to: 2)
    for _ in 0..<10 { node.tick() }
    answer(&node, try #require(beat(&node)))
    #expect(node.status.role == .leader)
    #expect(!read(&node).served)
  }

  private func vote(from peer: ReplicaID, transfer: Bool = false) -> Message {
    Message(
      from: peer, to: 2, term: 2,
      body: .requestVote(lastIndex: 5, lastTerm: 1, transfer: transfer))
  }

  private func promised() -> RaftNode {
    var node = node(2)
    node.step(
      Message(
        from: 1, to: 2, term: 1,
        body: .heartbeat(commit: 0, readContext: 1 | LeaderLease.promiseFlag)))
    _ = node.takeActions()
    return node
  }

  @Test func aPromiseOutlivesTheConnection() {
    var node = promised()
    node.connectionLost(to: 1)
    node.campaign()
    #expect(node.status.role == .follower)
    for _ in 0..<9 { node.tick() }
    node.step(vote(from: 3))
    node.step(
      Message(from: 3, to: 2, term: 2, body: .preVote(lastIndex: 5, lastTerm: 1)))
    #expect(node.takeActions().isEmpty && node.status.term == 1)
    node.tick()
    node.step(vote(from: 3))
    #expect(
      node.takeActions().messagesAfterPersist.map(\.body) == [.voteResponse(granted: true)])
  }

  /// Also in a term that it has learnt of otherwise.
  @Test func aPromiseOutlivesTheTerm() {
    var node = promised()
    node.step(Message(from: 3, to: 2, term: 2, body: .readIndex(context: 1)))
    #expect(node.status.term == 2)
    node.step(vote(from: 3))
    #expect(node.takeActions().messagesAfterPersist.isEmpty)
  }

  @Test func theLeadersOwnWishPrevails() {
    var node = promised()
    node.step(vote(from: 3, transfer: true))
    #expect(
      node.takeActions().messagesAfterPersist.map(\.body) == [.voteResponse(granted: true)])
  }

  /// What was promised before a start is not known, so it counts as promised.
  @Test func aPromiseOutlivesTheProcess() {
    var node = node(2, term: 1)
    node.step(vote(from: 3))
    #expect(node.takeActions().isEmpty)
    for _ in 0..<10 { node.tick() }
    node.step(vote(from: 3))
    #expect(
      node.takeActions().messagesAfterPersist.map(\.body) == [.voteResponse(granted: true)])
  }
}
