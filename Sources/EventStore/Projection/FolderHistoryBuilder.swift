import EventLog
import Foundation
import Keyspace

/// Puts together what a folder's projection and log have.
struct FolderHistoryBuilder {
  let path: String
  private var notes: [String] = []
  private var temporary: TemporaryFolder?
  private var replayed = 0
  private var uncommitted = 0

  init(path: String) { self.path = path }

  private var projectionPath: String { "\(path)/\(Projection.fileName)" }

  mutating func open() throws(ProjectionError) -> FolderHistory {
    // First the projection: what the log has lost to retention by then, the projection has.
    let (connection, isEmpty) = try openProjection()
    let log = try openLog(isNeeded: isEmpty)
    if log == nil, isEmpty {
      throw .missing("\(path) holds neither a log nor a projection: is it a replica's folder?")
    }
    var meta = try ProjectionMeta.read(connection)
    if isEmpty, let log {
      (meta.clusterID, meta.replicaID) = (log.clusterID, log.replicaID)
      if log.base.index > 0 {
        throw .missing(
          "\(projectionPath) can't be used, and the log in \(path) begins only after entry "
            + "\(log.base.index): what was before it is at the replica's peers. "
            + notes.joined(separator: "; "))
      }
    }
    let newest = try replay(log, on: connection, meta)
    let reader = HistoryReader(
      HistoryReader.Source(
        connection: connection,
        events: """
          (SELECT *, 1 AS committed FROM main.history
          UNION ALL SELECT * FROM temp.tail)
          """,
        versions: """
          (SELECT key, id, kind FROM versions
          UNION ALL SELECT key, id, kind FROM temp.tail)
          """,
        moments: """
          (SELECT block, least_ms, greatest_ms FROM moments
          UNION ALL SELECT id >> \(ProjectionSchema.blockIDBits), min(time_ms), max(time_ms)
          FROM temp.tail GROUP BY 1)
          """,
        meta: meta, newestRevision: newest))
    return FolderHistory(
      reader: reader, notes: notes, replayedEntries: replayed, uncommittedEntries: uncommitted,
      temporary: temporary)
  }

  /// The folder's projection in a transaction, or an empty one.
  private mutating func openProjection() throws(ProjectionError) -> (SQLiteConnection, Bool) {
    if FileManager.default.fileExists(atPath: projectionPath) {
      do throws(ProjectionError) {
        let connection = try connect()
        let version = try connection.integer("PRAGMA user_version") ?? 0
        if version > ProjectionSchema.version { throw .newerVersion(Int(version)) }
        if version < 1 { throw .damaged("it is no projection") }
        try ProjectionSchema.show(connection)
        try connection.execute("BEGIN")
        _ = try Projection.loadCurrent(connection).restored()
        return (connection, false)
      } catch .damaged(let reason) {
        notes.append("\(projectionPath) is damaged (\(reason)): the log is replayed instead")
      } catch {
        throw error
      }
    } else {
      notes.append("\(projectionPath) is not there: the log is replayed instead")
    }
    let folder = try TemporaryFolder()
    temporary = folder
    let empty = "\(folder.path)/\(Projection.fileName)"
    try Projection.create(empty, clusterID: 0, replicaID: 0)
    let connection = try SQLiteConnection(path: empty, mode: .readWrite)
    try connection.execute("BEGIN")
    return (connection, true)
  }

  private mutating func connect() throws(ProjectionError) -> SQLiteConnection {
    if FolderLock.isHeld(path) || FolderLock.isHeld("\(path)/log") {
      return try SQLiteConnection(path: projectionPath, mode: .readOnly)
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: projectionPath + "-wal")
    guard let size = attributes?[.size] as? Int, size > 0 else {
      return try SQLiteConnection(path: projectionPath, mode: .immutable)
    }
    // The replica was killed, and its write-ahead log is yet to be worked in: in a copy.
    let folder = try TemporaryFolder()
    temporary = folder
    let copy = "\(folder.path)/\(Projection.fileName)"
    do {
      for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(atPath: projectionPath + suffix, toPath: copy + suffix)
      }
    } catch { throw .failed("copy \(projectionPath): \(error.localizedDescription)") }
    return try SQLiteConnection(path: copy, mode: .readWrite)
  }

  private mutating func openLog(isNeeded: Bool) throws(ProjectionError) -> LogReader<FileDisk>? {
    let folder = "\(path)/log"
    guard FileManager.default.fileExists(atPath: folder) else {
      notes.append("\(folder) is not there: only the projection is read")
      return nil
    }
    do {
      let disk: FileDisk
      do { disk = try FileDisk(path: folder, access: .readOnly) } catch {
        throw LogError.disk(error)
      }
      let log = try LogReader(disk: disk)
      if let torn = log?.tornTail {
        notes.append(
          "\(torn.segment) ends at byte \(torn.offset) with an incomplete write of "
            + "\(torn.bytes) bytes, which is left out")
      }
      return log
    } catch let error as LogError {
      // What the projection has can be read all the same.
      if !isNeeded {
        notes.append("the log can't be read, only the projection is: \(error)")
        return nil
      }
      throw .failed(error.description)
    } catch {
      throw .failed("\(error)")
    }
  }

  /// Applies what the log has beyond the projection; returns the newest revision.
  private mutating func replay(
    _ log: LogReader<FileDisk>?, on connection: SQLiteConnection, _ meta: ProjectionMeta
  ) throws(ProjectionError) -> Revision {
    try connection.execute(
      """
      CREATE TEMP TABLE tail(\(ProjectionSchema.historyColumns), committed INTEGER NOT NULL);
      CREATE INDEX temp.tail_key ON tail(key, id, kind);
      """)
    guard let log, log.lastIndex > meta.appliedIndex else { return meta.revision }
    guard log.base.index <= meta.appliedIndex else {
      notes.append(
        "the log begins after entry \(log.base.index), the projection ends with "
          + "\(meta.appliedIndex): what is between is missing, and the log is left out")
      return meta.revision
    }
    var state = try Projection.loadCurrent(connection).restored()
    let insert = try connection.prepare(
      """
      INSERT INTO temp.tail(\(ProjectionSchema.columnNames), committed)
      VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
      """)
    var next = meta.appliedIndex + 1
    while next <= log.lastIndex {
      let records: [LogRecord]
      do {
        records = try log.records(from: next, through: log.lastIndex, maximumBytes: 16 << 20)
      } catch { throw .failed(error.description) }
      guard let last = records.last else { break }
      for record in records {
        let isCommitted = record.index <= log.vote.commit
        replayed += 1
        if !isCommitted { uncommitted += 1 }
        // As a replica does: what is no transaction changes nothing.
        guard record.kind == 1, let transaction = try? TransactionCodec.decode(record.payload)
        else { continue }
        for (position, event) in state.apply(transaction).events.enumerated() {
          insert.bind(17, isCommitted ? 1 : 0 as Int64)
          try ProjectionSchema.insert(event, position: position, by: insert)
        }
      }
      next = last.index + 1
    }
    if uncommitted > 0 {
      notes.append(
        "the last \(uncommitted) entries of the log are not known here to be committed")
    }
    return state.revision
  }
}

/// Asks whether a process holds the lock of a folder, without waiting for it or changing it.
enum FolderLock {
  static func isHeld(_ folder: String) -> Bool {
    let descriptor = Glibc.open("\(folder)/lock", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // Closing gives a lock back that was free.
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }
}
