import Keyspace
import Raft
import Testing

@testable import EventStore

/// Compaction, transactions over several keys and retries, on real replicas.
@Suite(.serialized) struct StoreFeatureTests {
  private static let now: UInt64 = 1_700_000_000_000

  @Test func compactionHoldsOnEveryReplicaAndAfterRestarts() async throws {
    // So few events in memory that watches and reads of the past come from disk.
    let cluster = try TestCluster { $0.windowEvents = 5 }
    let replicas = try await cluster.startAll()
    for number in 1...50 {
      _ = try await commitThroughFailure(
        replicas[0], put("a/\(number % 5)", "\(number)", requestID: UInt64(number)))
    }
    for replica in replicas { _ = try await replica.barrier() }
    // Before it, each revision can be listed and watched from, on each replica.
    for replica in replicas {
      for revision in [1, 7, 30, 50] as [Revision] {
        let then = try await replica.history(at: revision)
        #expect(then.entries(prefix: Key("a/")).map(\.modRevision).max() == revision)
        #expect(then.count(from: Key("a/"), to: nil) == min(5, Int(revision)))
        let sink = CollectingSink()
        let watch = try replica.watch(prefix: Key("a/"), after: revision, sink: sink)
        await sink.seen(50)
        #expect(sink.events.map(\.revision) == Array([Revision](1...50).dropFirst(Int(revision))))
        watch.cancel()
      }
    }
    await #expect(throws: StoreError.future(current: 50)) {
      try await replicas[1].compact(to: 51, timeMilliseconds: Self.now)
    }
    #expect(try await replicas[1].compact(to: 30, timeMilliseconds: Self.now) == 30)
    // Less than before changes nothing.
    #expect(try await replicas[2].compact(to: 10, timeMilliseconds: Self.now) == 30)
    for replica in replicas {
      _ = try await replica.barrier()
      try await expectBegins(replica, at: 30)
    }
    try await cluster.converged()
    await cluster.kill(2)
    let restarted = try await cluster.start(2)
    _ = try await poll("a barrier") { try? await restarted.barrier() }
    try await expectBegins(restarted, at: 30)
    _ = try await poll("the bytes to be freed") {
      restarted.projector.meta.compactedRevision == 30 ? true : nil
    }
    try await expectBegins(restarted, at: 30)
    await cluster.shutdown()
  }

  private func expectBegins(_ replica: Replica, at oldest: Revision) async throws {
    await #expect(throws: StoreError.compacted(oldest: oldest)) {
      _ = try await replica.history(at: oldest - 1)
    }
    #expect(throws: StoreError.compacted(oldest: oldest)) {
      _ = try replica.watch(prefix: Key("a/"), after: oldest - 1, sink: CollectingSink())
    }
    #expect(replica.oldestWatchRevision == oldest)
    let then = try await replica.history(at: oldest)
    #expect(then.entries(prefix: Key("a/")).map(\.modRevision) == [30, 26, 27, 28, 29])
    let sink = CollectingSink()
    let watch = try replica.watch(prefix: Key("a/"), after: oldest, sink: sink)
    await sink.seen(50)
    #expect(sink.events.map(\.revision) == Array(31...50))
    watch.cancel()
  }

  @Test func compactionForgetsAlsoWhatMemoryStillHas() async throws {
    let directory = try TemporaryDirectory()
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: directory.path + "/data",
        // The tests' events are dated 2023.
        retention: .init(milliseconds: 0, bytes: 0)), logger: quietLogger())
    for number in 1...10 { _ = try await replica.commit(put("a", "\(number)")) }
    let page = replica.current()
    _ = try await replica.commit(put("a", "11"))
    _ = try await replica.compact(to: 11, timeMilliseconds: Self.now)
    await #expect(throws: StoreError.compacted(oldest: 11)) {
      _ = try await replica.history(at: page.revision)
    }
    #expect(throws: StoreError.compacted(oldest: 11)) {
      _ = try replica.watch(prefix: Key("a"), after: 5, sink: CollectingSink())
    }
    await replica.shutdown()
  }

  @Test func transactionOverSeveralKeysAppliesWholeOrNotAtAllEverywhere() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    var transfer = put("from", "90", expecting: 0, requestID: 1)
    transfer.mutations.append(.put(key: Key("to"), value: Array("10".utf8), revisionOffset: nil))
    transfer.compares.append(Compare(key: Key("to"), revision: 0))
    let sinks = replicas.map { _ in CollectingSink() }
    for (replica, sink) in zip(replicas, sinks) {
      _ = try replica.watch(prefix: Key(bytes: []), after: 0, sink: sink)
    }
    let first = try await commitThroughFailure(replicas[1], transfer)
    #expect(first == .committed(revision: 1))
    var again = transfer
    again.requestID = 2
    let second = try await commitThroughFailure(replicas[2], again)
    #expect(second == .conflict(key: Key("from"), actual: 1))
    // One of two compares fails: neither key changes.
    var partly = put("from", "80", expecting: 1, requestID: 3)
    partly.mutations.append(.delete(key: Key("to")))
    partly.compares.append(Compare(key: Key("to"), revision: 9))
    let third = try await commitThroughFailure(replicas[0], partly)
    #expect(third == .conflict(key: Key("to"), actual: 1))
    for (replica, sink) in zip(replicas, sinks) {
      _ = try await replica.barrier()
      await sink.seen(1)
      #expect(sink.events.map(\.revision) == [1, 1])
      #expect(replica.current().text("from") == "90")
      #expect(replica.current().text("to") == "10")
    }
    await cluster.shutdown()
  }

  @Test func retryAtAnotherServerAfterFailoverHasTheFirstResult() async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    // Each writer asks the leader that is killed meanwhile, and then another server.
    let results = try await withThrowingTaskGroup(of: (UInt64, TransactionResult).self) { group in
      for number in UInt64(1)...40 {
        group.addTask {
          let transaction = put("k/\(number)", "once", expecting: 0, requestID: 1_000 + number)
          if let result = try? await leader.commit(transaction) {
            // It was acknowledged: asking again must tell the same.
            let again = try await commitThroughFailure(replicas[1], transaction)
            #expect(again == result)
            return (number, result)
          }
          return (number, try await commitThroughFailure(replicas[2], transaction))
        }
      }
      group.addTask {
        _ = try? await leader.commit(put("first", "x"))
        await cluster.kill(1)
        return (0, .committed(revision: 0))
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    _ = try await replicas[1].barrier()
    let state = replicas[1].current()
    for number in UInt64(1)...40 {
      let entry = try #require(state.get(Key("k/\(number)")))
      // Written once, although it demands that the key is absent and was asked for twice.
      #expect(entry.createRevision == entry.modRevision)
      #expect(results[number] == .committed(revision: entry.modRevision))
    }
    await cluster.shutdown()
  }
}
