import Foundation
import Keyspace
import Raft
import Testing

@testable import EventStore

@Suite(.serialized) struct ClusterTests {
  @Test func everyReplicaCommitsAndReadsItsWrites() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    for (number, replica) in replicas.enumerated() {
      let result = try await replica.commit(put("k/\(number)", "value \(number)"))
      #expect(result.revision == Revision(number + 1))
      #expect(replica.current().text("k/\(number)") == "value \(number)")
    }
    for replica in replicas {
      let revision = try await replica.barrier()
      #expect(revision == 3)
      #expect(replica.current().count(from: Key("k/"), to: nil) == 3)
    }
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    let leader = try #require(statuses.first { $0.role == .leader })
    let connected = leader.peers.filter(\.connected).count
    #expect(connected == 2)
    await cluster.shutdown()
  }

  @Test func writesGoOnWhenTheLeaderIsKilled() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    let sink = CollectingSink()
    _ = try replicas[1].watch(prefix: Key("w/"), after: 0, sink: sink)
    var milliseconds: [Double] = []
    var written: UInt64 = 0
    func write() async throws {
      written += 1
      let result = try await commitThroughFailure(
        replicas[0], put("w/\(written)", "x", requestID: written))
      #expect(result == .committed(revision: written))
    }
    for _ in 0..<5 {
      try await cluster.makeLead(3)
      for _ in 0..<10 { try await write() }
      let clock = ContinuousClock.now
      await cluster.kill(3)
      try await write()
      milliseconds.append((ContinuousClock.now - clock) / .milliseconds(1))
      try await cluster.start(3)
      try await cluster.converged()
    }
    print("failover, from kill to first write: \(milliseconds.map { Int($0.rounded()) }) ms")
    await sink.seen(written)
    #expect(sink.events.map(\.revision) == Array(1...written))
    #expect(sink.events.map(\.key) == (1...written).map { Key("w/\($0)") })
    for replica in await cluster.running {
      let revision = try await replica.barrier()
      #expect(revision == written)
    }
    await cluster.shutdown()
  }
}
