import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct HistoryTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func start(windowEvents: Int = 10) async throws -> Replica {
    try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: directory.path + "/data",
        retention: .init(milliseconds: 0, bytes: 0), windowEvents: windowEvents),
      logger: quietLogger())
  }

  @Test func pastStatesCanBeRead() async throws {
    let replica = try await start()
    for number in 1...50 { _ = try await replica.commit(put("a", "\(number)")) }
    _ = try await replica.commit(delete("a"))
    let then = try await replica.history(at: 20)
    #expect(then.revision == 20)
    #expect(then.text("a") == "20")
    let present = try await replica.history(at: 51)
    #expect(present.get(Key("a")) == nil)
    await #expect(throws: StoreError.future(current: 51)) {
      _ = try await replica.history(at: 52)
    }
    let reader = try await replica.historyReader()
    #expect(reader.newestRevision == 51)
    await replica.shutdown()
  }

  @Test func whatWasReadStaysInMemoryForItsNextPage() async throws {
    let replica = try await start()
    _ = try await replica.commit(put("a", "1"))
    let page = replica.current()
    _ = try await replica.commit(put("a", "2"))
    let next = try await replica.history(at: page.revision)
    #expect(next is KeyspaceSnapshot)
    #expect(next.text("a") == "1")
    await replica.shutdown()
  }

  @Test func watchBeginsInHistoryAndGoesLive() async throws {
    let replica = try await start()
    for number in 1...1_200 { _ = try await replica.commit(put("a/\(number % 7)", "\(number)")) }
    #expect(replica.hub.oldestWindowRevision > 1_000)
    #expect(replica.oldestWatchRevision == 0)
    let sink = CollectingSink()
    let handle = try replica.watch(prefix: Key("a/"), after: 3, sink: sink)
    for number in 1_201...1_210 { _ = try await replica.commit(put("a/\(number % 7)", "x")) }
    await sink.seen(1_210)
    #expect(sink.end == nil)
    #expect(sink.events.map(\.revision) == Array(4...1_210))
    let event = try #require(sink.events.first { $0.revision == 10 })
    #expect(event.previous?.modRevision == 3)
    #expect(event.previous.map { String(decoding: $0.value, as: UTF8.self) } == "3")
    handle.cancel()
    await replica.shutdown()
  }

  @Test func watchOfForgottenHistoryIsRefused() async throws {
    let first = try await start()
    for number in 1...20 { _ = try await first.commit(put("a", "\(number)")) }
    await first.shutdown()
    // Everything is older than a retention of a millisecond: the times are of 2023.
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: directory.path + "/data",
        retention: .init(milliseconds: 1, bytes: 0)), logger: quietLogger())
    _ = try await poll("the history to go") { replica.oldestWatchRevision == 20 ? true : nil }
    #expect(throws: StoreError.compacted(oldest: 20)) {
      _ = try replica.watch(prefix: Key("a"), after: 5, sink: CollectingSink())
    }
    await #expect(throws: StoreError.self) { _ = try await replica.history(at: 5) }
    #expect(replica.current().text("a") == "20")
    await replica.shutdown()
  }

  @Test func lostProjectionIsMadeAgainFromTheLog() async throws {
    var replica = try await start()
    for number in 1...30 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    let before = try #require(await replica.status())
    await replica.shutdown()
    try FileManager.default.removeItem(atPath: directory.path + "/data/projection.sqlite")
    replica = try await start()
    let after = try #require(await replica.status())
    #expect(after.stateHash == before.stateHash)
    let then = try await replica.history(at: 12)
    #expect(then.count(from: Key("a/"), to: nil) == 12)
    await replica.shutdown()
  }

  @Test func damagedProjectionIsMovedAside() async throws {
    var replica = try await start()
    for number in 1...30 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    let before = try #require(await replica.status())
    await replica.shutdown()
    let path = directory.path + "/data/projection.sqlite"
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: 5_000)
    try handle.close()
    replica = try await start()
    let after = try #require(await replica.status())
    #expect(after.stateHash == before.stateHash)
    #expect(FileManager.default.fileExists(atPath: path + ".damaged-1"))
    await replica.shutdown()
  }

  @Test func damagedLogIsReportedAndKept() async throws {
    let replica = try await start()
    for number in 1...30 { _ = try await replica.commit(put("a/\(number)", "\(number)")) }
    await replica.shutdown()
    let folder = directory.path + "/data/log"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let segment = try #require(
      names.max { left, right in
        func size(_ name: String) -> Int {
          let found = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
          return found?[.size] as? Int ?? 0
        }
        return size(left) < size(right)
      })
    let path = folder + "/" + segment
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    let error = await #expect(throws: ReplicaStartError.self) { try await start() }
    #expect(error?.description.contains(segment) == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
  }
}
