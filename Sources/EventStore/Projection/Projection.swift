import Foundation
import Keyspace

/// What opening a projection found.
public enum ProjectionOpen: Sendable, Hashable {
  case ready
  /// It was not there, or damaged and moved aside; a new, empty one is to be filled from the log
  /// or a peer.
  case rebuilt(reason: String)
}

/// One replica's SQLite database: history, present and applied index, written behind the log.
///
/// Used from one thread. What is written last may be lost when the power is (the log has it), but
/// it is lost as a whole, never in part.
public final class Projection {
  public static let fileName = "projection.sqlite"

  public let path: String
  let connection: SQLiteConnection
  /// What the last write left.
  public internal(set) var meta: ProjectionMeta
  /// What is written up to here survives a loss of power; the log must keep what comes after.
  public internal(set) var durableIndex: UInt64 = 0
  /// After how many entries the database is synced. Rarely, as the log is synced for each write
  /// and the two share a disk.
  var syncEntries = 16_000
  /// Entries since then.
  var unsyncedEntries = 0
  var nextRequest: Int64
  let statements: Statements
  /// What `statements.insertHistory` is bound to.
  var boundProvenance: Provenance?

  /// Pages of SQLite's write-ahead log after which it is worked into the database: 64 MiB. Pages
  /// of indices are changed again and again, and so are written fewer times.
  static let checkpointPages = (64 << 20) / pageBytes
  /// Of databases that are made anew; larger ones than SQLite's own (4 KiB) take half the system
  /// calls to write.
  static let pageBytes = 8_192

  struct Statements {
    let insertHistory: SQLiteStatement
    let addVersion: SQLiteStatement
    let addMoment: SQLiteStatement
    let addRequest: SQLiteStatement
    let forgetRequests: SQLiteStatement
    let setMeta: SQLiteStatement
    let setMembership: SQLiteStatement
  }

  /// Opens or makes the database at `path`.
  ///
  /// A damaged file is moved aside, as `path.damaged-N`, and a new one made. Another cluster's
  /// or replica's file, and one of a newer version, is an error, and stays as it is.
  public static func open(
    path: String, clusterID: UInt64, replicaID: UInt64
  ) throws(ProjectionError) -> (projection: Projection, found: ProjectionOpen) {
    var reason = "\(path) was not there"
    if FileManager.default.fileExists(atPath: path) {
      do {
        try check(path)
        let projection = try Projection(path: path)
        try projection.meta.check(clusterID: clusterID, replicaID: replicaID)
        return (projection, .ready)
      } catch .damaged(let found) {
        let aside = try moveAside(path)
        reason = "\(path) is damaged (\(found)) and was moved to \(aside)"
      } catch {
        throw error
      }
    } else {
      removeCompanions(of: path)
    }
    try create(path, clusterID: clusterID, replicaID: replicaID)
    return (try Projection(path: path), .rebuilt(reason: reason))
  }

  init(path: String) throws(ProjectionError) {
    self.path = path
    connection = try SQLiteConnection(path: path, mode: .readWrite, isShared: false)
    try connection.execute(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
      PRAGMA wal_autocheckpoint = \(Self.checkpointPages); PRAGMA cache_size = -4096;
      """)
    try connection.execute(ProjectionSchema.createMembership)
    meta = try ProjectionMeta.read(connection)
    // They are numbered from 1 on, one by one.
    let lastRequest = try connection.integer("SELECT max(sequence) FROM requests") ?? 0
    guard (0..<Int64.max / 2).contains(lastRequest) else {
      throw .damaged("it remembers requests up to number \(lastRequest)")
    }
    nextRequest = lastRequest + 1
    statements = Statements(
      insertHistory: try connection.prepare(ProjectionSchema.insert(into: "history")),
      addVersion: try connection.prepare("INSERT INTO versions(key, id, kind) VALUES(?, ?, ?)"),
      addMoment: try connection.prepare(ProjectionSchema.addMoments("VALUES(?, ?, ?)")),
      addRequest: try connection.prepare(
        """
        INSERT OR REPLACE INTO requests(sequence, request_id, conflict_key, revision)
        VALUES(?, ?, ?, ?)
        """),
      forgetRequests: try connection.prepare("DELETE FROM requests WHERE sequence <= ?"),
      setMeta: try connection.prepare(
        "UPDATE meta SET applied_index = ?, applied_term = ?, revision = ?, state_hash = ?"),
      setMembership: try connection.prepare(
        "INSERT OR REPLACE INTO membership(one, bytes) VALUES(1, ?)"))
    try sync()
  }

  /// Lets go of pages that are kept in memory, as far as they are written.
  func releasePages() { connection.releaseMemory() }

  /// The members of the group as of the applied index, encoded; `nil`: no entry told of any.
  public func membership() throws(ProjectionError) -> [UInt8]? {
    let statement = try connection.prepare("SELECT bytes FROM main.membership")
    return try statement.step() ? statement.bytes(0) : nil
  }

  /// Bytes of the database in use.
  public var byteCount: Int {
    get throws(ProjectionError) {
      let pages = try connection.integer("PRAGMA page_count") ?? 0
      let free = try connection.integer("PRAGMA freelist_count") ?? 0
      let size = try connection.integer("PRAGMA page_size") ?? 0
      return Int((pages - free) * size)
    }
  }

  /// The present state, to begin from after a restart.
  public func loadCurrent() throws(ProjectionError) -> ProjectionCheckpoint {
    try Self.loadCurrent(connection)
  }

  static func loadCurrent(
    _ connection: SQLiteConnection
  ) throws(ProjectionError) -> ProjectionCheckpoint {
    let meta = try ProjectionMeta.read(connection)
    var entries: [Entry] = []
    let rows = try connection.prepare(
      """
      SELECT p.key, h.key = p.key, h.value, h.create_revision, h.revision
      FROM \(ProjectionSchema.present) p LEFT JOIN main.history h ON h.id = p.id ORDER BY p.key
      """)
    while try rows.step() {
      let key = Key(bytes: rows.bytes(0))
      guard rows.integer(1) == 1 else { throw .damaged("the present value of \(key) is missing") }
      entries.append(
        Entry(
          key: key, value: rows.bytes(2), createRevision: rows.unsigned(3),
          modRevision: rows.unsigned(4)))
    }
    var requests: [(UInt64, TransactionResult)] = []
    let remembered = try connection.prepare(
      "SELECT request_id, conflict_key, revision FROM main.requests ORDER BY sequence")
    while try remembered.step() {
      let revision = remembered.unsigned(2)
      let result: TransactionResult =
        remembered.isNull(1)
        ? .committed(revision: revision)
        : .conflict(key: Key(bytes: remembered.bytes(1)), actual: revision)
      requests.append((remembered.unsigned(0), result))
    }
    return ProjectionCheckpoint(
      entries: entries, revision: meta.revision, appliedIndex: meta.appliedIndex,
      appliedTerm: meta.appliedTerm, requests: requests, stateHash: meta.stateHash)
  }
}

extension ProjectionMeta {
  func check(clusterID: UInt64, replicaID: UInt64) throws(ProjectionError) {
    guard self.clusterID == clusterID else {
      throw .otherCluster(found: self.clusterID, expected: clusterID)
    }
    guard self.replicaID == replicaID else {
      throw .otherReplica(found: self.replicaID, expected: replicaID)
    }
  }
}
