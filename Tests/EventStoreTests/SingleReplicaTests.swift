import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct SingleReplicaTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func configuration(id: UInt64 = 1, cluster: UInt64 = 7) -> ReplicaConfiguration {
    ReplicaConfiguration(clusterID: cluster, id: id, dataDirectory: directory.path + "/data")
  }

  private func start() async throws -> Replica {
    try await Replica.start(configuration: configuration(), logger: quietLogger())
  }

  @Test func commitsAndReads() async throws {
    let replica = try await start()
    let first = try await replica.commit(put("a/1", "one"))
    #expect(first == .committed(revision: 1))
    #expect(try await replica.commit(put("a/2", "two")) == .committed(revision: 2))
    #expect(replica.current().text("a/1") == "one")
    #expect(replica.current().entries(prefix: Key("a/")).map(\.key) == [Key("a/1"), Key("a/2")])
    #expect(try await replica.barrier() == 2)
    #expect(try await replica.commit(delete("a/1")) == .committed(revision: 3))
    #expect(replica.current().get(Key("a/1")) == nil)
    let status = try #require(await replica.status())
    #expect(status.role == .leader)
    #expect(status.revision == 3)
    await replica.shutdown()
  }

  @Test func conflictChangesNothing() async throws {
    let replica = try await start()
    _ = try await replica.commit(put("a", "1", expecting: 0))
    let conflict = try await replica.commit(put("a", "2", expecting: 0))
    #expect(conflict == .conflict(key: Key("a"), actual: 1))
    #expect(replica.current().text("a") == "1")
    #expect(try await replica.commit(put("a", "2", expecting: 1)) == .committed(revision: 2))
    await replica.shutdown()
  }

  @Test func retryOfARequestHasTheFirstResult() async throws {
    let replica = try await start()
    _ = try await replica.commit(put("a", "1", requestID: 99))
    _ = try await replica.commit(put("a", "2"))
    #expect(try await replica.commit(put("a", "1", requestID: 99)) == .committed(revision: 1))
    #expect(replica.current().text("a") == "2")
    await replica.shutdown()
  }

  @Test func invalidTransactionIsRefused() async throws {
    let replica = try await start()
    let twice = Transaction(
      mutations: [.delete(key: Key("a")), .delete(key: Key("a"))],
      provenance: Provenance(user: "tester", verb: "delete"), timeMilliseconds: 1)
    await #expect(throws: StoreError.self) { try await replica.commit(twice) }
    #expect(replica.current().revision == 0)
    await replica.shutdown()
  }

  @Test func quotasRefuseWhatAddsAndNothingElse() async throws {
    var configuration = configuration()
    configuration.maximumObjects = 3
    configuration.maximumStateBytes = 100
    let replica = try await Replica.start(configuration: configuration, logger: quietLogger())
    for key in ["a", "b", "c"] { _ = try await replica.commit(put(key, "0123456789")) }
    func refusal(_ transaction: Transaction) async -> String {
      do throws(StoreError) { _ = try await replica.commit(transaction) } catch {
        if case .noSpace(let reason) = error { return reason }
      }
      return ""
    }
    #expect(await refusal(put("d", "1")).contains("quota of 3 objects"))
    #expect(
      await refusal(put("a", String(repeating: "x", count: 90))).contains("quota of 100 bytes"))
    _ = try await replica.commit(put("a", "1234"))
    _ = try await replica.commit(put("a", String(repeating: "x", count: 60)))
    _ = try await replica.commit(delete("b"))
    _ = try await replica.commit(put("d", "1"))
    #expect(replica.current().count(from: Key(""), to: nil) == 3)
    await replica.shutdown()
  }

  @Test func manyWritersAtOnce() async throws {
    let replica = try await start()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<32 {
        group.addTask {
          for number in 0..<20 {
            _ = try await replica.commit(put("w\(writer)/\(number)", "\(number)"))
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(replica.current().revision == 640)
    #expect(replica.current().count(from: Key("w"), to: Key("x")) == 640)
    await replica.shutdown()
  }

  @Test func watchReplaysThenGoesLive() async throws {
    let replica = try await start()
    for number in 1...5 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    _ = try await replica.commit(put("b/1", "other"))
    let sink = CollectingSink()
    let watch = try replica.watch(prefix: Key("a/"), after: 2, sink: sink)
    for number in 6...8 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    await sink.seen(9)
    #expect(sink.events.map(\.revision) == [3, 4, 5, 7, 8, 9])
    watch.cancel()
    _ = try await replica.commit(put("a/9", "9"))
    #expect(sink.events.count == 6)
    #expect(throws: StoreError.future(current: 10)) {
      try replica.watch(prefix: Key("a/"), after: 11, sink: sink)
    }
    await replica.shutdown()
  }

  @Test func watchesSeeEachEventOnceWhileWritersRun() async throws {
    let replica = try await start()
    let sinks: [CollectingSink] = try await withThrowingTaskGroup(of: CollectingSink?.self) {
      group in
      for writer in 0..<4 {
        group.addTask {
          for number in 0..<50 { _ = try await replica.commit(put("k/\(writer)-\(number)", "x")) }
          return nil
        }
      }
      for _ in 0..<20 {
        group.addTask {
          let sink = CollectingSink()
          let handle = try replica.watch(prefix: Key("k/"), after: 0, sink: sink)
          await sink.seen(200)
          handle.cancel()
          return sink
        }
      }
      var sinks: [CollectingSink] = []
      for try await sink in group { if let sink { sinks.append(sink) } }
      return sinks
    }
    #expect(sinks.count == 20)
    for sink in sinks { #expect(sink.events.map(\.revision) == Array(1...200)) }
    await replica.shutdown()
  }

  @Test func restartKeepsEverything() async throws {
    var replica = try await start()
    for number in 1...100 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    _ = try await replica.commit(put("r", "1", requestID: 5))
    let before = try #require(await replica.status())
    await replica.shutdown()

    replica = try await start()
    let after = try #require(await replica.status())
    #expect(after.revision == 101)
    #expect(after.stateHash == before.stateHash)
    #expect(replica.current().text("a/77") == "77")
    #expect(try await replica.commit(put("r", "1", requestID: 5)) == .committed(revision: 101))
    #expect(try await replica.commit(put("b", "1")) == .committed(revision: 102))
    await replica.shutdown()
  }

  @Test func stoppedReplicaRefuses() async throws {
    let replica = try await start()
    let sink = CollectingSink()
    _ = try replica.watch(prefix: Key(""), after: 0, sink: sink)
    await replica.shutdown()
    await #expect(throws: StoreError.stopped("the replica is shut down")) {
      try await replica.commit(put("a", "1"))
    }
    await sink.seen(1)
    #expect(sink.end == .stopped("the replica is shut down"))
    #expect(await replica.status() == nil)
    await replica.shutdown()
  }

  @Test func secondReplicaOnOneFolderIsRefused() async throws {
    let replica = try await start()
    let error = await #expect(throws: ReplicaStartError.self) { try await start() }
    #expect(error?.description.contains("in use") == true)
    await replica.shutdown()
    let again = try await start()
    await again.shutdown()
  }

  @Test func foldersOfOthersAreRefused() async throws {
    let replica = try await start()
    await replica.shutdown()
    let cluster = await #expect(throws: ReplicaStartError.self) {
      try await Replica.start(configuration: configuration(cluster: 8), logger: quietLogger())
    }
    #expect(cluster?.description.contains("belongs to cluster 7, replica 1") == true)
    let id = await #expect(throws: ReplicaStartError.self) {
      try await Replica.start(configuration: configuration(id: 2), logger: quietLogger())
    }
    #expect(id?.description.contains("this is cluster 7, replica 2") == true)
  }

  @Test func dataFolderIsPrivate() async throws {
    let replica = try await start()
    let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/data")
    #expect(attributes[.posixPermissions] as? Int == 0o700)
    await replica.shutdown()
  }
}
