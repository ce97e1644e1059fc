import EventStore
import Foundation
import Keyspace

/// Changed files that need a file system: projections (their bytes, and rows that no program of ours
/// writes), backups, states on their way, and the small files of a replica's folder.
struct FileFuzz: FuzzTarget {
  let name = "files"
  private let folder: String
  private let projection: [UInt8]
  private let backup: [UInt8]

  init(folder: String) throws {
    self.folder = folder
    let path = "\(folder)/original.sqlite"
    var state = KeyspaceState()
    let batches = (1...30 as ClosedRange<UInt64>).map { number in
      let (result, events) = state.apply(Self.transaction(number))
      return AppliedBatch(
        index: number + 1, term: 1, revision: state.revision, stateHash: state.stateHash,
        events: events, requests: [(number, result)],
        membership: number == 3 ? [1, 0, 0] : nil)
    }
    try StoreDecoders.makeProjection(path, batches: batches)
    projection = Array(FileManager.default.contents(atPath: path) ?? Data())
    let file = "\(folder)/original.backup"
    try StoreDecoders.makeBackup(of: path, to: file)
    backup = Array(FileManager.default.contents(atPath: file) ?? Data())
  }

  private static func transaction(_ number: UInt64) -> Transaction {
    var transaction = LogFuzz.transaction(number, bytes: 100)
    transaction.compares = []
    return transaction
  }

  func run(_ mutator: inout ByteMutator) throws {
    let place = "\(folder)/case"
    try? FileManager.default.removeItem(atPath: place)
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    switch mutator.random.next(below: 8) {
    case 0:
      try write(mutator.changed(projection), to: "\(place)/projection.sqlite")
      try? StoreDecoders.readProjection("\(place)/projection.sqlite")
    case 1, 2:
      try write(projection, to: "\(place)/projection.sqlite")
      for _ in 0...mutator.random.next(below: 3) {
        try? StoreDecoders.change("\(place)/projection.sqlite", statement(&mutator))
      }
      try? StoreDecoders.readProjection("\(place)/projection.sqlite")
    case 3:
      // A state from a peer, whose checksum was right.
      try write(mutator.changed(projection), to: "\(place)/snapshot.incoming")
      _ = try? Projection.install(
        received: "\(place)/snapshot.incoming", at: "\(place)/projection.sqlite", clusterID: 7,
        replicaID: 2)
    case 4, 5:
      var bytes = mutator.changed(backup)
      if mutator.random.next(below: 2) == 0 { bytes = StoreDecoders.resealedBackup(bytes) }
      try write(bytes, to: "\(place)/a.backup")
      _ = try? Backup.verify("\(place)/a.backup")
    default:
      for (name, text) in StoreDecoders.folderFiles where mutator.random.next(below: 2) == 0 {
        try write(mutator.changed(Array(text.utf8)), to: "\(place)/\(name)")
      }
      StoreDecoders.openFolder(place, clusterID: 7, id: 1)
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  /// Puts a value of any type into a column of any table.
  private func statement(_ mutator: inout ByteMutator) -> String {
    let columns: [(String, [String])] = [
      (
        "history",
        [
          "revision", "position", "key", "kind", "value", "create_revision", "prev_revision",
          "user", "agent", "verb", "cause", "time_ms", "request_id", "id",
        ]
      ),
      ("versions", ["key", "id", "kind"]), ("moments", ["block", "least_ms", "greatest_ms"]),
      ("requests", ["sequence", "request_id", "conflict_key", "revision"]),
      (
        "meta",
        [
          "applied_index", "applied_term", "revision", "state_hash", "compacted_revision",
          "cluster",
        ]
      ),
      ("membership", ["bytes"]),
    ]
    let (table, names) = mutator.random.pick(columns)
    let noise = mutator.noise(mutator.random.next(below: 12))
    let blob =
      "x'" + noise.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "'"
    let value = mutator.random.pick([
      "NULL", "-1", "0", "9223372036854775807", "-9223372036854775808", "1e300", "'text'", blob,
      "zeroblob(5000)",
    ])
    let row = mutator.random.next(below: 30)
    switch mutator.random.next(below: 5) {
    case 0: return "DELETE FROM \(table) WHERE rowid = \(row)"
    case 1: return "DROP TABLE \(table)"
    default:
      return "UPDATE OR REPLACE \(table) SET \(mutator.random.pick(names)) = \(value)"
        + (mutator.random.next(below: 2) == 0 ? "" : " WHERE rowid = \(row)")
    }
  }
}
