import EventLog
import Foundation
import Keyspace

/// A complete copy of what a replica's folder holds, as of one revision, as a database of its own.
enum StoreCopy {
  /// Copies the folder of a replica that runs or is stopped into a new database at `target`.
  /// Changes nothing in the folder.
  ///
  /// Of a stopped replica everything in its log counts, also what it did not know to be
  /// committed: it may have been acknowledged.
  ///
  /// - Returns: notes for people, e.g. about a log that can't be read.
  static func make(of folder: String, to target: String) throws(ProjectionError) -> [String] {
    let source = "\(folder)/\(Projection.fileName)"
    let isRunning = FolderLock.isHeld(folder)
    if isRunning {
      try Projection.snapshot(of: source, to: target)
      return []
    }
    var notes: [String] = []
    let log = try openLog("\(folder)/log", &notes)
    if try !copy(source, to: target, &notes) {
      guard let log else {
        throw .missing("\(folder) holds neither a usable state nor a usable log")
      }
      guard log.base.index == 0 else {
        throw .missing(
          "\(folder) has no usable state, and its log begins only with entry \(log.firstIndex)")
      }
      try Projection.create(target, clusterID: log.clusterID, replicaID: log.replicaID)
    }
    if let log { try replay(log, into: target, &notes) }
    return notes
  }

  private static func copy(
    _ source: String, to target: String, _ notes: inout [String]
  ) throws(ProjectionError) -> Bool {
    let files = FileManager.default
    guard files.fileExists(atPath: source) else {
      notes.append("\(source) is not there: the log is replayed from its beginning")
      return false
    }
    do {
      // With its write-ahead log, which is worked in when the copy is opened.
      for suffix in ["", "-wal"] where files.fileExists(atPath: source + suffix) {
        try files.copyItem(atPath: source + suffix, toPath: target + suffix)
      }
    } catch { throw .failed("copy \(source): \(error.localizedDescription)") }
    do throws(ProjectionError) {
      try Projection.check(target)
      let connection = try SQLiteConnection(path: target, mode: .readWrite)
      _ = try Projection.loadCurrent(connection).restored()
      return true
    } catch {
      guard case .damaged = error else { throw error }
      notes.append("\(source) is damaged (\(error)): the log is replayed from its beginning")
      Projection.removeCompanions(of: target)
      unlink(target)
      return false
    }
  }

  private static func openLog(
    _ folder: String, _ notes: inout [String]
  ) throws(ProjectionError) -> LogReader<FileDisk>? {
    guard FileManager.default.fileExists(atPath: folder) else { return nil }
    do {
      return try LogReader(disk: try FileDisk(path: folder, access: .readOnly))
    } catch {
      notes.append("the log can't be read, only the state is: \(error)")
      return nil
    }
  }

  /// Writes what the log has beyond the copied state into it.
  private static func replay(
    _ log: LogReader<FileDisk>, into target: String, _ notes: inout [String]
  ) throws(ProjectionError) {
    let projection = try Projection(path: target)
    var state = try projection.loadCurrent().restored()
    guard log.lastIndex > projection.meta.appliedIndex else { return }
    guard log.base.index <= projection.meta.appliedIndex else {
      notes.append(
        "the log begins only after entry \(log.base.index), the state ends with "
          + "\(projection.meta.appliedIndex): the log is left out")
      return
    }
    var next = projection.meta.appliedIndex + 1
    while next <= log.lastIndex {
      let records: [LogRecord]
      do {
        records = try log.records(from: next, through: log.lastIndex, maximumBytes: 16 << 20)
      } catch {
        notes.append("the log can't be read from entry \(next) on: \(error)")
        return
      }
      guard let last = records.last else { return }
      try projection.write(batch: records.map { Self.apply($0, to: &state) })
      next = last.index + 1
    }
  }

  /// As a replica does: what is no transaction changes nothing.
  private static func apply(_ record: LogRecord, to state: inout KeyspaceState) -> AppliedBatch {
    var events: [Event] = []
    var requests: [(UInt64, TransactionResult)] = []
    if record.kind == 1, let transaction = try? TransactionCodec.decode(record.payload) {
      let isRetry = state.remembers(transaction.requestID)
      let applied = state.apply(transaction)
      events = applied.events
      if !isRetry { requests = [(transaction.requestID, applied.result)] }
    }
    return AppliedBatch(
      index: record.index, term: record.term, revision: state.revision,
      stateHash: state.stateHash, events: events, requests: requests)
  }
}
