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
        1>2 T1 append 2/1 [3/1] commit=2
        1>3 T1 append 2/1 [3/1] commit=2
        1>4 T1 append 3/1 [] commit=2
        2>1 T1 accepted 3
        1 applies 3:(voters 1 2 3, learners 4)
        3>1 T1 accepted 3
        4>1 T1 rejected 3 hint=0/0
        1>2 T1 append 3/1 [] commit=3
        2 applies 3:(voters 1 2 3, learners 4)
        1>3 T1 append 3/1 [] commit=3
        3 applies 3:(voters 1 2 3, learners 4)
        1>4 T1 append 0/0 [1/1 2/1 3/1] commit=3
        4 applies 1:- 2:a 3:(voters 1 2 3, learners 4)
        2>1 T1 accepted 3
        3>1 T1 accepted 3
        4>1 T1 accepted 3
      > tick 1
      > run
        1>2 T1 heartbeat commit=3 read=0
        1>3 T1 heartbeat commit=3 read=0
        1>4 T1 heartbeat commit=3 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
        4>1 T1 heartbeatResponse read=0
      > members 4
        4 voters 1 2 3, learners 4
      > voters 1 1 2 3 4
      > run
        1>2 T1 append 3/1 [4/1] commit=3
        1>3 T1 append 3/1 [4/1] commit=3
        1>4 T1 append 3/1 [4/1] commit=3
        2>1 T1 accepted 4
        3>1 T1 accepted 4
        1 applies 4:(voters 1 2 3 4, outgoing 1 2 3)
        4>1 T1 accepted 4
        1>2 T1 append 4/1 [5/1] commit=4
        2 applies 4:(voters 1 2 3 4, outgoing 1 2 3)
        1>3 T1 append 4/1 [5/1] commit=4
        3 applies 4:(voters 1 2 3 4, outgoing 1 2 3)
        1>4 T1 append 4/1 [5/1] commit=4
        4 applies 4:(voters 1 2 3 4, outgoing 1 2 3)
        2>1 T1 accepted 5
        3>1 T1 accepted 5
        1 applies 5:(voters 1 2 3 4)
        4>1 T1 accepted 5
        1>2 T1 append 5/1 [] commit=5
        2 applies 5:(voters 1 2 3 4)
        1>3 T1 append 5/1 [] commit=5
        3 applies 5:(voters 1 2 3 4)
        1>4 T1 append 5/1 [] commit=5
        4 applies 5:(voters 1 2 3 4)
        2>1 T1 accepted 5
        3>1 T1 accepted 5
        4>1 T1 accepted 5
      > members 1 4
        1 voters 1 2 3 4
        4 voters 1 2 3 4
      > status 1 4
        1 leader T1 leader=1 commit=5 last=5
        4 follower T1 leader=1 commit=5 last=5
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
        1 leader T1 leader=1 commit=2 last=4
        4 follower T1 leader=1 commit=2 last=4
      > members 1
        1 voters 1 2 3 4 5, outgoing 1 2 3
      > heal
      > tick 1
      > settle
      > status 1 2 4
        1 leader T1 leader=1 commit=5 last=5
        2 follower T1 leader=1 commit=5 last=5
        4 follower T1 leader=1 commit=5 last=5
      > members 1 2
        1 voters 1 2 3 4 5
        2 voters 1 2 3 4 5
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
        1>2 T1 append 1/1 [2/1] commit=1
        1>3 T1 append 1/1 [2/1] commit=1
        2>1 T1 accepted 2
        3>1 T1 accepted 2
        1 applies 2:(voters 2 3, outgoing 1 2 3)
        1>2 T1 append 2/1 [3/1] commit=2
        2 applies 2:(voters 2 3, outgoing 1 2 3)
        1>3 T1 append 2/1 [3/1] commit=2
        3 applies 2:(voters 2 3, outgoing 1 2 3)
        2>1 T1 accepted 3
        3>1 T1 accepted 3
        1 applies 3:(voters 2 3)
        1>2 T1 append 3/1 [] commit=3
        2 applies 3:(voters 2 3)
        1>2 T1 timeoutNow
        1>3 T1 append 3/1 [] commit=3
        3 applies 3:(voters 2 3)
        2>1 T1 accepted 3
        2>3 T2 requestVote 3/1 transfer
        3>1 T1 accepted 3
        3>2 T2 voteResponse yes
        2>3 T2 append 3/1 [4/2] commit=3
        3>2 T2 accepted 4
        2 applies 4:-
        2>3 T2 append 4/2 [] commit=4
        3 applies 4:-
        3>2 T2 accepted 4
      > status
        1 follower T1 leader=0 commit=3 last=3
        2 leader T2 leader=2 commit=4 last=4
        3 follower T2 leader=2 commit=4 last=4
      > members 1 2 3
        1 voters 2 3
        2 voters 2 3
        3 voters 2 3
      > tick 1 40
      > run
      > status 1
        1 follower T1 leader=0 commit=3 last=3
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
        1 voters 1 2 3 4, outgoing 1 2 3
      > tick 3 20
      > tick 2 20
      > settle
      > status 2 3
        2 leader T2 leader=2 commit=3 last=3
        3 follower T2 leader=2 commit=3 last=3
      > heal
      > tick 2
      > tick 3
      > settle
      > members 1 2 3 4
        1 voters 1 2 3, learners 4
        2 voters 1 2 3, learners 4
        3 voters 1 2 3, learners 4
        4 voters 1 2 3, learners 4
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
        1 voters 1 2 4
      > campaign 3
      > settle
      > campaign 4
      > run
        4>1 T2 preVote 4/1
        4>2 T2 preVote 4/1
        1>4 T2 preVoteResponse yes
        4>1 T2 requestVote 4/1
        4>2 T2 requestVote 4/1
        1>4 T2 voteResponse yes
        4>1 T2 append 4/1 [5/2] commit=4
        4>2 T2 append 4/1 [5/2] commit=4
        1>4 T2 accepted 5
        4 applies 5:-
        2>4 T2 accepted 5
        4>1 T2 append 5/2 [] commit=5
        1 applies 5:-
        4>2 T2 append 5/2 [] commit=5
        2 applies 5:-
        1>4 T2 accepted 5
        2>4 T2 accepted 5
      > status 1 2 4
        1 follower T2 leader=4 commit=5 last=5
        2 follower T2 leader=4 commit=5 last=5
        4 leader T2 leader=4 commit=5 last=5
      """)
  }

  @Test func oneChangeAtATime() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > voters 1 1 2
        refused
      > settle
      > isolate 1
      > voters 1 1 2
      > voters 1 1 3
        refused
      """)
  }

  /// 4 needs the state, as the entries before are gone.
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
      > forget 1 3
      > blank 4
      > learners 1 4
      > run
        1>2 T1 append 4/1 [5/1] commit=4
        1>3 T1 append 4/1 [5/1] commit=4
        1>4 T1 append 5/1 [] commit=4
        2>1 T1 accepted 5
        1 applies 5:(voters 1 2 3, learners 4)
        3>1 T1 accepted 5
        4>1 T1 rejected 5 hint=0/0
        1 reads for 4: gone
        1 snapshot needed by 4
        1>2 T1 append 5/1 [] commit=5
        2 applies 5:(voters 1 2 3, learners 4)
        1>3 T1 append 5/1 [] commit=5
        3 applies 5:(voters 1 2 3, learners 4)
        1>4 T1 snapshot 5/1
        2>1 T1 accepted 5
        3>1 T1 accepted 5
      > tick 1
      > settle
      > snapshot 1 4
      > members 4
        4 voters 1 2 3, learners 4
      > tick 1
      > settle
      > voters 1 1 2 4
      > settle
      > members 1 2 4
        1 voters 1 2 4
        2 voters 1 2 4
        4 voters 1 2 4
      > crash 4
      > restart 4
      > members 4
        4 voters 1 2 4
      """)
  }
}
