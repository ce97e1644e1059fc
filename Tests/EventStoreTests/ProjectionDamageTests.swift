import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct ProjectionDamageTests {
  static func fill(_ folder: String, _ model: ProjectionModel) throws {
    let (projection, _) = try openProjection(folder)
    try projection.write(batch: model.batches)
  }

  @Test func aDamagedFileIsMovedAsideAndMadeAnew() throws {
    let model = ProjectionModel(seed: 1, transactions: 400)
    let damages: [(String, (String) throws -> Void)] = [
      ("cut in the middle", { #expect(truncate($0, 30_001) == 0) }),
      ("cut to nothing", { #expect(truncate($0, 0) == 0) }),
      ("cut within the header", { #expect(truncate($0, 50) == 0) }),
      (
        "garbage",
        {
          try Data((0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(
            to: URL(fileURLWithPath: $0))
        }
      ),
      (
        "pages overwritten",
        { path in
          var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
          for offset in 4096..<40_000 { bytes[offset] = UInt8(truncatingIfNeeded: offset) }
          try bytes.write(to: URL(fileURLWithPath: path))
        }
      ),
      (
        "a number beyond all others",
        { path in
          let connection = try SQLiteConnection(path: path, mode: .readWrite, isShared: false)
          try connection.execute(
            "INSERT INTO requests VALUES(9223372036854775807, 1, NULL, 1)")
        }
      ),
    ]
    for (name, damage) in damages {
      try withProjectionFolder { folder in
        try Self.fill(folder, model)
        for round in 1...2 {
          try damage("\(folder)/projection.sqlite")
          let (projection, found) = try openProjection(folder)
          guard case .rebuilt(let reason) = found else {
            Issue.record("\(name): \(found)")
            return
          }
          let aside = "\(folder)/projection.sqlite.damaged-\(round)"
          #expect(reason.contains(aside), "\(name): \(reason)")
          #expect(FileManager.default.fileExists(atPath: aside))
          // And the new one is filled again, as from the log.
          #expect(projection.meta.appliedIndex == 0)
          try projection.write(batch: model.batches)
          #expect(try projection.loadCurrent().restored().stateHash == model.state.stateHash)
        }
      }
    }
  }

  @Test func aDeletedFileIsMadeAnew() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 2, transactions: 100)
      try Self.fill(folder, model)
      try FileManager.default.removeItem(atPath: "\(folder)/projection.sqlite")
      let (projection, found) = try openProjection(folder)
      if case .rebuilt = found {} else { Issue.record("\(found)") }
      #expect(projection.meta.appliedIndex == 0)
      try projection.write(batch: model.batches)
      #expect(try projection.loadCurrent().restored().stateHash == model.state.stateHash)
    }
  }

  @Test func aChangedValueShowsInTheStatesHash() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 3, transactions: 100)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      try projection.connection.execute(
        """
        UPDATE history SET value = x'00' || substr(value, 2)
        WHERE id = (SELECT id FROM \(ProjectionSchema.present) LIMIT 1)
        """)
      let failure = #expect(throws: ProjectionError.self) {
        try projection.loadCurrent().restored()
      }
      if case .damaged = failure {} else { Issue.record("\(String(describing: failure))") }
    }
  }
}
