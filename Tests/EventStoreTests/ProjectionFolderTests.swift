import EventLog
import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct ProjectionFolderTests {
  /// Names, sizes, times of change and contents of all files.
  static func contents(_ folder: String) throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      let path = "\(folder)/\(name)"
      var isDirectory: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      found[name] =
        isDirectory.boolValue ? Data() : try Data(contentsOf: URL(fileURLWithPath: path))
    }
    return found
  }

  static func check(
    _ folder: String, _ model: ProjectionModel, replayed: Int, uncommitted: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try contents(folder)
    do {
      let history = try FolderHistory.open(folder)
      #expect(history.replayedEntries == replayed, sourceLocation: sourceLocation)
      #expect(history.uncommittedEntries == uncommitted, sourceLocation: sourceLocation)
      try expect(history.reader, reads: model)
      let listed = try history.reader.events(HistoryFilter(), limit: 0)
      #expect(listed.map(\.revision) == model.events.map(\.revision))
      #expect(listed.map(\.value) == model.events.map(\.value))
      let open = Set(model.batches.suffix(uncommitted).flatMap(\.events).map(\.revision))
      #expect(listed.allSatisfy { $0.isCommitted == !open.contains($0.revision) })
      #expect(try history.reader.statistics().events == model.events.count)
      #expect(
        try history.reader.events(HistoryFilter(newestFirst: true), limit: 5).map(\.revision)
          == model.events.suffix(5).reversed().map(\.revision))
    }
    #expect(try contents(folder) == before, sourceLocation: sourceLocation)
  }

  @Test func theLogsTailIsReplayedOntoTheProjection() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 21, transactions: 200)
      do {
        let (projection, _) = try openProjection(folder)
        try projection.write(batch: Array(model.batches[..<150]))
      }
      try model.writeLog(to: "\(folder)/log", commit: 191)
      try Self.check(folder, model, replayed: 50, uncommitted: 10)
    }
  }

  @Test func aKilledReplicasWriteAheadLogIsRead() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 22, transactions: 200)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: Array(model.batches[..<150]))
      try model.writeLog(to: "\(folder)/log", commit: 201)
      // Files as a killed process leaves them: the write-ahead log is not worked in.
      let killed = "\(folder)/killed"
      try FileManager.default.createDirectory(atPath: killed, withIntermediateDirectories: true)
      for name in ["projection.sqlite", "projection.sqlite-wal", "log"] {
        try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(killed)/\(name)")
      }
      try Self.check(killed, model, replayed: 50, uncommitted: 0)
    }
  }

  @Test func withoutTheProjectionTheWholeLogIsReplayed() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 23, transactions: 200)
      try model.writeLog(to: "\(folder)/log", commit: 201)
      try Self.check(folder, model, replayed: 201, uncommitted: 0)
      try Data("no database at all, but long enough to be looked at".utf8)
        .write(to: URL(fileURLWithPath: "\(folder)/projection.sqlite"))
      try Self.check(folder, model, replayed: 201, uncommitted: 0)
      #expect(try FolderHistory.open(folder).notes.contains { $0.contains("is damaged") })
      #expect(try FolderHistory.open(folder).reader.meta.clusterID == 7)
    }
  }

  @Test func aRunningReplicasFolderIsRead() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 24, transactions: 200)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: Array(model.batches[..<150]))
      try model.writeLog(to: "\(folder)/log", commit: 201)
      let running = try FileDisk(path: "\(folder)/log")
      #expect(FolderLock.isHeld("\(folder)/log"))
      let history = try FolderHistory.open(folder)
      try projection.write(batch: Array(model.batches[150...]))
      try expect(history.reader, reads: model)
      let later = try FolderHistory.open(folder)
      #expect(later.replayedEntries == 0)
      try expect(later.reader, reads: model)
      withExtendedLifetime(running) {}
    }
  }

  @Test func aTornTailIsLeftOutAndNoted() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 25, transactions: 60)
      try model.writeLog(to: "\(folder)/log", commit: 61)
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/log")
      let last = try #require(names.filter { $0.hasSuffix(".seg") }.max())
      let handle = try #require(FileHandle(forWritingAtPath: "\(folder)/log/\(last)"))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([1, 2, 3]))
      try handle.close()
      try Self.check(folder, model, replayed: 61, uncommitted: 0)
      #expect(try FolderHistory.open(folder).notes.contains { $0.contains("of 3 bytes") })
    }
  }

  @Test func aFolderThatLacksTheBeginningSaysSo() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 26, transactions: 300)
      try model.writeLog(to: "\(folder)/log", commit: 301)
      do {
        var log = try EventLog.open(
          disk: try FileDisk(path: "\(folder)/log"),
          options: LogOptions(clusterID: 7, replicaID: 1))
        try log.removeSegments(before: 200)
      }
      let failure = #expect(throws: ProjectionError.self) { try FolderHistory.open(folder) }
      #expect(failure?.description.contains("begins only after entry") == true)
      // With the projection the tail is enough.
      do {
        let (projection, _) = try openProjection(folder)
        try projection.write(batch: Array(model.batches[..<250]))
      }
      try Self.check(folder, model, replayed: 50, uncommitted: 0)
    }
  }

  @Test func aDamagedLogLeavesTheProjectionReadable() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 27, transactions: 200)
      do {
        let (projection, _) = try openProjection(folder)
        try projection.write(batch: model.batches)
      }
      try model.writeLog(to: "\(folder)/log", commit: 201)
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/log")
      let first = try #require(names.filter { $0.hasSuffix(".seg") }.min())
      let url = URL(fileURLWithPath: "\(folder)/log/\(first)")
      var bytes = try Data(contentsOf: url)
      bytes[700] ^= 4
      try bytes.write(to: url)
      let history = try FolderHistory.open(folder)
      #expect(history.notes.contains { $0.contains(first) && $0.contains("damaged at byte") })
      try expect(history.reader, reads: model)
    }
  }

  @Test func aFolderOfSomethingElse() throws {
    try withProjectionFolder { folder in
      let failure = #expect(throws: ProjectionError.self) { try FolderHistory.open(folder) }
      #expect(failure?.description.contains("is it a replica's folder?") == true)
    }
  }
}
