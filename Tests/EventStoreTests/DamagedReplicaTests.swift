import EventLog
import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import Raft
import Testing

@testable import EventStore

/// Replicas whose files were damaged, with real files and real peers.
@Suite(.serialized) struct DamagedReplicaTests {
  private static let value = String(repeating: "v", count: 3_000)

  /// Small segments, and a log that is soon cut behind the checkpoint.
  private static func cluster(tail: Int = 2 << 20) throws -> TestCluster {
    try TestCluster {
      $0.logTailBytes = tail
      $0.logMemoryBytes = 512 << 10
    }
  }

  private static func fill(
    _ cluster: TestCluster, _ range: Range<Int>, pieces: Int = 500
  ) async throws {
    let leader = try await cluster.leader()
    let writers = 16
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<writers {
        group.addTask {
          var random = SystemRandomNumberGenerator()
          for number in range where number % writers == writer {
            // What doesn't compress, so that segments fill.
            let noise = (0..<pieces).map { _ in String(random.next(), radix: 36) }.joined()
            _ = try await commitThroughFailure(
              leader, put("k/\(number)", "\(number) \(noise)", requestID: UInt64(number) + 1))
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Starts replica 3, and checks that it is whole again and has forgotten nothing.
  private static func expectRestored(
    _ cluster: TestCluster, count: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let restored = try await cluster.start(3)
    #expect(
      restored.current().count(from: Key("k/"), to: Key("k0")) > 0, sourceLocation: sourceLocation)
    let leader = try await cluster.leader()
    _ = try await commitThroughFailure(leader, put("after", "x", requestID: 1 << 40))
    _ = try await poll("a barrier") { try? await restored.barrier() }
    #expect(
      restored.current().count(from: Key("k/"), to: Key("k0")) == count,
      sourceLocation: sourceLocation)
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1, sourceLocation: sourceLocation)
    // And its disk holds what a further start needs, with no peer around.
    await cluster.shutdown()
    let again = try await Replica.start(
      configuration: try await cluster.configuration(3), logger: quietLogger())
    #expect(
      again.current().count(from: Key("k/"), to: Key("k0")) == count,
      sourceLocation: sourceLocation)
    await again.shutdown()
  }

