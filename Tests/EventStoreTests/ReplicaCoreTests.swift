import Keyspace
import Raft
import Testing

@testable import EventStore

/// Three cores that talk directly: each persists at once, unless told otherwise.
private struct Cores {
  var cores: [ReplicaID: ReplicaCore] = [:]
  var completions: [ReplicaID: [ReplicaActions.Completion]] = [:]
  var barriers: [ReplicaID: [ReplicaActions.BarrierCompletion]] = [:]
  /// Messages to these are lost.
  var unreachable: Set<ReplicaID> = []

  init(_ ids: ClosedRange<ReplicaID> = 1...3) {
    for id in ids {
      cores[id] = ReplicaCore(
        configuration: .init(
          raft: RaftConfiguration(
            id: id, peers: Array(ids), electionTicks: 10, heartbeatTicks: 2, seed: id),
          deadlineTicks: 100, resendTicks: 20, maximumPending: 4, seed: id),
        hardState: HardState(), snapshotIndex: 0, snapshotTerm: 0, entries: [], applied: 0,
        appliedTerm: 0, keyspace: KeyspaceState())
    }
  }

  mutating func input(_ id: ReplicaID, _ body: (inout ReplicaCore) -> Void) {
    guard var core = cores.removeValue(forKey: id) else { return }
    body(&core)
    cores[id] = core
    settle()
  }

  mutating func settle() {
    var isQuiet = false
    while !isQuiet {
      isQuiet = true
      for id in cores.keys.sorted() {
        guard let actions = cores[id]?.takeActions(), !actions.isEmpty else { continue }
        isQuiet = false
        completions[id, default: []] += actions.completions
        barriers[id, default: []] += actions.barriers
        if let last = actions.persist?.entries.last {
          cores[id]?.persisted(index: last.index, term: last.term)
        }
        for message in actions.messages + (actions.persist?.messages ?? [])
        where !unreachable.contains(message.to) && !unreachable.contains(id) {
          cores[message.to]?.receive(message.message, from: id)
        }
      }
    }
  }

  mutating func tick(_ count: Int) {
    for _ in 0..<count {
      for id in cores.keys.sorted() where !unreachable.contains(id) {
        input(id) { $0.tick() }
      }
    }
  }

  mutating func elect(_ id: ReplicaID) {
    input(id) { $0.campaign() }
    precondition(cores[id]?.raft.status.role == .leader)
    tick(3)
  }
}

@Suite struct ReplicaCoreTests {
  @Test func leaderAnswersWhatItAppends() {
    var cores = Cores()
    cores.elect(1)
    cores.input(1) { $0.propose(id: 10, transaction: put("a", "1")) }
    #expect(cores.completions[1] == [.init(id: 10, result: .success(.committed(revision: 1)))])
  }

  @Test func followerForwardsAndAnswersOnceItHasApplied() {
    var cores = Cores()
    cores.elect(1)
    cores.input(2) { $0.propose(id: 5, transaction: put("a", "1")) }
    #expect(cores.completions[2] == [.init(id: 5, result: .success(.committed(revision: 1)))])
    #expect(cores.completions[1] == nil || cores.completions[1]?.isEmpty == true)
    #expect(cores.cores[2]?.keyspace.revision == 1)
  }

  @Test func proposalWaitsForALeader() {
    var cores = Cores()
    cores.input(2) { $0.propose(id: 5, transaction: put("a", "1")) }
    #expect(cores.completions[2, default: []].isEmpty)
    cores.elect(3)
    #expect(cores.completions[2] == [.init(id: 5, result: .success(.committed(revision: 1)))])
  }

  @Test func lostProposalIsSentAgainToTheNextLeaderAndAppliedOnce() {
    var cores = Cores()
    cores.elect(1)
    cores.unreachable = [1]
    cores.input(2) { $0.propose(id: 5, transaction: put("a", "1")) }
    #expect(cores.completions[2, default: []].isEmpty)
    cores.input(2) { $0.connectionLost(to: 1) }
    cores.input(3) { $0.connectionLost(to: 1) }
    #expect(cores.completions[2] == [.init(id: 5, result: .success(.committed(revision: 1)))])
    // The former leader comes back with nothing of its own.
    cores.unreachable = []
    cores.tick(20)
    #expect(cores.cores[1]?.keyspace.revision == 1)
    let hashes = Set(cores.cores.values.map(\.keyspace.stateHash))
    #expect(hashes.count == 1)
  }

