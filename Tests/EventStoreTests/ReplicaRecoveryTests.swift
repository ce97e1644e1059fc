import Raft
import Testing

@testable import EventStore

/// When a replica that has lost data may take part again, decided on plain values.
@Suite struct ReplicaRecoveryTests {
  private func recovery(
    _ need: ReplicaRecovery.Need, peers: [ReplicaID] = [2, 3]
  ) -> ReplicaRecovery {
    ReplicaRecovery(id: 1, peers: peers, need: need, nonce: 7)
  }

  private func answer(
    _ standing: RecoveryAnswer.Standing, term: Term, last: LogIndex = 0, applied: LogIndex = 0,
    nonce: UInt64 = 7, voters: [ReplicaID]? = [1, 2, 3], learners: [ReplicaID] = []
  ) -> PeerMessage {
    var membership = voters.map { Membership(voters: $0) }
    membership?.learners = learners
    if standing == .new || standing == .recovering { membership = nil }
    return .recoveryAnswer(
      RecoveryAnswer(
        nonce: nonce, standing: standing, term: term, lastIndex: last, applied: applied,
        membership: membership))
  }

  private func isWaiting(_ recovery: ReplicaRecovery) -> Bool {
    if case .wait = recovery.decision { true } else { false }
  }

  @Test func lostEntriesComeFromALeaderThatAMajorityOfTheOthersFollows() {
    var recovery = recovery(.log(vote: HardState(term: 4, vote: 2), seenTerm: 4))
    _ = recovery.receive(answer(.leader, term: 4, last: 90, applied: 80), from: 2)
    #expect(isWaiting(recovery), "a leader may be one that this replica's old vote made")
    _ = recovery.receive(answer(.follower, term: 3), from: 3)
    #expect(isWaiting(recovery), "one that does not follow proves nothing")
    _ = recovery.receive(answer(.follower, term: 4), from: 3)
    #expect(recovery.decision == .fetch(from: 2, term: 4, atLeast: 90))
    #expect(recovery.refusal(of: 89, leaderTerm: 4, from: 2) != nil)
    #expect(recovery.refusal(of: 95, leaderTerm: 4, from: 3) != nil)
    #expect(recovery.refusal(of: 95, leaderTerm: 5, from: 2) != nil)
    #expect(recovery.refusal(of: 90, leaderTerm: 4, from: 2) == nil)
  }

  @Test func whatTheLeaderAppendsMeanwhileIsNotWaitedFor() {
    var recovery = recovery(.log(vote: nil, seenTerm: 0))
    _ = recovery.receive(answer(.follower, term: 4), from: 3)
    for last in 90...200 as ClosedRange<LogIndex> {
      _ = recovery.receive(answer(.leader, term: 4, last: last), from: 2)
    }
    #expect(recovery.decision == .fetch(from: 2, term: 4, atLeast: 90))
    // Once it does not lead any more, everything begins anew.
    _ = recovery.receive(answer(.follower, term: 5, last: 200), from: 2)
    #expect(isWaiting(recovery))
    _ = recovery.receive(answer(.leader, term: 5, last: 210), from: 3)
    #expect(recovery.decision == .fetch(from: 3, term: 5, atLeast: 210))
  }

  @Test func withoutItsVoteEveryPeerMustHaveAnswered() {
    let peers: [ReplicaID] = [2, 3, 4, 5]
    for isVoteKnown in [true, false] {
      var recovery = recovery(
        .log(vote: isVoteKnown ? HardState(term: 4, vote: 2) : nil, seenTerm: 4), peers: peers)
      _ = recovery.receive(
        answer(.leader, term: 6, last: 9, voters: [1, 2, 3, 4, 5]), from: 2)
      _ = recovery.receive(answer(.follower, term: 6), from: 3)
      #expect(isWaiting(recovery))
      _ = recovery.receive(answer(.follower, term: 6), from: 4)
      // A candidate of a later term could be waiting for the vote that was lost.
      #expect(isWaiting(recovery) != isVoteKnown)
      _ = recovery.receive(answer(.follower, term: isVoteKnown ? 6 : 7), from: 5)
      #expect(isWaiting(recovery) != isVoteKnown)
    }
  }