  private static func segments(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".seg") }.sorted().map { "\(folder)/\($0)" }
  }

  private static func flip(_ file: String, at fraction: Double) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[Int(Double(bytes.count) * fraction)] ^= 0x10
    try bytes.write(to: URL(fileURLWithPath: file))
  }

  @Test func aLostProjectionComesFromAPeerWhereTheLogBeginsLater() async throws {
    let cluster = try Self.cluster()
    _ = try await cluster.startAll()
    // Enough for the state to be synced, which lets go of the log.
    try await Self.fill(cluster, 0..<2_500, pieces: 200)
    let third = try #require(await cluster.replica(3))
    _ = try await poll("the log to be cut") {
      third.writer.firstIndex > 1 ? true : nil
    }
    for damage in ["deleted", "cut"] {
      let path = cluster.directory.path + "/3/projection.sqlite"
      await cluster.kill(3)
      if damage == "deleted" {
        try FileManager.default.removeItem(atPath: path)
      } else {
        #expect(truncate(path, 20_000) == 0)
      }
      let restored = try await cluster.start(3)
      #expect(restored.current().count(from: Key("k/"), to: Key("k0")) == 2_500)
      // Its own log went on.
      let logs = try FileManager.default.contentsOfDirectory(
        atPath: cluster.directory.path + "/3")
      #expect(!logs.contains { $0.hasPrefix("log.damaged") })
      try await cluster.converged()
    }
    await cluster.kill(3)
    try FileManager.default.removeItem(atPath: cluster.directory.path + "/3/projection.sqlite")
    try await Self.expectRestored(cluster, count: 2_500)
  }

  @Test func aFlippedBitInWhatIsNotAppliedIsRepairedByPeers() async throws {
    let cluster = try Self.cluster(tail: 64 << 20)
    _ = try await cluster.startAll()
    try await Self.fill(cluster, 0..<400)
    await cluster.kill(3)
    try await Self.fill(cluster, 400..<450)
    let log = cluster.directory.path + "/3/log"
    // One segment, which is the last: what is lost with it can't be told.
    let last = try #require(try Self.segments(log).last)
    try Self.flip(last, at: 0.5)
    let damaged = try Data(contentsOf: URL(fileURLWithPath: last))
    try await Self.expectRestored(cluster, count: 450)
    let aside = cluster.directory.path + "/3/log.damaged-1/" + (last as NSString).lastPathComponent
    #expect(try Data(contentsOf: URL(fileURLWithPath: aside)) == damaged, "kept as it was")
  }

  @Test(arguments: ["segments", "everything"])
  func aLostLogIsRepairedByPeers(lost: String) async throws {
    let cluster = try Self.cluster(tail: 64 << 20)
    _ = try await cluster.startAll()
    try await Self.fill(cluster, 0..<300)
    await cluster.kill(3)
    let log = cluster.directory.path + "/3/log"
    if lost == "segments" {
      for segment in try Self.segments(log) { try FileManager.default.removeItem(atPath: segment) }
    } else {
      // Beside the state an empty folder is no new one: the vote is lost, and what was not applied.
      try FileManager.default.removeItem(atPath: log)
    }
    try await Self.expectRestored(cluster, count: 300)
  }

  @Test func damageThatTheStateCoversNeedsNoPeer() async throws {
    let directory = try TemporaryDirectory()
    let configuration = ReplicaConfiguration(
      clusterID: 7, id: 1, dataDirectory: directory.path + "/data",
      retention: .init(milliseconds: 0, bytes: 0), logTailBytes: 4 << 20)
    for damage in ["flipped", "missing"] {
      let replica = try await Replica.start(configuration: configuration, logger: quietLogger())
      var random = SystemRandomNumberGenerator()
      for number in 0..<400 {
        let noise = (0..<500).map { _ in String(random.next(), radix: 36) }.joined()
        _ = try await replica.commit(put("k/\(number)", noise))
      }
      let before = try #require(await replica.status())
      await replica.shutdown()
      let segments = try Self.segments(configuration.dataDirectory + "/log")
      try #require(segments.count >= 3)
      if damage == "flipped" {
        try Self.flip(segments[1], at: 0.3)
      } else {
        try FileManager.default.removeItem(atPath: segments[1])
      }
      let again = try await Replica.start(configuration: configuration, logger: quietLogger())
      let after = try #require(await again.status())
      #expect(after.stateHash == before.stateHash)
      #expect(
        FileManager.default.fileExists(atPath: segments[1] + ".damaged") == (damage == "flipped"))
      _ = try await again.commit(put("after", "x"))
      await again.shutdown()
      let disk = try FileDisk(path: configuration.dataDirectory + "/log")
      #expect(try LogVerifier.verify(disk: disk).isGood)
    }
  }

  @Test func damageIsFoundAndMadeUpForWhileTheReplicaRuns() async throws {
    let directory = try TemporaryDirectory()
    var configuration = ReplicaConfiguration(
      clusterID: 7, id: 1, dataDirectory: directory.path + "/data",
      retention: .init(milliseconds: 0, bytes: 0), logTailBytes: 4 << 20)
    configuration.scrubIntervalMilliseconds = 20
    let replica = try await Replica.start(configuration: configuration, logger: quietLogger())
    var random = SystemRandomNumberGenerator()
    func write(_ range: Range<Int>) async throws {
      for number in range {
        let noise = (0..<100).map { _ in String(random.next(), radix: 36) }.joined()
        _ = try await replica.commit(put("k/\(number % 50)", noise))
      }
    }
    try await write(0..<1_200)
    let segments = try Self.segments(configuration.dataDirectory + "/log")
    try #require(segments.count >= 2)
    try Self.flip(segments[0], at: 0.7)
    let damage = try await poll("the damage to be found") {
      await replica.status()?.damage.first
    }
    #expect(damage.contains((segments[0] as NSString).lastPathComponent), "\(damage)")
    // As soon as the state on disk is beyond it.
    try await write(1_200..<2_100)
    _ = try await poll("the segment to be set aside") {
      FileManager.default.fileExists(atPath: segments[0] + ".damaged") ? true : nil
    }
    _ = try await poll("the finding to go") {
      await replica.status()?.damage.isEmpty == true ? true : nil
    }
    let before = try #require(await replica.status())
    await replica.shutdown()
    let again = try await Replica.start(configuration: configuration, logger: quietLogger())
    #expect(try #require(await again.status()).stateHash == before.stateHash)
    await again.shutdown()
  }

  @Test func aloneDamageIsRefusedAndNothingIsTouched() async throws {
    let directory = try TemporaryDirectory()
    let configuration = ReplicaConfiguration(
      clusterID: 7, id: 1, dataDirectory: directory.path + "/data")
    let replica = try await Replica.start(configuration: configuration, logger: quietLogger())
    for number in 0..<100 { _ = try await replica.commit(put("k/\(number)", Self.value)) }
    await replica.shutdown()
    let segment = try #require(try Self.segments(configuration.dataDirectory + "/log").last)
    let whole = try Data(contentsOf: URL(fileURLWithPath: segment))
    try Self.flip(segment, at: 0.5)
    let damaged = try Data(contentsOf: URL(fileURLWithPath: segment))
    let failure = await #expect(throws: ReplicaStartError.self) {
      try await Replica.start(configuration: configuration, logger: quietLogger())
    }
    let text = failure?.description ?? ""
    #expect(text.contains((segment as NSString).lastPathComponent), "\(text)")
    #expect(text.contains("damaged at byte") && text.contains("Nothing was changed"), "\(text)")
    #expect(text.contains("taffrail cluster restore"), "\(text)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: segment)) == damaged)
    // A synced tail that is gone is no torn write: the state knows of what was in it.
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: segment))
    let cut = await #expect(throws: ReplicaStartError.self) {
      try await Replica.start(configuration: configuration, logger: quietLogger())
    }
    #expect(cut?.description.contains("was applied") == true, "\(String(describing: cut))")
    #expect(try Data(contentsOf: URL(fileURLWithPath: segment)).count == whole.count / 2)
    try whole.write(to: URL(fileURLWithPath: segment))
    let again = try await Replica.start(configuration: configuration, logger: quietLogger())
    #expect(again.current().count(from: Key("k/"), to: nil) == 100)
    await again.shutdown()
  }

  /// Two of three must not go on where one of them has lost what it acknowledged: the third may
  /// be the only one that has it.
  @Test func aReplicaThatLostItsLogNeitherVotesNorAcknowledges() async throws {
    let cluster = try Self.cluster(tail: 64 << 20)
    _ = try await cluster.startAll()
    try await cluster.makeLead(1)
    let first = try #require(await cluster.replica(1))
    let second = try #require(await cluster.replica(2))
    _ = try await first.commit(put("k/0", "x"))
    try await cluster.converged()
    await cluster.kill(2)
    // Only 1 and 3 have this.
    for number in 1..<50 { _ = try await first.commit(put("k/\(number)", "x")) }
    await cluster.kill(3)
    await cluster.kill(1)
    // 3 loses it; 2 never had it.
    try FileManager.default.removeItem(atPath: cluster.directory.path + "/3")
    let behind = try await cluster.start(2)
    #expect(second.configuration.id == behind.configuration.id)
    let third = Task { try await cluster.start(3) }
    let refused = await #expect(throws: StoreError.self) {
      try await behind.commit(put("wrong", "x"))
    }
    if case .unavailable = refused {} else { Issue.record("\(String(describing: refused))") }
    let status = try #require(await behind.status())
    #expect(status.role != .leader)
    // With the one that has it everything is there again.
    try await cluster.start(1)
    let restored = try await third.value
    _ = try await poll("a barrier") { try? await restored.barrier() }
    #expect(restored.current().count(from: Key("k/"), to: Key("k0")) == 50)
    #expect(restored.current().get(Key("wrong")) == nil)
    try await cluster.converged()
    await cluster.shutdown()
  }

  @Test func stoppingEndsTheWaitForPeers() async throws {
    let cluster = try Self.cluster()
    var configuration = try await cluster.configuration(1)
    configuration.emptyFolder = .asksPeers
    let listening = AsyncStream<Int>.makeStream()
    configuration.onListening = { listening.continuation.yield($0) }
    let start = Task { [configuration] in
      try await Replica.start(configuration: configuration, logger: quietLogger())
    }
    for await _ in listening.stream { break }
    start.cancel()
    await #expect(throws: ReplicaStartError.self) { _ = try await start.value }
    // The folder is free again.
    configuration.emptyFolder = .begins
    let replica = try await Replica.start(configuration: configuration, logger: quietLogger())
    await replica.shutdown()
  }

  @Test func threeThatAreAllNewBeginTogether() async throws {
    let cluster = try Self.cluster()
    let ports = NIOLockedValueBox<[ReplicaID: Int]>([:])
    let starts = try await (1...3).asyncMap { id in
      var configuration = try await cluster.configuration(ReplicaID(id))
      configuration.emptyFolder = .asksPeers
      let port = try freePort()
      ports.withLockedValue { $0[ReplicaID(id)] = port }
      configuration.listenPort = port
      return configuration
    }
    let replicas = try await withThrowingTaskGroup(of: Replica.self) { group in
      for var configuration in starts {
        for position in configuration.peers.indices {
          let peer = configuration.peers[position].id
          configuration.peers[position].port = ports.withLockedValue { $0[peer] ?? 0 }
        }
        let complete = configuration
        group.addTask {
          try await Replica.start(configuration: complete, logger: quietLogger())
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    _ = try await commitThroughFailure(replicas[0], put("a", "1", requestID: 1))
    for replica in replicas { await replica.shutdown() }
  }
}

extension Sequence {
  fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async throws -> [Value]
  {
    var values: [Value] = []
    for element in self { values.append(try await body(element)) }
    return values
  }
}

/// A port that was free a moment ago, for replicas that must know each other's in advance.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
    }
  }
  try #require(isBound)
  return Int(UInt16(bigEndian: address.sin_port))
}
