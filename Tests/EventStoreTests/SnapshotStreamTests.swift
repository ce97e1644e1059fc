import Foundation
import Keyspace
import NIOConcurrencyHelpers
import Raft
import SeededRuns
import Testing

@testable import EventStore

/// States streamed between real replicas, with connections cut and replicas killed in the middle.
@Suite(.serialized) struct SnapshotStreamTests {
  /// Breaks streams that have come that far, as long as it is told to.
  private final class Cutter: Sendable {
    private struct State {
      var limit: UInt64?
      var cuts = 0
      var furthest: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    var cuts: Int { state.withLockedValue { $0.cuts } }
    func cut(at limit: UInt64?) { state.withLockedValue { $0.limit = limit } }

    func isCut(_ received: UInt64) -> Bool {
      state.withLockedValue { state in
        state.furthest = max(state.furthest, received)
        guard let limit = state.limit, received >= limit else { return false }
        state.cuts += 1
        return true
      }
    }
  }

  private static let block = UInt64(SnapshotBlock.maximumBytes)

  /// Bytes that LZ4 can't make smaller, so that a state has many blocks.
  private func value(_ seed: Int, bytes: Int = 16_000) -> String {
    var random = SplitMix64(seed: UInt64(seed))
    var text = ""
    while text.utf8.count < bytes { text += String(random.next(), radix: 36) }
    return text
  }

  private func cluster(_ cutter: Cutter) throws -> TestCluster {
    try TestCluster {
      $0.logMemoryBytes = 256 << 10
      $0.readsLogForFollowers = false
      $0.cutsSnapshot = { cutter.isCut($0) }
    }
  }

  /// Writes a state of about 5 MB that replica 3, which is stopped, does not have.
  private func lateThird(_ cluster: TestCluster) async throws -> Replica {
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let leader = try #require(await cluster.replica(1))
    // An empty replica would wait for its peers when it starts again, and so would the test.
    try await write(leader, 0..<1)
    try await cluster.converged()
    await cluster.kill(3)
    try await write(leader, 1..<300)
    return leader
  }

  private func write(_ replica: Replica, _ numbers: Range<Int>) async throws {
    for number in numbers {
      _ = try await commitThroughFailure(
        replica, put("k/\(number)", value(number), requestID: UInt64(number + 1)))
    }
  }

  private func totals(_ replica: Replica) -> SnapshotTotals {
    replica.transport?.snapshots.totals ?? SnapshotTotals()
  }

  private func expectEqual(_ cluster: TestCluster) async throws {
    let statuses = try await cluster.converged()
    #expect(statuses.count == 3)
    #expect(Set(statuses.map(\.stateHash)).count == 1)
  }

  @Test func brokenStreamGoesOnWhereItWas() async throws {
    let cutter = Cutter()
    let cluster = try cluster(cutter)
    let leader = try await lateThird(cluster)
    cutter.cut(at: 4 * Self.block)
    let late = try await cluster.start(3)
    // Writes go on meanwhile, few enough that the log still begins before the copy.
    var written = 300
    _ = try await poll("two broken streams") { cutter.cuts >= 2 ? true : nil }
    try await write(leader, written..<(written + 5))
    written += 5
    cutter.cut(at: nil)
    let expected = Revision(written)
    _ = try await poll("the late replica") { late.current().revision >= expected ? true : nil }
    let totals = totals(leader)
    #expect(totals.resumed >= 1)
    #expect(totals.resumedBytes >= 4 * Self.block)
    #expect(totals.interrupted >= 2)
    let size = try #require(
      FileManager.default.attributesOfItem(atPath: cluster.directory.path + "/1/projection.sqlite")[
        .size] as? Int)
    // Each byte once, but for what was on its way when a stream broke.
    #expect(totals.sentBytes < UInt64(size) + 2 * OutgoingTransfer.windowBytes)
    try await expectEqual(cluster)
    // Nothing stays behind.
    let names = try FileManager.default.contentsOfDirectory(atPath: cluster.directory.path + "/3")
    #expect(!names.contains { $0.hasPrefix("snapshot.") })
    await cluster.shutdown()
  }

