import Foundation
import Keyspace
import SeededRuns
import Testing

@testable import EventStore

/// Databases that were made by the first version.
@Suite struct ProjectionVersionTests {
  private static let path = Projection.fileName

  /// Takes a database of this version back to what the first one would have made.
  private static func makeFirst(_ path: String) throws {
    let connection = try SQLiteConnection(path: path, mode: .readWrite)
    try connection.execute(
      """
      CREATE TABLE current(key BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
      INSERT INTO current SELECT key, id FROM \(ProjectionSchema.present);
      DROP TRIGGER history_removed;
      DROP TABLE versions;
      DROP TABLE moments;
      CREATE INDEX history_key ON history(key, revision, kind);
      CREATE INDEX history_time ON history(time_ms);
      PRAGMA user_version = 1;
      PRAGMA journal_mode = DELETE;
      """)
  }

  private static func rows(_ path: String, _ table: String) throws -> [[String]] {
    let connection = try SQLiteConnection(path: path, mode: .readOnly)
    let statement = try connection.prepare("SELECT * FROM \(table) ORDER BY 1, 2")
    var rows: [[String]] = []
    while try statement.step() { rows.append((0..<3).map { statement.text(Int32($0)) }) }
    return rows
  }

  @Test(arguments: [1, 2, 3])
  func itBecomesOneOfThisVersion(seed: UInt64) throws {
    try withProjectionFolder { folder in
      let path = "\(folder)/\(Self.path)"
      var model = ProjectionModel(seed: seed, transactions: 300)
      try { try openProjection(folder).projection.write(batch: model.batches) }()
      let (versions, moments) = (try Self.rows(path, "versions"), try Self.rows(path, "moments"))
      #expect(versions.count == model.events.count)
      try Self.makeFirst(path)
      let written = model.batches.count
      for _ in 0..<100 { model.step() }
      do {
        let (projection, found) = try openProjection(folder)
        #expect(found == .ready)
        #expect(try Self.rows(path, "versions") == versions)
        #expect(try Self.rows(path, "moments") == moments)
        try projection.write(batch: Array(model.batches[written...]))
        #expect(try projection.loadCurrent().restored().stateHash == model.state.stateHash)
      }
      // As if it had been of this version all the time.
      let reader = try HistoryReader(path: path)
      for (revision, state) in model.states.enumerated() {
        #expect(try reader.state(at: UInt64(revision), prefix: Key("")) == state)
      }
    }
  }

  @Test func aPeersBecomesOneOfThisVersionToo() throws {
    try withProjectionFolder { folder in
      let received = "\(folder)/received"
      let model = ProjectionModel(seed: 4, transactions: 200)
      try { try openProjection(folder).projection.snapshot(to: received) }()
      try { try openProjection(folder).projection.write(batch: model.batches) }()
      try { try openProjection(folder).projection.snapshot(to: received) }()
      try Self.makeFirst(received)
      let meta = try Projection.install(
        received: received, at: "\(folder)/\(Self.path)", clusterID: 7, replicaID: 1)
      #expect(meta.revision == model.state.revision)
      let (projection, found) = try openProjection(folder)
      #expect(found == .ready)
      #expect(try projection.loadCurrent().restored().stateHash == model.state.stateHash)
    }
  }

  /// The log tools change nothing in a folder.
  @Test func itIsReadAsItIs() throws {
    try withProjectionFolder { folder in
      let path = "\(folder)/\(Self.path)"
      let model = ProjectionModel(seed: 5, transactions: 300)
      try { try openProjection(folder).projection.write(batch: model.batches) }()
      try Self.makeFirst(path)
      let before = try Data(contentsOf: URL(fileURLWithPath: path))
      let readers = [try HistoryReader(path: path), try FolderHistory.open(folder).reader]
      for reader in readers {
        for (revision, state) in model.states.enumerated() {
          #expect(try reader.state(at: UInt64(revision), prefix: Key("")) == state)
        }
        let key = Key("pods/default/n3")
        var found: [Revision] = []
        try reader.forEach(HistoryFilter(key: key)) {
          found.append($0.revision)
          return true
        }
        #expect(found == model.events.filter { $0.key == key }.map(\.revision))
        let middle = try #require(model.events.dropFirst(150).first)
        #expect(
          try reader.revision(atTime: middle.timeMilliseconds)
            == model.events.last { $0.timeMilliseconds <= middle.timeMilliseconds }?.revision)
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }
  }
}