  @Test func lostForwardIsRepeated() {
    var cores = Cores()
    cores.elect(1)
    cores.unreachable = [2]
    cores.input(2) { $0.propose(id: 5, transaction: put("a", "1")) }
    cores.unreachable = []
    #expect(cores.completions[2, default: []].isEmpty)
    cores.tick(30)
    #expect(cores.completions[2] == [.init(id: 5, result: .success(.committed(revision: 1)))])
  }

  @Test func unansweredCallsFailAtTheirDeadline() {
    var cores = Cores()
    cores.unreachable = [1, 3]
    cores.input(2) {
      $0.propose(id: 5, transaction: put("a", "1"))
      $0.readBarrier(id: 6)
    }
    cores.tick(99)
    #expect(cores.completions[2, default: []].isEmpty)
    cores.tick(1)
    guard case .failure(.unavailable) = cores.completions[2]?.first?.result,
      case .failure(.unavailable) = cores.barriers[2]?.first?.result
    else {
      Issue.record("both should be unavailable")
      return
    }
  }

  @Test func barrierSeesWhatWasCommittedBefore() {
    var cores = Cores()
    cores.elect(1)
    cores.input(1) { $0.propose(id: 1, transaction: put("a", "1")) }
    cores.input(3) { $0.readBarrier(id: 2) }
    #expect(cores.barriers[3] == [.init(id: 2, result: .success(1))])
  }

  @Test func fullDiskRefusesLocalAndForwardedProposals() {
    var cores = Cores()
    cores.elect(1)
    // Nobody to hand over to, so it stays leader.
    cores.unreachable = [3]
    cores.input(1) { core in
      core.setRefusesProposals(true)
    }
    cores.tick(15)
    let leader = cores.cores.values.first { $0.raft.status.role == .leader }
    guard let id = leader?.configuration.raft.id else {
      Issue.record("somebody leads")
      return
    }
    cores.input(id) { $0.setRefusesProposals(true) }
    cores.tick(25)
    guard let now = cores.cores.values.first(where: { $0.raft.status.role == .leader }) else {
      Issue.record("somebody leads")
      return
    }
    let other = ReplicaID(now.configuration.raft.id == 1 ? 2 : 1)
    cores.input(other) { $0.propose(id: 7, transaction: put("a", "1")) }
    guard case .failure(.noSpace) = cores.completions[other]?.last?.result else {
      Issue.record("\(String(describing: cores.completions[other]))")
      return
    }
    // What frees space is taken.
    cores.input(other) { $0.propose(id: 9, transaction: delete("a")) }
    #expect(
      cores.completions[other]?.last == .init(id: 9, result: .success(.committed(revision: 0))))
    for each in [ReplicaID(1), 2] { cores.input(each) { $0.setRefusesProposals(false) } }
    cores.input(other) { $0.propose(id: 8, transaction: put("a", "1")) }
    #expect(
      cores.completions[other]?.last == .init(id: 8, result: .success(.committed(revision: 1))))
  }

  @Test func pendingProposalsAreBounded() {
    var cores = Cores()
    cores.unreachable = [1, 3]
    cores.input(2) { core in
      for id in UInt64(1)...5 { core.propose(id: id, transaction: put("a/\(id)", "1")) }
    }
    #expect(cores.completions[2]?.map(\.id) == [5])
  }

  @Test func messagesInAnotherNameAreIgnored() {
    var cores = Cores()
    cores.elect(1)
    let term = cores.cores[1]?.raft.status.term ?? 0
    cores.input(1) {
      $0.receive(
        .raft(
          Message(
            from: 3, to: 1, term: term + 5, body: .heartbeat(commit: 0, readContext: 0))), from: 2)
    }
    #expect(cores.cores[1]?.raft.status.term == term)
  }

  @Test func unreadableForwardedPayloadsAreNotAppended() {
    var cores = Cores()
    cores.elect(1)
    let before = cores.cores[1]?.raft.status.lastIndex
    cores.input(1) { $0.receive(.propose([[255, 1, 2]]), from: 2) }
    #expect(cores.cores[1]?.raft.status.lastIndex == before)
  }

  @Test func invalidTransactionsAreRefusedAtOnce() {
    var cores = Cores()
    cores.elect(1)
    cores.input(1) {
      $0.propose(
        id: 1,
        transaction: Transaction(
          mutations: [], provenance: Provenance(user: "u", verb: "create"), timeMilliseconds: 1))
    }
    guard case .failure(.invalid) = cores.completions[1]?.first?.result else {
      Issue.record("\(String(describing: cores.completions[1]))")
      return
    }
  }
}
