import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct BackupTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var data: String { directory.path + "/data" }

  private func start(
    _ folder: String? = nil, cluster: UInt64 = 7, id: UInt64 = 1
  ) async throws -> Replica {
    try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: cluster, id: id, dataDirectory: folder ?? data,
        retention: .init(milliseconds: 0, bytes: 0)), logger: quietLogger())
  }

  /// Writes, and waits until the projection has it, as the command does.
  private func write(_ replica: Replica, _ range: ClosedRange<Int>) async throws {
    for number in range {
      _ = try await replica.commit(
        put("k/\(number % 17)", "value \(number)", requestID: UInt64(number)))
      if number % 5 == 0 { _ = try await replica.commit(delete("k/\(number % 3)")) }
    }
    _ = try await replica.historyReader()
  }

  private func restore(
    _ source: String, at moment: StoreRestore.Moment = .newest, to name: String
  ) async throws -> (StoreRestore, Replica) {
    let restore = try StoreRestore(from: source, at: moment, clusterID: 8)
    let folder = "\(directory.path)/\(name)"
    try restore.makeFolder(folder, replicaID: 1)
    return (restore, try await start(folder, cluster: 8))
  }

  private func values(_ reader: any KeyspaceReader) -> [Key: [UInt8]] {
    Dictionary(uniqueKeysWithValues: reader.entries(prefix: Key("")).map { ($0.key, $0.value) })
  }

  @Test func aRunningReplicasBackupGivesItsStateBack() async throws {
    let replica = try await start()
    try await write(replica, 1...60)
    let file = directory.path + "/full.backup"
    let made = try Backup.make(of: data, to: file, since: nil)
    let revision = made.header.revision
    #expect(revision == replica.current().revision)
    let then = values(replica.current())
    // What is written later is not in it.
    try await write(replica, 61...70)
    #expect(try Backup.verify(file).map(\.revision) == [revision])
    let (restore, restored) = try await restore(file, to: "restored")
    #expect(values(restored.current()) == then)
    #expect(restore.restored == revision)
    // Revisions never go back, and nobody goes on from one of the old cluster unnoticed.
    #expect(restored.current().revision == revision + StoreRestore.revisionMargin)
    #expect(throws: StoreError.compacted(oldest: restore.revision)) {
      _ = try restored.watch(
        prefix: Key(""), after: replica.current().revision, sink: CollectingSink())
    }
    let next = try await restored.commit(put("new", "x"))
    #expect(next == .committed(revision: restore.revision + 1))
    // A retry of a write of the old cluster still has its first result.
    let retried = try await restored.commit(put("k/9", "other", requestID: 60))
    #expect(retried.revision.map { $0 <= revision } == true)
    await restored.shutdown()
    await replica.shutdown()
    // The old replica's folder is not the new cluster's.
    await #expect(throws: ReplicaStartError.self) { try await start(data, cluster: 8) }
  }

  @Test func incrementalBackupsGoOnFromEachOther() async throws {
    let replica = try await start()
    let folder = directory.path + "/backups/"
    try await write(replica, 1...40)
    let full = try Backup.make(of: data, to: folder, since: nil)
    try await write(replica, 41...80)
    let second = try Backup.make(of: data, to: folder, since: full.file)
    try await write(replica, 81...90)
    let third = try Backup.make(of: data, to: folder, since: second.file)
    #expect(third.header.since == second.header.revision)
    #expect(try Backup.verify(third.file).map(\.id) == [full, second, third].map(\.header.id))
    let now = values(replica.current())
    let middle = values(try await replica.history(at: 55))
    await replica.shutdown()
    let (_, newest) = try await restore(third.file, to: "newest")
    #expect(values(newest.current()) == now)
    await newest.shutdown()
    let (at, past) = try await restore(third.file, at: .revision(55), to: "past")
    #expect(values(past.current()) == middle)
    #expect(at.revision == third.header.revision + StoreRestore.revisionMargin)
    await past.shutdown()
    // Without the one in the middle it says what is missing.
    try FileManager.default.removeItem(atPath: second.file)
    let missing = #expect(throws: BackupError.self) { try Backup.verify(third.file) }
    #expect(missing?.description.contains("put it there") == true)
  }

  @Test func everyKindOfDamageIsFound() async throws {
    let replica = try await start()
    try await write(replica, 1...30)
    let file = directory.path + "/full.backup"
    _ = try Backup.make(of: data, to: file, since: nil)
    await replica.shutdown()
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    let damaged = directory.path + "/damaged.backup"
    var offsets = Array(stride(from: 0, to: whole.count, by: max(1, whole.count / 60)))
    offsets += [whole.count - 1, whole.count - 12]
    for offset in offsets {
      var bytes = whole
      bytes[offset] ^= 0x20
      try bytes.write(to: URL(fileURLWithPath: damaged))
      #expect(throws: BackupError.self, "byte \(offset)") { try Backup.verify(damaged) }
      try whole.prefix(offset).write(to: URL(fileURLWithPath: damaged))
      #expect(throws: BackupError.self, "cut at \(offset)") { try Backup.verify(damaged) }
    }
    #expect(throws: BackupError.self) { try Backup.verify(directory.path + "/none") }
    #expect(throws: BackupError.self, "what is there is not overwritten") {
      _ = try Backup.make(of: data, to: file, since: nil)
    }
  }

  @Test func aStoppedReplicasFolderGivesAllThatItsLogHas() async throws {
    let replica = try await start()
    try await write(replica, 1...50)
    let now = values(replica.current())
    let revision = replica.current().revision
    await replica.shutdown()
    for loss in ["nothing", "the state"] {
      if loss == "the state" {
        try FileManager.default.removeItem(atPath: data + "/projection.sqlite")
      }
      let (restore, restored) = try await restore(data, to: "from \(loss)")
      #expect(restore.restored == revision)
      #expect(values(restored.current()) == now)
      await restored.shutdown()
    }
  }

  @Test func timesAndRevisionsOutsideOfTheHistoryAreRefused() async throws {
    let replica = try await start()
    try await write(replica, 1...10)
    await replica.shutdown()
    for moment in [StoreRestore.Moment.revision(900), .time(5)] {
      #expect(throws: BackupError.self) {
        _ = try StoreRestore(from: data, at: moment, clusterID: 8)
      }
    }
    let restore = try StoreRestore(from: data, at: .time(1_700_000_000_000), clusterID: 8)
    #expect(restore.restored == 12)
  }

  /// To what was there at a time, whether or not something happened just then.
  @Test func anyTimeInTheHistoryCanBeRestored() async throws {
    let replica = try await start()
    for second in 1...9 as ClosedRange<UInt64> {
      _ = try await replica.commit(put("k/\(second % 3)", "at \(second)", at: second * 1_000))
    }
    let expected = values(try await replica.history(at: 5))
    _ = try await replica.historyReader()
    let file = directory.path + "/full.backup"
    _ = try Backup.make(of: data, to: file, since: nil)
    await replica.shutdown()
    for (number, time) in [5_000, 5_500, 5_999].enumerated() as EnumeratedSequence<[UInt64]> {
      let (restore, restored) = try await restore(file, at: .time(time), to: "time-\(number)")
      #expect(restore.restored == 5)
      #expect(values(restored.current()) == expected)
      await restored.shutdown()
    }
  }

  @Test func threeReplicasOfTheNewClusterBeginTogether() async throws {
    let cluster = try TestCluster()
    _ = try await cluster.startAll()
    let leader = try await cluster.leader()
    for number in 1...20 { _ = try await leader.commit(put("k/\(number)", "x")) }
    try await cluster.converged()
    // Two of three are lost; the folder of the third is all there is.
    await cluster.kill(1)
    await cluster.kill(2)
    await cluster.kill(3)
    let old = cluster.directory.path
    let restore = try StoreRestore(from: "\(old)/3", at: .newest, clusterID: 77)
    for id in 1...3 as ClosedRange<UInt64> {
      try FileManager.default.removeItem(atPath: "\(old)/\(id)")
      try restore.makeFolder("\(old)/\(id)", replicaID: id)
    }
    let replicas = try await cluster.startAll()
    _ = try await commitThroughFailure(replicas[0], put("k/21", "x", requestID: 5))
    for replica in replicas { _ = try await poll("a barrier") { try? await replica.barrier() } }
    let statuses = try await cluster.converged()
    #expect(Set(statuses.map(\.stateHash)).count == 1)
    #expect(replicas[1].current().count(from: Key("k/"), to: Key("k0")) == 21)
    await cluster.shutdown()
  }
}
