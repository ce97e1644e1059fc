import Testing

/// Golden transcripts: who leads.
@Suite struct ElectionTranscripts {
  /// Pre-vote, vote, and the empty entry that commits in the new term.
  @Test func electsOneOfThree() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > run
        1>2 T1 preVote 0/0
        1>3 T1 preVote 0/0
        2>1 T1 preVoteResponse yes
        3>1 T1 preVoteResponse yes
        1>2 T1 requestVote 0/0
        1>3 T1 requestVote 0/0
        2>1 T1 voteResponse yes
        3>1 T1 voteResponse yes
        1>2 T1 append 0/0 [1/1] commit=0
        1>3 T1 append 0/0 [1/1] commit=0
        2>1 T1 accepted 1
        1 applies 1:-
        3>1 T1 accepted 1
        1>2 T1 append 1/1 [] commit=1
        2 applies 1:-
        1>3 T1 append 1/1 [] commit=1
        3 applies 1:-
        2>1 T1 accepted 1
        3>1 T1 accepted 1
      > status
        1 leader T1 leader=1 commit=1 last=1
        2 follower T1 leader=1 commit=1 last=1
        3 follower T1 leader=1 commit=1 last=1
      > propose 1 a b
      > run
        1>2 T1 append 1/1 [2/1 3/1] commit=1
        1>3 T1 append 1/1 [2/1 3/1] commit=1
        2>1 T1 accepted 3
        1 applies 2:a 3:b
        3>1 T1 accepted 3
        1>2 T1 append 3/1 [] commit=3
        2 applies 2:a 3:b
        1>3 T1 append 3/1 [] commit=3
        3 applies 2:a 3:b
        2>1 T1 accepted 3
        3>1 T1 accepted 3
      """)
  }

  /// Its pre-votes never raise its term, and are refused while the others hear from a leader.
  @Test func aReplicaThatWasCutOffDisturbsNobody() {
    expectTranscript(
      """
      """)
  }

  /// 3 asked for votes that nobody got. Its later term deposes the leader once, and all agree
  /// again.
  @Test func aTermThatRanAheadRejoins() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > crash 3
      > term 3 5
      > restart 3
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T5 rejected 0 hint=0/0
      > tick 1 20
      > run
        1>2 T6 preVote 1/1
        1>3 T6 preVote 1/1
        3>1 T6 preVoteResponse yes
        1>2 T6 requestVote 1/1
        1>3 T6 requestVote 1/1
        3>1 T6 voteResponse yes
        1>2 T6 append 1/1 [2/6] commit=1
        1>3 T6 append 1/1 [2/6] commit=1
        2>1 T6 accepted 2
        1 applies 2:-
        3>1 T6 accepted 2
        1>2 T6 append 2/6 [] commit=2
        2 applies 2:-
        1>3 T6 append 2/6 [] commit=2
        3 applies 2:-
        2>1 T6 accepted 2
        3>1 T6 accepted 2
      > tick 1 5
      > run
        1>2 T6 heartbeat commit=2 read=0
        1>2 T6 heartbeat commit=2 read=0
        1>2 T6 heartbeat commit=2 read=0
        1>2 T6 heartbeat commit=2 read=0
        1>2 T6 heartbeat commit=2 read=0
        1>3 T6 heartbeat commit=2 read=0
        1>3 T6 heartbeat commit=2 read=0
        1>3 T6 heartbeat commit=2 read=0
        1>3 T6 heartbeat commit=2 read=0
        1>3 T6 heartbeat commit=2 read=0
        2>1 T6 heartbeatResponse read=0
        2>1 T6 heartbeatResponse read=0
        2>1 T6 heartbeatResponse read=0
        2>1 T6 heartbeatResponse read=0
        2>1 T6 heartbeatResponse read=0
        3>1 T6 heartbeatResponse read=0
        3>1 T6 heartbeatResponse read=0
        3>1 T6 heartbeatResponse read=0
        3>1 T6 heartbeatResponse read=0
        3>1 T6 heartbeatResponse read=0
      > status
        1 leader T6 leader=1 commit=2 last=2
        2 follower T6 leader=1 commit=2 last=2
        3 follower T6 leader=1 commit=2 last=2
      """)
  }

  /// 3 missed an entry: it gets neither pre-votes nor votes.
  @Test func anOlderLogCannotWin() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 3
      > propose 1 a
      > run
        1>2 T1 append 1/1 [2/1] commit=1
        2>1 T1 accepted 2
        1 applies 2:a
        1>2 T1 append 2/1 [] commit=2
        2 applies 2:a
        2>1 T1 accepted 2
      > crash 1
      > heal
      > lost 3 1
      > run
        3>2 T2 preVote 1/1
      > lost 2 1
      > run
        2>3 T2 preVote 2/1
        3>2 T2 preVoteResponse yes
        2>3 T2 requestVote 2/1
        3>2 T2 voteResponse yes
        2>3 T2 append 2/1 [3/2] commit=2
        3>2 T2 rejected 2 hint=1/1
        2>3 T2 append 1/1 [2/1 3/2] commit=2
        3 applies 2:a
        3>2 T2 accepted 3
        2 applies 3:-
        2>3 T2 append 3/2 [] commit=3
        3 applies 3:-
        3>2 T2 accepted 3
      > status
        1 down
        2 leader T2 leader=2 commit=3 last=3
        3 follower T2 leader=2 commit=3 last=3
      """)
  }

  /// No tick passes. The first pre-vote meets a lease, the second follower's own loss resolves
  /// it: of equal logs the lower id wins.
  @Test func losingTheLeadersConnectionElectsAtOnce() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > crash 1
      > lost 2 1
      > run
        2>3 T2 preVote 1/1
      > lost 3 1
      > run
        3>2 T2 preVote 1/1
        2>3 T2 preVote 1/1
        3>2 T2 preVoteResponse yes
        2>3 T2 requestVote 1/1
        3>2 T2 voteResponse yes
        2>3 T2 append 1/1 [2/2] commit=1
        3>2 T2 accepted 2
        2 applies 2:-
        2>3 T2 append 2/2 [] commit=2
        3 applies 2:-
        3>2 T2 accepted 2
      > status
        1 down
        2 leader T2 leader=2 commit=2 last=2
        3 follower T2 leader=2 commit=2 last=2
      """)
  }

  /// Both pre-votes are on their way before either is heard, and still the votes do not split.
  @Test func bothFollowersLoseTheConnectionTogether() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > crash 1
      > lost 3 1
      > lost 2 1
      > run
        2>3 T2 preVote 1/1
        3>2 T2 preVote 1/1
        3>2 T2 preVoteResponse yes
        2>3 T2 preVote 1/1
        2>3 T2 requestVote 1/1
        3>2 T2 preVoteResponse yes
        3>2 T2 voteResponse yes
        2>3 T2 append 1/1 [2/2] commit=1
        3>2 T2 accepted 2
        2 applies 2:-
        2>3 T2 append 2/2 [] commit=2
        3 applies 2:-
        3>2 T2 accepted 2
      > status
        1 down
        2 leader T2 leader=2 commit=2 last=2
        3 follower T2 leader=2 commit=2 last=2
      """)
  }

  /// Only 2 lost its connection; 3 keeps its leader, and 2 follows again at the next heartbeat.
  @Test func aBrokenConnectionAloneDeposesNobody() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > lost 2 1
      > run
        2>1 T2 preVote 1/1
        2>3 T2 preVote 1/1
      > status 2
        2 preCandidate T1 leader=0 commit=1 last=1
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
      > status
        1 leader T1 leader=1 commit=1 last=1
        2 follower T1 leader=1 commit=1 last=1
        3 follower T1 leader=1 commit=1 last=1
      """)
  }

  /// 2 grants only after its sync; crashed before, it has promised nothing.
  @Test func aVoteWaitsForTheDisk() {
    expectTranscript(
      """
      > cluster 1 2 3
      > isolate 3
      > hold 2
      > campaign 1
      > run
        1>2 T1 preVote 0/0
        2>1 T1 preVoteResponse yes
        1>2 T1 requestVote 0/0
      > status 1
        1 candidate T1 leader=0 commit=0 last=0
      > crash 2
      > restart 2
      > status 2
        2 follower T0 leader=0 commit=0 last=0
      """)
  }

  /// Check-quorum: within two periods of silence.
  @Test func aLeaderWithoutAMajorityStepsDown() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 1
      > tick 1 20
      > status 1
        1 follower T1 leader=0 commit=1 last=1
      """)
  }

  /// A group of one elects itself at the first tick, and commits what its disk has.
  @Test func aReplicaAloneLeadsAndCommits() {
    expectTranscript(
      """
      > cluster 1
      > tick 1
        1 applies 1:-
      > propose 1 a
        1 applies 2:a
      > hold 1
      > propose 1 b
      > status
        1 leader T1 leader=1 commit=2 last=3
      > sync 1
        1 applies 3:b
      > read 1 7
        1 read 7 at 3
      """)
  }

  /// The transferee gets the whole log first, then stands without a pre-vote and despite the
  /// lease.
  @Test func handsOverOnRequest() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 2
      > propose 1 a
      > run
        1>3 T1 append 1/1 [2/1] commit=1
        3>1 T1 accepted 2
        1 applies 2:a
        1>3 T1 append 2/1 [] commit=2
        3 applies 2:a
        3>1 T1 accepted 2
      > heal
      > transfer 1 2
      > propose 1 refused
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        1>3 T1 heartbeat commit=2 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        1>3 T1 heartbeat commit=2 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
        1>2 T1 append 2/1 [] commit=2
        2>1 T1 rejected 2 hint=1/1
        1>2 T1 append 1/1 [2/1] commit=2
        2 applies 2:a
        2>1 T1 accepted 2
        1>2 T1 timeoutNow
        2>1 T2 requestVote 2/1 transfer
        2>3 T2 requestVote 2/1 transfer
        3>2 T2 voteResponse yes
        1>2 T2 voteResponse yes
        2>1 T2 append 2/1 [3/2] commit=2
        2>3 T2 append 2/1 [3/2] commit=2
        3>2 T2 accepted 3
        2 applies 3:-
        1>2 T2 accepted 3
        2>1 T2 append 3/2 [] commit=3
        1 applies 3:-
        2>3 T2 append 3/2 [] commit=3
        3 applies 3:-
        3>2 T2 accepted 3
        1>2 T2 accepted 3
      > tick 1
      > run
      > status
        1 follower T2 leader=2 commit=3 last=3
        2 leader T2 leader=2 commit=3 last=3
        3 follower T2 leader=2 commit=3 last=3
      """)
  }
}
