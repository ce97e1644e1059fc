import Foundation
import Keyspace
import Raft
import Testing

@testable import EventStore

/// Members come and go while real replicas run; and a rolling restart.
@Suite(.serialized) struct MembershipTests {
  /// Waits until the leader knows exactly these voters, and the change is complete.
  private func voters(_ cluster: TestCluster, become expected: [ReplicaID]) async throws {
    _ = try await poll("the voters \(expected)") { () -> Bool? in
      let leader = try await cluster.leader()
      guard let status = await leader.status(), !status.membership.isJoint,
        status.membership.voters == expected
      else { return nil }
      return true
    }
  }

  private func change(_ cluster: TestCluster, _ change: MembershipChange) async throws {
    _ = try await poll("\(change)") { () -> Bool? in
      let leader = try await cluster.leader()
      do throws(StoreError) {
        _ = try await leader.changeMembership(change)
        return true
      } catch {
        guard case .unavailable = error else { throw error }
        return nil
      }
    }
  }

  @Test func aNewServerReceivesTheLogAndAVote() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    for number in 0..<20 { _ = try await replicas[0].commit(put("k/\(number)", "\(number)")) }
    let port = try await cluster.reservePort(4)
    try await change(cluster, .add(server: 4, host: "127.0.0.1", port: port, votes: true))
    try await cluster.start(4, isNew: false)
    try await voters(cluster, become: [1, 2, 3, 4])
    let new = try #require(await cluster.replica(4))
    _ = try await poll("a barrier") { try? await new.barrier() }
    #expect(new.current().text("k/19") == "19")
    // Each replica knows, also after a restart, from the log or the state.
    await cluster.kill(4)
    let again = try await cluster.start(4, isNew: false)
    let status = try #require(await again.status())
    #expect(status.membership.voters == [1, 2, 3, 4])
    // Its vote counts: of four, two may not fail, but 4 stands in for one.
    await cluster.kill(1)
    _ = try await commitThroughFailure(again, put("k/20", "x", requestID: 20))
    await cluster.shutdown()
  }

  @Test func theLeaderCanBeRemoved() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    try await cluster.makeLead(1)
    _ = try await replicas[1].commit(put("a", "1"))
    try await change(cluster, .remove(server: 1))
    try await voters(cluster, become: [2, 3])
    // It leads until that is committed, and then no longer.
    _ = try await poll("another leader") {
      try await cluster.leader().configuration.id == 1 ? nil : true
    }
    await cluster.kill(1)
    _ = try await commitThroughFailure(replicas[1], put("a", "2", requestID: 2))
    await cluster.shutdown()
  }

  @Test func aServerTakesThePlaceOfAnother() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    try await cluster.makeLead(1)
    _ = try await replicas[0].commit(put("a", "1"))
    // It is gone for good; the two others are enough.
    await cluster.kill(3)
    let port = try await cluster.reservePort(4)
    try await change(cluster, .replace(server: 3, by: 4, host: "127.0.0.1", port: port))
    try await cluster.start(4, isNew: false, without: [3])
    try await voters(cluster, become: [1, 2, 4])
    let new = try #require(await cluster.replica(4))
    _ = try await poll("a barrier") { try? await new.barrier() }
    #expect(new.current().text("a") == "1")
    await cluster.shutdown()
  }

  @Test func whatCanNotBeIsRefused() async throws {
    let cluster = try TestCluster()
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    _ = try await leader.commit(put("a", "1"))
    for change: MembershipChange in [
      .remove(server: 9), .promote(server: 9), .promote(server: 2),
      .add(server: 2, host: "127.0.0.1", port: 1, votes: true),
      .add(server: 300, host: "127.0.0.1", port: 1, votes: true),
      .replace(server: 9, by: 8, host: "127.0.0.1", port: 1),
    ] {
      let error = await #expect(throws: StoreError.self) {
        try await leader.changeMembership(change)
      }
      guard case .invalid = error else {
        Issue.record("\(change): \(String(describing: error)) is not invalid")
        continue
      }
    }
    await cluster.shutdown()
  }

  /// Each server in turn is stopped as by SIGTERM and started again, while clients write through
  /// whichever server runs: no write fails.
  @Test func aRollingRestartFailsNoWrite() async throws {
    let cluster = try TestCluster()
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let isDone = Flag()
    let outcomes = try await withThrowingTaskGroup(of: (written: Int, failed: [String]).self) {
      group in
      for writer in 0..<4 {
        group.addTask {
          var (written, failed): (Int, [String]) = (0, [])
          while !isDone.isSet {
            // As the endpoint does: a server that is going down gets no new requests.
            guard let replica = await cluster.serving(writer) else { continue }
            do throws(StoreError) {
              _ = try await replica.commit(put("w/\(writer)/\(written)", "x"))
              written += 1
            } catch {
              failed.append("\(error)")
            }
            try await Task.sleep(for: .milliseconds(2))
          }
          return (written, failed)
        }
      }
      group.addTask {
        for id in ReplicaID(1)...3 {
          // A leader goes down each time.
          try await cluster.makeLead(id)
          await cluster.stopGracefully(id)
          try await cluster.start(id)
          try await cluster.converged(isQuiet: false)
        }
        isDone.set()
        return (0, [])
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let failures = outcomes.flatMap(\.failed)
    #expect(failures.isEmpty, "\(failures)")
    let written = outcomes.reduce(0) { $0 + $1.written }
    #expect(written > 0)
    print("rolling restart: \(written) writes, \(failures.count) failed")
    await cluster.shutdown()
  }
}

/// Set once, by whoever.
final class Flag: Sendable {
  private let lock = NSLock()
  nonisolated(unsafe) private var value = false  // Touched under the lock only.

  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}
