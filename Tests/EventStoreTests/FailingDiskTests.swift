import Foundation
import Keyspace
import NIOConcurrencyHelpers
import Testing

@testable import EventStore

/// A real replica on a disk of which one call fails: each in turn.
@Suite(.serialized) struct FailingDiskTests {
  private static let writes = 14

  /// Starts, writes, reads, stops; returns the keys whose write was acknowledged.
  private static func work(
    _ folder: String, _ calls: FailingCalls, failsLog: Bool
  ) async throws -> (acknowledged: [Int], stopped: String?) {
    let stopped = NIOLockedValueBox<String?>(nil)
    var configuration = ReplicaConfiguration(
      clusterID: 7, id: 1, dataDirectory: folder,
      retention: .init(milliseconds: 0, bytes: 0), logTailBytes: 1 << 20, deadlineTicks: 3_000,
      onFatal: { reason in stopped.withLockedValue { $0 = reason } })
    if failsLog {
      configuration.failingLogCalls = { operation, file in calls.next("\(operation) \(file)") }
    }
    let replica: Replica
    do {
      replica = try await Replica.start(configuration: configuration, logger: quietLogger())
    } catch {
      #expect(calls.failed != nil, "it starts where nothing fails: \(error)")
      return ([], error.description)
    }
    var acknowledged: [Int] = []
    for number in 0..<writes {
      // Does not compress, so that the log comes to a second segment.
      var random = SystemRandomNumberGenerator()
      let value = (0..<90_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      let write = Transaction(
        mutations: [.put(key: Key("k/\(number)"), value: value, revisionOffset: nil)],
        provenance: Provenance(user: "tester", verb: "update"), timeMilliseconds: 1)
      do throws(StoreError) {
        _ = try await replica.commit(write)
        acknowledged.append(number)
      } catch {
        if case .invalid = error { Issue.record("\(error)") }
      }
    }
    // What was acknowledged can be read, also where nothing more can be written.
    for number in acknowledged { #expect(replica.current().get(Key("k/\(number)")) != nil) }
    await replica.shutdown()
    return (acknowledged, stopped.withLockedValue { $0 })
  }

  private static func expectKept(_ acknowledged: [Int], _ folder: String, _ what: String)
    async throws
  {
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: folder, retention: .init(milliseconds: 0, bytes: 0)),
      logger: quietLogger())
    for number in acknowledged {
      #expect(replica.current().get(Key("k/\(number)")) != nil, "write \(number); \(what)")
    }
    _ = try await replica.commit(put("after", "x"))
    await replica.shutdown()
  }

  @Test(arguments: [EIO, ENOSPC])
  func eachCallOfTheLogFails(code: Int32) async throws {
    let directory = try TemporaryDirectory()
    let none = FailingCalls(number: 0, code: code)
    let whole = try await Self.work(directory.path + "/0", none, failsLog: true)
    #expect(whole.acknowledged.count == Self.writes)
    #expect(none.made > 40)
    var stops = 0
    for number in 1...none.made {
      let folder = "\(directory.path)/\(number)"
      let calls = FailingCalls(number: number, code: code)
      let result = try await Self.work(folder, calls, failsLog: true)
      guard let failed = calls.failed else { continue }
      if failed.hasPrefix("sync") {
        // Never retried, whatever the reason: what the disk holds is not known.
        #expect(result.stopped != nil, "call \(number), \(failed)")
      }
      if result.stopped != nil { stops += 1 }
      try await Self.expectKept(result.acknowledged, folder, "call \(number), \(failed)")
      try FileManager.default.removeItem(atPath: folder)
    }
    #expect(stops > Self.writes, "each sync of a write stops it")
  }

  @Test(arguments: [EIO, ENOSPC])
  func eachCallOfTheProjectionFails(code: Int32) async throws {
    let directory = try TemporaryDirectory()
    let none = FailingCalls(number: 0, code: code)
    SQLiteCalls.watch(directory.path + "/0/", none)
    let whole = try await Self.work(directory.path + "/0", none, failsLog: false)
    SQLiteCalls.unwatch(directory.path + "/0/")
    #expect(whole.acknowledged.count == Self.writes)
    #expect(none.made > 100)
    // Many of them alike: pages of one transaction.
    for number in stride(from: 1, through: none.made, by: max(1, none.made / 14)) {
      let folder = "\(directory.path)/\(number)"
      let calls = FailingCalls(number: number, code: code)
      SQLiteCalls.watch(folder + "/", calls)
      let result = try await Self.work(folder, calls, failsLog: false)
      SQLiteCalls.unwatch(folder + "/")
      guard let failed = calls.failed else { continue }
      try await Self.expectKept(result.acknowledged, folder, "call \(number), \(failed)")
      try FileManager.default.removeItem(atPath: folder)
    }
  }
}
