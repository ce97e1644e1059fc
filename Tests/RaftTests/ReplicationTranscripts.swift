import Testing

/// Golden transcripts: how the log spreads, and what is committed.
@Suite struct ReplicationTranscripts {
  /// 1 wrote entries that nobody got; the next leader's hint exchange skips them all at once.
  @Test func aConflictingTailIsReplaced() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 1
      > propose 1 a
      > propose 1 b
      > propose 1 c
      > campaign 2
      > run
        2>3 T2 preVote 1/1
      > lost 3 1
      > lost 2 1
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
      > propose 2 d
      > run
        2>3 T2 append 2/2 [3/2] commit=2
        3>2 T2 accepted 3
        2 applies 3:d
        2>3 T2 append 3/2 [] commit=3
        3 applies 3:d
        3>2 T2 accepted 3
      > log 1
        1/1 2/1 3/1 4/1
      > heal
      > tick 2
      > run
        2>1 T2 heartbeat commit=0 read=0
        2>3 T2 heartbeat commit=3 read=0
        3>2 T2 heartbeatResponse read=0
        1>2 T2 heartbeatResponse read=0
        2>1 T2 append 1/1 [2/2 3/2] commit=3
        1 applies 2:- 3:d
        1>2 T2 accepted 3
      > tick 2
      > run
        2>1 T2 heartbeat commit=3 read=0
        2>3 T2 heartbeat commit=3 read=0
        3>2 T2 heartbeatResponse read=0
        1>2 T2 heartbeatResponse read=0
      > log 1
        1/1 2/2 3/2
      > status
        1 follower T2 leader=2 commit=3 last=3
        2 leader T2 leader=2 commit=3 last=3
        3 follower T2 leader=2 commit=3 last=3
      """)
  }

  /// The append and its successor vanish; the second heartbeat without progress finds the gap.
  @Test func lostAppendsAreFoundByHeartbeats() {
    expectTranscript(
      """
      > cluster 1 2
      > campaign 1
      > settle
      > propose 1 a
      > drop 1 2
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
      > tick 1
      > run
        1>2 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        1>2 T1 append 2/1 [] commit=1
        2>1 T1 rejected 2 hint=1/1
        1>2 T1 append 1/1 [2/1] commit=1
        2>1 T1 accepted 2
        1 applies 2:a
        1>2 T1 append 2/1 [] commit=2
        2 applies 2:a
        2>1 T1 accepted 2
      > status
        1 leader T1 leader=1 commit=2 last=2
        2 follower T1 leader=1 commit=2 last=2
      """)
  }

  /// 1's disk holds entries of term 1 that are replaced before their sync is reported.
  @Test func aStaleSyncProvesNothing() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > hold 1
      > propose 1 a
      > drop 1 2
      > drop 1 3
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
      > heal
      > tick 2
      > run
        2>1 T2 heartbeat commit=0 read=0
        2>3 T2 heartbeat commit=2 read=0
        3>2 T2 heartbeatResponse read=0
        1>2 T2 heartbeatResponse read=0
        2>1 T2 append 1/1 [2/2] commit=2
      > status 1
        1 follower T2 leader=2 commit=2 last=2
      > log 1
        1/1
      > sync 1
        1 applies 2:-
      > run
        1>2 T2 accepted 2
      > status
        1 follower T2 leader=2 commit=2 last=2
        2 leader T2 leader=2 commit=2 last=2
        3 follower T2 leader=2 commit=2 last=2
      > log 1
        1/1 2/2
      """)
  }

  /// With its own disk held, followers alone make the majority; delivery waits for its disk.
  @Test func theLeaderCountsItselfOnlyOnceSynced() {
    expectTranscript(
      """
      > cluster 1 2 3
      > campaign 1
      > settle
      > hold 1
      > propose 1 a
      > run
        1>2 T1 append 1/1 [2/1] commit=1
        1>3 T1 append 1/1 [2/1] commit=1
        2>1 T1 accepted 2
        3>1 T1 accepted 2
        1>2 T1 append 2/1 [] commit=2
        2 applies 2:a
        1>3 T1 append 2/1 [] commit=2
        3 applies 2:a
        2>1 T1 accepted 2
        3>1 T1 accepted 2
      > status
        1 leader T1 leader=1 commit=2 last=2
        2 follower T1 leader=1 commit=2 last=2
        3 follower T1 leader=1 commit=2 last=2
      > sync 1
        1 applies 2:a
      > run
      """)
  }

  /// The leader's memory begins after what 3 has, its disk does not.
  @Test func furtherBehindThanMemoryGetsWhatTheDiskHas() {
    expectTranscript(
      """
      > memory 200
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 3
      > propose 1 aaaa
      > settle
      > propose 1 aaaa
      > settle
      > propose 1 aaaa
      > settle
      > propose 1 b
      > settle
      > heal
      > tick 1
      > settle
      > tick 1
      > run
        1>2 T1 heartbeat commit=5 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
        1>3 T1 append 5/1 [] commit=5
        3>1 T1 rejected 5 hint=1/1
        1 reads for 3: 1/1 and 2 entries
        1>3 T1 append 1/1 [2/1 3/1] commit=5
        3 applies 2:aaaa 3:aaaa
        3>1 T1 accepted 3
        1>3 T1 append 3/1 [4/1 5/1] commit=5
        3 applies 4:aaaa 5:b
        3>1 T1 accepted 5
      > status
        1 leader T1 leader=1 commit=5 last=5
        2 follower T1 leader=1 commit=5 last=5
        3 follower T1 leader=1 commit=5 last=5
      """)
  }

  /// The leader's memory and disk begin after what 3 has.
  @Test func tooFarBehindGetsTheState() {
    expectTranscript(
      """
      > memory 200
      > cluster 1 2 3
      > campaign 1
      > settle
      > isolate 3
      > propose 1 aaaa
      > run
        1>2 T1 append 1/1 [2/1] commit=1
        2>1 T1 accepted 2
        1 applies 2:aaaa
        1>2 T1 append 2/1 [] commit=2
        2 applies 2:aaaa
        2>1 T1 accepted 2
      > propose 1 aaaa
      > run
        1>2 T1 append 2/1 [3/1] commit=2
        2>1 T1 accepted 3
        1 applies 3:aaaa
        1>2 T1 append 3/1 [] commit=3
        2 applies 3:aaaa
        2>1 T1 accepted 3
      > propose 1 aaaa
      > run
        1>2 T1 append 3/1 [4/1] commit=3
        2>1 T1 accepted 4
        1 applies 4:aaaa
        1>2 T1 append 4/1 [] commit=4
        2 applies 4:aaaa
        2>1 T1 accepted 4
      > propose 1 b
      > run
        1>2 T1 append 4/1 [5/1] commit=4
        2>1 T1 accepted 5
        1 applies 5:b
        1>2 T1 append 5/1 [] commit=5
        2 applies 5:b
        2>1 T1 accepted 5
      > forget 1 3
      > heal
      > tick 1
      > run
        1>2 T1 heartbeat commit=5 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
      > tick 1
      > run
        1>2 T1 heartbeat commit=5 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
        1>3 T1 append 5/1 [] commit=5
        3>1 T1 rejected 5 hint=1/1
        1 reads for 3: gone
        1 snapshot needed by 3
        1>3 T1 snapshot 5/1
      > snapshot 1 3
      > tick 1
      > run
        1>2 T1 heartbeat commit=5 read=0
        1>3 T1 heartbeat commit=1 read=0
        2>1 T1 heartbeatResponse read=0
        3>1 T1 heartbeatResponse read=0
        1>3 T1 append 5/1 [] commit=5
        3>1 T1 accepted 5
      > propose 1 c
      > run
        1>2 T1 append 5/1 [6/1] commit=5
        1>3 T1 append 5/1 [6/1] commit=5
        2>1 T1 accepted 6
        1 applies 6:c
        3>1 T1 accepted 6
        1>2 T1 append 6/1 [] commit=6
        2 applies 6:c
        1>3 T1 append 6/1 [] commit=6
        3 applies 6:c
        2>1 T1 accepted 6
        3>1 T1 accepted 6
      > status
        1 leader T1 leader=1 commit=6 last=6
        2 follower T1 leader=1 commit=6 last=6
        3 follower T1 leader=1 commit=6 last=6
      """)
  }
}