  /// The configuration names servers 2 and 3; but 3 was replaced by 4, and 5 was added.
  @Test func theMembersAreThoseOfTheLogNotOfTheConfiguration() {
    let voters: [ReplicaID] = [1, 2, 4, 5]
    var recovery = recovery(.log(vote: nil, seenTerm: 3))
    _ = recovery.receive(answer(.leader, term: 6, last: 9, voters: voters), from: 2)
    #expect(recovery.peers == [2, 3, 4, 5])
    _ = recovery.receive(answer(.follower, term: 6), from: 3)
    #expect(isWaiting(recovery), "3 has no vote any more")
    _ = recovery.receive(answer(.follower, term: 6, voters: voters), from: 4)
    #expect(isWaiting(recovery), "2 and 4 are no majority of four")
    _ = recovery.receive(answer(.follower, term: 6, voters: voters), from: 5)
    #expect(recovery.decision == .fetch(from: 2, term: 6, atLeast: 9))
  }

  @Test func aLeaderWhoseMembersAreNotCommittedProvesNothing() {
    var recovery = recovery(.log(vote: HardState(term: 4, vote: 2), seenTerm: 4))
    _ = recovery.receive(answer(.follower, term: 5), from: 3)
    _ = recovery.receive(answer(.leader, term: 5, last: 9, voters: nil), from: 2)
    #expect(isWaiting(recovery))
    _ = recovery.receive(answer(.leader, term: 5, last: 9), from: 2)
    #expect(recovery.decision == .fetch(from: 2, term: 5, atLeast: 9))
  }

  /// It takes the place of a server that is gone for good, and so can't answer.
  @Test func aLearnerHasNoVoteThatCouldBeMissed() {
    var recovery = ReplicaRecovery(id: 4, peers: [1, 2, 3], need: .everything, nonce: 7)
    _ = recovery.receive(answer(.follower, term: 5, learners: [4]), from: 2)
    #expect(isWaiting(recovery))
    _ = recovery.receive(answer(.leader, term: 5, last: 9, learners: [4]), from: 1)
    #expect(recovery.decision == .fetch(from: 1, term: 5, atLeast: 9))
    var voter = ReplicaRecovery(id: 3, peers: [1, 2, 4], need: .everything, nonce: 7)
    _ = voter.receive(answer(.follower, term: 5, voters: [1, 2, 3, 4]), from: 2)
    _ = voter.receive(answer(.leader, term: 5, last: 9, voters: [1, 2, 3, 4]), from: 1)
    #expect(isWaiting(voter))
  }

  /// Wiped together with another one, while the third, which has the group's data, is silent.
  @Test func aWipedMajorityBeginsNoOtherGroup() {
    var wiped = recovery(.everything)
    for _ in 0..<1_000 {
      _ = wiped.tick()
      _ = wiped.receive(answer(.new, term: 0), from: 2)
    }
    #expect(isWaiting(wiped))
    _ = wiped.receive(answer(.follower, term: 9, last: 5), from: 3)
    #expect(isWaiting(wiped))
  }

  @Test func answersToAFormerLifeDoNotCount() {
    var recovery = recovery(.log(vote: nil, seenTerm: 0))
    _ = recovery.receive(answer(.leader, term: 4, last: 9, nonce: 6), from: 2)
    _ = recovery.receive(answer(.follower, term: 4, nonce: 6), from: 3)
    #expect(isWaiting(recovery))
    _ = recovery.receive(answer(.leader, term: 4, last: 9), from: 9)
    #expect(isWaiting(recovery), "who is no peer is not heard")
  }

