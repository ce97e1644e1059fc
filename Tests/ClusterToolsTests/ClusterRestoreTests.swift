import ClusterConfiguration
import ClusterTools
import EventStore
import Foundation
import Keyspace
import Logging
import Testing

@Suite struct ClusterRestoreTests {
  private static func replica(_ folder: String, cluster: UInt64) async throws -> Replica {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return try await Replica.start(
      configuration: ReplicaConfiguration(clusterID: cluster, id: 1, dataDirectory: folder),
      logger: logger)
  }

  private static func put(_ key: String, _ value: String) -> Transaction {
    Transaction(
      mutations: [.put(key: Key(key), value: Array(value.utf8), revisionOffset: nil)],
      provenance: Provenance(user: "tester", verb: "update"),
      timeMilliseconds: UInt64(Date().timeIntervalSince1970 * 1000))
  }

  @Test func aNewClusterTakesTheOldOnesPlace() async throws {
    let folder = NSTemporaryDirectory() + "taffrail-restore-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    // Three servers; only the first one is started here, alone.
    let configuration = try ClusterConfiguration.load(
      path: root.appendingPathComponent("cluster.conf").path)
    let home = TaffrailHome(path: folder + "/home")
    try home.prepare()
    let former = try home.clusterIdentifier()
    let old = try await Self.replica(home.serverFolder(1), cluster: former)
    _ = try await old.commit(Self.put("a", "1"))
    _ = try await old.commit(Self.put("a", "2"))
    _ = try await old.historyReader()
    let backup = folder + "/all.backup"
    _ = try Backup.make(of: home.serverFolder(1), to: backup, since: nil)
    let restore = ClusterRestore(configuration: configuration, home: home)
    // Not under a running server's feet.
    #expect(throws: BackupError.self) { try restore.run(from: backup, at: .newest) }
    await old.shutdown()
    let report = try restore.run(from: backup, at: .revision(1))
    #expect(report.folders.count == 3)
    #expect(report.kept == [home.serverFolder(1) + ".before-restore-1"])
    let id = try home.clusterIdentifier()
    #expect(id != former)
    let new = try await Self.replica(home.serverFolder(1), cluster: id)
    #expect(new.current().get(Key("a"))?.value == Array("1".utf8))
    #expect(new.current().revision > 1_000_000)
    await new.shutdown()
    // And from the folder that was kept.
    let again = try restore.run(from: report.kept[0], at: .newest)
    let newest = try await Self.replica(home.serverFolder(1), cluster: again.restore.clusterID)
    #expect(newest.current().get(Key("a"))?.value == Array("2".utf8))
    await newest.shutdown()
  }
}
