import Foundation
import Keyspace
import NIOConcurrencyHelpers
import Raft
import Testing

@testable import EventStore

/// A replica whose state is not what its log gives.
@Suite(.serialized) struct DivergenceTests {
  @Test func theOneThatDiffersFromAMajorityIsWrong() {
    func told(_ peers: [ReplicaID: UInt64], own: UInt64) -> StateComparison.Divergence? {
      var comparison = StateComparison(id: 1, replicas: [1, 2, 3])
      comparison.applied(10, hash: own)
      for (peer, hash) in peers { comparison.heard(10, hash: hash, from: peer) }
      return comparison.takeDivergence()
    }
    #expect(told([2: 5, 3: 5], own: 5) == nil)
    #expect(told([2: 5, 3: 5], own: 6) == .init(index: 10, own: 6, others: 5))
    // Who alone differs from this one is wrong itself, and finds that out itself.
    #expect(told([2: 6, 3: 5], own: 5) == nil)
    #expect(told([2: 6], own: 5) == nil)
    #expect(told([2: 6, 3: 7], own: 5) == nil)
    #expect(told([2: 6, 9: 6], own: 5) == nil)
  }

  @Test func whatIsAppliedLaterIsComparedLater() {
    var comparison = StateComparison(id: 1, replicas: [1, 2, 3])
    comparison.heard(10, hash: 5, from: 2)
    comparison.heard(10, hash: 5, from: 3)
    #expect(comparison.takeMessages().isEmpty)
    #expect(comparison.takeDivergence() == nil)
    comparison.applied(10, hash: 4)
    let messages = comparison.takeMessages()
    #expect(messages.map(\.to) == [2, 3])
    #expect(messages.allSatisfy { $0.message == .stateHash(index: 10, hash: 4) })
    #expect(comparison.takeMessages().isEmpty, "told once")
    #expect(comparison.takeDivergence()?.others == 5)
    #expect(comparison.takeDivergence() == nil, "told once")
  }

  @Test(arguments: [false, true])
  func aReplicaWithAFlippedValueTakesItselfOutAndIsRebuilt(isLeader: Bool) async throws {
    let stopped = NIOLockedValueBox<[ReplicaID: String]>([:])
    let cluster = try TestCluster { configuration in
      let id = configuration.id
      configuration.onFatal = { reason in stopped.withLockedValue { $0[id] = reason } }
    }
    _ = try await cluster.startAll()
    try await cluster.makeLead(isLeader ? 3 : 1)
    let leader = try await cluster.leader()
    for number in 0..<50 { _ = try await leader.commit(put("k/\(number)", "right")) }
    try await cluster.converged()
    let wrong = try #require(await cluster.replica(3))
    wrong.mailbox.post(
      .run { core in
        var entries = core.keyspace.snapshot.entries(prefix: Key(""))
        entries[7].value[0] ^= 0x10
        core.keyspace = KeyspaceState(
          restoring: entries, revision: core.keyspace.revision, requests: core.keyspace.requests)
      })
    let right = try #require(await cluster.replica(1))
    _ = try await commitThroughFailure(right, put("one more", "x", requestID: 77))
    let reason = try await poll("replica 3 to stop") { stopped.withLockedValue { $0[3] } }
    #expect(reason.contains("differs from that of its peers"))
    #expect(stopped.withLockedValue { $0.count } == 1)
    // As a process that has ended; then it is started again.
    await cluster.kill(3)
    let rebuilt = try await cluster.start(3)
    _ = try await poll("a barrier") { try? await rebuilt.barrier() }
    #expect(
      rebuilt.current().entries(prefix: Key("k/")).allSatisfy { $0.value == Array("right".utf8) })
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    let files = try FileManager.default.contentsOfDirectory(
      atPath: cluster.directory.path + "/3")
    #expect(files.contains("projection.sqlite.damaged-1"), "kept to be looked at")
    #expect(!files.contains("state-distrusted"))
    await cluster.shutdown()
  }
}