  @Test func aLeaderOfAnEarlierTermIsToldOfTheLaterOne() {
    var recovery = recovery(.log(vote: HardState(term: 8, vote: 1), seenTerm: 8))
    _ = recovery.receive(answer(.follower, term: 5), from: 3)
    let messages = recovery.receive(answer(.leader, term: 5, last: 9), from: 2)
    #expect(isWaiting(recovery))
    guard case .raft(let message) = messages.first?.message else {
      Issue.record("\(messages)")
      return
    }
    #expect(message.term == 8)
    var leader = RaftNode(
      configuration: RaftConfiguration(id: 2, peers: [1, 2, 3]), hardState: HardState(),
      snapshotIndex: 0, snapshotTerm: 0, entries: [], applied: 0)
    leader.step(message)
    #expect(leader.status.term == 8)
  }

  @Test func aWholeLogTakesTheStateFromAnyPeer() {
    var recovery = recovery(.state(atLeast: 50))
    _ = recovery.receive(answer(.follower, term: 3, last: 60, applied: 49), from: 2)
    #expect(isWaiting(recovery))
    _ = recovery.receive(answer(.follower, term: 3, last: 60, applied: 55), from: 3)
    #expect(recovery.decision == .fetch(from: 3, term: 3, atLeast: 50))
    _ = recovery.receive(answer(.leader, term: 3, last: 60, applied: 52), from: 2)
    #expect(recovery.decision == .fetch(from: 2, term: 3, atLeast: 50))
    #expect(recovery.refusal(of: 55, leaderTerm: 3, from: 3) == nil)
    #expect(recovery.refusal(of: 49, leaderTerm: 3, from: 3) != nil)
  }

  @Test func anEmptyReplicaBeginsOnlyWithOthersThatAreEmpty() {
    var new = recovery(.everything)
    _ = new.receive(answer(.new, term: 0), from: 2)
    #expect(isWaiting(new))
    for _ in 0..<1_000 { _ = new.tick() }
    #expect(isWaiting(new), "the third may be all that is left of a group")
    var all = recovery(.everything)
    _ = all.receive(answer(.new, term: 0), from: 2)
    _ = all.receive(answer(.new, term: 0), from: 3)
    #expect(all.decision == .begin(term: 1))
    // Somebody has stood for election already, and this replica may have voted for it.
    var voted = recovery(.everything)
    _ = voted.receive(answer(.follower, term: 3), from: 2)
    #expect(isWaiting(voted))
    _ = voted.receive(answer(.new, term: 0), from: 3)
    #expect(voted.decision == .begin(term: 3))
    // One that was wiped gets everything back first.
    var wiped = recovery(.everything)
    _ = wiped.receive(answer(.follower, term: 3, last: 5), from: 3)
    for _ in 0..<1_000 { _ = wiped.tick() }
    _ = wiped.receive(answer(.new, term: 0), from: 2)
    #expect(isWaiting(wiped))
    _ = wiped.receive(answer(.leader, term: 3, last: 5), from: 2)
    #expect(wiped.decision == .fetch(from: 2, term: 3, atLeast: 5))
  }

  @Test func asksAgainUntilItHasTheState() {
    var recovery = recovery(.state(atLeast: 50))
    #expect(recovery.tick().map(\.message) == [.recoveryQuery(nonce: 7), .recoveryQuery(nonce: 7)])
    _ = recovery.receive(answer(.leader, term: 3, last: 60, applied: 52), from: 2)
    for _ in 0..<2 {
      #expect(
        recovery.tick().contains(OutgoingMessage(to: 2, message: .stateRequest(atLeast: 50))))
    }
  }

  @Test func twoThatRecoverDoNotTakeEachOtherForNew() {
    var first = recovery(.everything)
    var second = ReplicaRecovery(
      id: 2, peers: [1, 3], need: .log(vote: nil, seenTerm: 3), nonce: 8)
    let question = first.tick()[0].message
    for message in second.receive(question, from: 1) {
      _ = first.receive(message.message, from: 2)
    }
    for _ in 0..<1_000 { _ = first.tick() }
    #expect(isWaiting(first))
  }
}