  @Test func goesOnAfterTheReceiverIsKilled() async throws {
    let cutter = Cutter()
    let cluster = try cluster(cutter)
    let leader = try await lateThird(cluster)
    cutter.cut(at: 5 * Self.block)
    try await cluster.start(3)
    _ = try await poll("a broken stream") { cutter.cuts >= 1 ? true : nil }
    await cluster.kill(3)
    let incoming = SnapshotFile(path: cluster.directory.path + "/3/snapshot.incoming")
    #expect(try #require(incoming.byteCount) >= 5 * Self.block)
    #expect(incoming.identity != nil)
    cutter.cut(at: nil)
    let late = try await cluster.start(3)
    _ = try await poll("the late replica") { late.current().revision == 300 ? true : nil }
    #expect(totals(leader).resumedBytes >= 5 * Self.block)
    try await expectEqual(cluster)
    await cluster.shutdown()
  }

  @Test func goesOnAfterTheSenderIsKilled() async throws {
    let cutter = Cutter()
    let cluster = try cluster(cutter)
    _ = try await lateThird(cluster)
    cutter.cut(at: 5 * Self.block)
    let late = try await cluster.start(3)
    _ = try await poll("a broken stream") { cutter.cuts >= 1 ? true : nil }
    // Alone, the others can't choose another leader: replica 1 leads again, with its copy.
    await cluster.kill(2)
    await cluster.kill(1)
    let copy = SnapshotFile(path: cluster.directory.path + "/1/snapshot.outgoing-3")
    #expect(copy.identity != nil)
    let leader = try await cluster.start(1)
    try await cluster.start(2)
    try await cluster.makeLead(1)
    cutter.cut(at: nil)
    _ = try await poll("the late replica") { late.current().revision == 300 ? true : nil }
    _ = try await poll("the state sent") { totals(leader).sent > 0 ? true : nil }
    #expect(totals(leader).resumedBytes >= 5 * Self.block)
    try await expectEqual(cluster)
    await cluster.shutdown()
  }

  @Test func changedBytesAreSentAgain() async throws {
    let cutter = Cutter()
    let cluster = try cluster(cutter)
    let leader = try await lateThird(cluster)
    cutter.cut(at: 4 * Self.block)
    try await cluster.start(3)
    _ = try await poll("a broken stream") { cutter.cuts >= 1 ? true : nil }
    await cluster.kill(3)
    // A disk that lost power may hold anything in the middle of what was not synced.
    let path = cluster.directory.path + "/3/snapshot.incoming"
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: 1_000_000)
    try file.write(contentsOf: Data(repeating: 0, count: 4_096))
    try file.close()
    cutter.cut(at: nil)
    let late = try await cluster.start(3)
    _ = try await poll("the late replica") { late.current().revision == 300 ? true : nil }
    #expect(totals(leader).resumedBytes == 0)
    try await expectEqual(cluster)
    await cluster.shutdown()
  }

  @Test func twoInARowWhileWritesGoOn() async throws {
    let cutter = Cutter()
    let cluster = try cluster(cutter)
    let leader = try await lateThird(cluster)
    let before = residentBytes()
    // Held in the middle until the log has moved on beyond the copy.
    cutter.cut(at: 4 * Self.block)
    let late = try await cluster.start(3)
    _ = try await poll("a broken stream") { cutter.cuts >= 1 ? true : nil }
    try await write(leader, 300..<330)
    cutter.cut(at: nil)
    _ = try await poll("the first state") { late.current().revision >= 330 ? true : nil }
    await cluster.kill(3)
    try await write(leader, 330..<400)
    let again = try await cluster.start(3)
    try await write(leader, 400..<410)
    _ = try await poll("the second state") { again.current().revision == 410 ? true : nil }
    // The sender learns a little later that it is installed.
    _ = try await poll("two states sent") { totals(leader).sent >= 2 ? true : nil }
    try await expectEqual(cluster)
    let after = residentBytes()
    print("two states of 5 MB sent: resident \(before >> 20) MiB before, \(after >> 20) after")
    await cluster.shutdown()
  }

  private func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
  }
}
