import Testing

/// Golden transcripts: who belongs to the group.
@Suite struct MembershipTranscripts {
  /// A new replica knows nothing until the leader speaks to it. It counts from when both majorities
  /// have agreed.
  @Test func aLearnerReceivesTheLogAndThenAVote() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > propose 1 a
      > settle
      > blank 4
      > learners 1 4
      > run
      > tick 1
      > run
      > members 4
      > voters 1 1 2 3 4
      > run
      > members 1 4
      > status 1 4
      """)
  }

  /// 2 and 3 have gone silent: 1, 4 and 5 are a majority of the five, but not of the three.
  @Test func aJointMembershipNeedsBothMajorities() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > blank 4 5
      > learners 1 4 5
      > settle
      > tick 1
      > settle
      > isolate 2
      > isolate 3
      > voters 1 1 2 3 4 5
      > settle
      > tick 1
      > settle
      > propose 1 a
      > settle
      > tick 1 2
      > settle
      > status 1 4
      > members 1
      > heal
      > tick 1
      > settle
      > status 1 2 4
      > members 1 2
      """)
  }

  /// It leads, without counting itself, until those that are left have committed its removal.
  @Test func aLeaderThatIsRemovedHandsOver() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > voters 1 2 3
      > run
      > status
      > members 1 2 3
      > tick 1 40
      > run
      > status 1
      """)
  }

  /// 1 appends a change that reaches nobody; the next leader's log takes it back.
  @Test func aMembershipThatIsReplacedNeverWas() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > blank 4
      > learners 1 4
      > settle
      > tick 1
      > settle
      > isolate 1
      > voters 1 1 2 3 4
      > members 1
      > tick 3 20
      > tick 2 20
      > settle
      > status 2 3
      > heal
      > tick 2
      > tick 3
      > settle
      > members 1 2 3 4
      """)
  }

  @Test func aMembershipIsRecoveredFromTheLog() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > blank 4
      > learners 1 4
      > settle
      > tick 1
      > settle
      > voters 1 1 2 4
      > settle
      > crash 1
      > restart 1
      > members 1
      > campaign 3
      > settle
      > campaign 4
      > run
      > status 1 2 4
      """)
  }

  @Test func oneChangeAtATime() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > voters 1 1 2
      > settle
      > isolate 1
      > voters 1 1 2
      > voters 1 1 3
      """)
  }

  /// 4 needs the state, as the entries before are gone from memory.
  @Test func aStateBringsItsMembership() {
    expectTranscript(
      """
      > memory 300
      > cluster 1 2 3
      > campaign 1
      > settle
      > propose 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      > settle
      > propose 1 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      > settle
      > propose 1 ccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
      > settle
      > blank 4
      > learners 1 4
      > run
      > tick 1
      > settle
      > snapshot 1 4
      > members 4
      > tick 1
      > settle
      > voters 1 1 2 4
      > settle
      > members 1 2 4
      > crash 4
      > restart 4
      > members 4
      """)
  }
}
