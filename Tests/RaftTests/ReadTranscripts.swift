import Testing

/// Golden transcripts: reads that are never stale.
@Suite struct ReadTranscripts {
  /// The leader's and a follower's reads; the index is named only after a majority answered.
  @Test func aRoundServesAllReadsGathered() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > read 1 11
      > read 3 12
      > run
        1>2 T1 heartbeat commit=1 read=1
        1>3 T1 heartbeat commit=1 read=1
        2>1 T1 heartbeatResponse read=1
        1 read 11 at 1
        3>1 T1 readIndex
        3>1 T1 heartbeatResponse read=1
        1>2 T1 heartbeat commit=1 read=2
        1>3 T1 heartbeat commit=1 read=2
        2>1 T1 heartbeatResponse read=2
        3>1 T1 heartbeatResponse read=2
        1>3 T1 readIndexResponse 1
        3 read 12 at 1
      """)
  }

  /// It can't know what is committed before its own empty entry is.
  @Test func aNewLeaderWaitsForItsOwnTerm() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > deliver 1 2
        1>2 T1 preVote 0/0
      > deliver 2 1
        2>1 T1 preVoteResponse yes
      > deliver 1 2
        1>2 T1 requestVote 0/0
      > deliver 2 1
        2>1 T1 voteResponse yes
      > status 1
        1 leader T1 leader=1 commit=0 last=1
      > read 1 5
      > run
        1>2 T1 append 0/0 [1/1] commit=0
        1>3 T1 preVote 0/0
        1>3 T1 requestVote 0/0
        1>3 T1 append 0/0 [1/1] commit=0
        2>1 T1 accepted 1
        1 applies 1:-
        3>1 T1 preVoteResponse yes
        3>1 T1 voteResponse yes
        3>1 T1 accepted 1
        1>2 T1 heartbeat commit=1 read=1
        2 applies 1:-
        1>2 T1 append 1/1 [] commit=1
        1>3 T1 heartbeat commit=0 read=1
        1>3 T1 append 1/1 [] commit=1
        3 applies 1:-
        2>1 T1 heartbeatResponse read=1
        1 read 5 at 1
        2>1 T1 accepted 1
        3>1 T1 heartbeatResponse read=1
        3>1 T1 accepted 1
      """)
  }

  /// It leads by its own lights, but gets no majority for the round.
  @Test func aDeposedLeaderServesNoRead() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 1
      > lost 2 1
      > lost 3 1
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
      > propose 2 a
      > run
        2>3 T2 append 2/2 [3/2] commit=2
        3>2 T2 accepted 3
        2 applies 3:a
        2>3 T2 append 3/2 [] commit=3
        3 applies 3:a
        3>2 T2 accepted 3
      > read 1 9
      > heal
      > tick 2
      > run
        2>1 T2 heartbeat commit=0 read=0
        1 read 9 failed
        2>3 T2 heartbeat commit=3 read=0
        3>2 T2 heartbeatResponse read=0
        1>2 T2 heartbeatResponse read=0
        2>1 T2 append 1/1 [2/2 3/2] commit=3
        1 applies 2:- 3:a
        1>2 T2 accepted 3
      > status
        1 follower T2 leader=2 commit=3 last=3
        2 leader T2 leader=2 commit=3 last=3
        3 follower T2 leader=2 commit=3 last=3
      """)
  }

  /// The question or its answer vanished: the follower says so after an election timeout.
  @Test func aLostReadFails() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > read 2 4
      > drop 2 1
      > tick 2 9
      > tick 2
        2 read 4 failed
      """)
  }
}
