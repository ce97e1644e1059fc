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

  @Test func leaderThatShutsDownHandsOverFirst() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    try await cluster.makeLead(2)
    _ = try await replicas[0].commit(put("a", "1"))
    let leader = try #require(await cluster.remove(2))
    await leader.shutdown()
    let status = try #require(await replicas[0].status())
    #expect(status.leader != 2)
    _ = try await commitThroughFailure(replicas[0], put("a", "2", requestID: 9))
    await cluster.shutdown()
  }

  @Test func withoutAMajorityWritesFailAsUnavailable() async throws {
    let cluster = try TestCluster { $0.deadlineTicks = 50 }
    let replicas = try await cluster.startAll()
    // The deadline is short; on a loaded machine the first election may take longer.
    _ = try await commitThroughFailure(replicas[0], put("a", "1", requestID: 1))
    await cluster.kill(2)
    await cluster.kill(3)
    let error = await #expect(throws: StoreError.self) {
      try await replicas[0].commit(put("a", "2"))
    }
    guard case .unavailable = error else {
      Issue.record("\(String(describing: error)) is not unavailable")
      return
    }
    await #expect(throws: StoreError.self) { try await replicas[0].barrier() }
    #expect(replicas[0].current().text("a") == "1")
    await cluster.shutdown()
  }

  @Test func allKilledAtOnceLoseNothing() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    let acknowledged = await withTaskGroup(of: [String].self) { group in
      for (writer, replica) in replicas.enumerated() {
        group.addTask {
          var keys: [String] = []
          for number in 0..<10_000 {
            let key = "k/\(writer)-\(number)"
            do { _ = try await replica.commit(put(key, key)) } catch { break }
            keys.append(key)
          }
          return keys
        }
      }
      group.addTask {
        _ = try? await replicas[0].barrier()
        for id in ReplicaID(1)...3 { await cluster.kill(id) }
        return []
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    let restarted = try await cluster.startAll()
    for replica in restarted {
      _ = try await poll("a barrier") { try? await replica.barrier() }
      for key in acknowledged { #expect(replica.current().text(key) == key) }
    }
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    await cluster.shutdown()
  }

  @Test func replicaThatLagsGetsWhatTheLeadersDiskHas() async throws {
    let cluster = try TestCluster { $0.logMemoryBytes = 16 << 10 }
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    // An empty replica would ask for the state when it starts again.
    _ = try await leader.commit(put("first", "x"))
    try await cluster.converged()
    await cluster.kill(3)
    let value = String(repeating: "v", count: 4_000)
    for number in 0..<1_000 {
      _ = try await leader.commit(put("k/\(number)", "\(number) \(value)"))
    }
    let late = try await cluster.start(3)
    let revision = try await poll("the late replica") { try? await late.barrier() }
    #expect(revision == 1_001)
    #expect(late.current().text("k/999")?.hasPrefix("999 ") == true)
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    #expect(leader.transport?.snapshots.totals.sent == 0)
    await cluster.shutdown()
  }

  @Test func replicaThatLagsTooFarReceivesTheState() async throws {
    let cluster = try TestCluster {
      $0.logMemoryBytes = 256 << 10
      $0.readsLogForFollowers = false
    }
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    await cluster.kill(3)
    let value = String(repeating: "v", count: 4_000)
    for number in 0..<300 { _ = try await leader.commit(put("k/\(number)", "\(number) \(value)")) }
    let late = try await cluster.start(3)
    let sink = CollectingSink()
    _ = try late.watch(prefix: Key("k/"), after: 0, sink: sink)
    let revision = try await poll("the late replica") { try? await late.barrier() }
    #expect(revision == 300)
    #expect(late.current().text("k/299")?.hasPrefix("299 ") == true)
    // Its watch could not go on across the gap, and begins again in the history received.
    _ = try await poll("the end of the first watch") {
      sink.end == .compacted(oldest: 300) || sink.events.count == 300 ? true : nil
    }
    let again = CollectingSink()
    _ = try late.watch(prefix: Key("k/"), after: 0, sink: again)
    _ = try await leader.commit(put("k/300", "last"))
    await again.seen(301)
    #expect(again.events.map(\.revision) == Array(1...301))
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)

    // And once more after a restart, from what it has installed.
    await cluster.kill(3)
    let restarted = try await cluster.start(3)
    _ = try await poll("the restarted replica") { try? await restarted.barrier() }
    #expect(restarted.current().revision == 301)
    await cluster.shutdown()
  }

  @Test func wipedReplicaIsFilledAgain() async throws {
    let cluster = try TestCluster {
      $0.logMemoryBytes = 256 << 10
      $0.readsLogForFollowers = false
    }
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    await cluster.kill(3)
    let value = String(repeating: "v", count: 4_000)
    for number in 0..<150 { _ = try await leader.commit(put("k/\(number)", value)) }
    try FileManager.default.removeItem(atPath: cluster.directory.path + "/3")
    let wiped = try await cluster.start(3)
    let revision = try await poll("the wiped replica") { try? await wiped.barrier() }
    #expect(revision == 150)
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    await cluster.shutdown()
  }
}
