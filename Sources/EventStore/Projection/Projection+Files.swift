import EventLog
import Foundation
import Glibc
import Keyspace

extension Projection {
  /// Makes what was written survive a loss of power.
  ///
  /// SQLite in WAL mode with `synchronous = NORMAL` syncs around checkpoints only. Syncing its
  /// write-ahead log between them makes the transactions in it durable.
  ///
  /// - Throws: after which the database is not to be used any more, as a failed sync is never
  ///   retried.
  public func sync() throws(ProjectionError) {
    let log = path + "-wal"
    if FileManager.default.fileExists(atPath: log) { try Self.synchronize(log) }
    try Self.synchronize(path)
    try Self.synchronize((path as NSString).deletingLastPathComponent)
    durableIndex = meta.appliedIndex
    unsyncedEntries = 0
  }

  /// Copies the database as it is now into a new file at `path`, e.g. to send it to a peer.
  public func snapshot(to path: String) throws(ProjectionError) {
    try connection.backUp(to: path)
  }

  /// As `snapshot(to:)`, from any thread, while another writes.
  public static func snapshot(of path: String, to target: String) throws(ProjectionError) {
    let connection = try SQLiteConnection(path: path, mode: .readOnly)
    try connection.execute("BEGIN")
    // The read begins with the first query, and holds its state until the copy is done.
    _ = try ProjectionMeta.read(connection)
    try connection.backUp(to: target)
  }

  /// Puts the database that a peer sent, as the file `received`, in place of the one at `path`,
  /// which must not be open. Durable when it returns; a crash leaves the old or the new one.
  ///
  /// - Throws: `damaged`, `otherCluster`: then `path` is untouched.
  public static func install(
    received: String, at path: String, clusterID: UInt64, replicaID: UInt64
  ) throws(ProjectionError) -> ProjectionMeta {
    let meta = try prepare(received: received, clusterID: clusterID, replicaID: replicaID)
    try replace(path, by: received)
    return meta
  }

  /// Checks a database that a peer sent, state and all, makes it this replica's, and durable.
  @discardableResult
  static func prepare(
    received: String, clusterID: UInt64, replicaID: UInt64
  ) throws(ProjectionError) -> ProjectionMeta {
    try check(received)
    let meta = try adopt(received, clusterID: clusterID, replicaID: replicaID)
    try synchronize(received)
    return meta
  }

  /// Puts a prepared database in place of the one at `path`, which must not be open.
  static func replace(_ path: String, by received: String) throws(ProjectionError) {
    // The old file's write-ahead log must never be taken for the new one's. Without it the old
    // file may be damaged; then it is made again from a peer, as now.
    removeCompanions(of: path)
    guard rename(received, path) == 0 else {
      throw .failed("rename \(received): \(String(cString: strerror(errno)))")
    }
    try synchronize((path as NSString).deletingLastPathComponent)
  }

  private static func adopt(
    _ received: String, clusterID: UInt64, replicaID: UInt64
  ) throws(ProjectionError) -> ProjectionMeta {
    let connection = try SQLiteConnection(path: received, mode: .readWrite)
    // The state's hash covers what SQLite's own structure does not.
    _ = try loadCurrent(connection).restored()
    var meta = try ProjectionMeta.read(connection)
    try meta.check(clusterID: clusterID, replicaID: meta.replicaID)
    try connection.execute(
      """
      PRAGMA journal_mode = DELETE;
      UPDATE meta SET replica = \(Int64(bitPattern: replicaID));
      """)
    meta.replicaID = replicaID
    return meta
  }

  static func create(
    _ path: String, clusterID: UInt64, replicaID: UInt64
  ) throws(ProjectionError) {
    // Made beside, so that a crash never leaves one without its tables.
    let making = path + ".making"
    removeCompanions(of: making)
    try? FileManager.default.removeItem(atPath: making)
    do {
      let connection = try SQLiteConnection(path: making, mode: .readWrite)
      let hash = Int64(bitPattern: KeyspaceState().stateHash)
      try connection.execute(
        """
        PRAGMA page_size = \(pageBytes);
        \(ProjectionSchema.create)
        INSERT INTO meta VALUES(1, \(Int64(bitPattern: clusterID)),
          \(Int64(bitPattern: replicaID)), 0, 0, 0, \(hash), 0);
        """)
    }
    guard rename(making, path) == 0 else {
      throw .failed("rename \(making): \(String(cString: strerror(errno)))")
    }
    try synchronize((path as NSString).deletingLastPathComponent)
  }

  /// Checks what can be checked without knowing the log: that the file is a whole and sound
  /// database, of a version that is known. One of the first version becomes one of this version.
  static func check(_ path: String) throws(ProjectionError) {
    let connection = try SQLiteConnection(path: path, mode: .readWrite)
    let version = try connection.integer("PRAGMA user_version") ?? 0
    if version > ProjectionSchema.version { throw .newerVersion(Int(version)) }
    if version < 1 { throw .damaged("it is no projection") }
    try quickCheck(connection)
    do { _ = try ProjectionMeta.read(connection) } catch .failed(let reason) {
      throw .damaged(reason)
    } catch { throw error }
    try ProjectionSchema.upgrade(connection)
  }

  private static func quickCheck(_ connection: SQLiteConnection) throws(ProjectionError) {
    let statement = try connection.prepare("PRAGMA quick_check(1)")
    guard try statement.step() else { throw .damaged("it can't be checked") }
    let found = statement.text(0)
    if found != "ok" { throw .damaged(found) }
  }

  /// Moves a damaged database away and returns where it is now.
  static func moveAside(_ path: String) throws(ProjectionError) -> String {
    var number = 1
    while FileManager.default.fileExists(atPath: "\(path).damaged-\(number)") { number += 1 }
    let aside = "\(path).damaged-\(number)"
    guard rename(path, aside) == 0 else {
      throw .failed("rename \(path): \(String(cString: strerror(errno)))")
    }
    for companion in ["-wal", "-shm"] { rename(path + companion, aside + companion) }
    return aside
  }

  /// Removes a database's write-ahead log and shared memory.
  static func removeCompanions(of path: String) {
    for companion in ["-wal", "-shm", "-journal"] { unlink(path + companion) }
  }

  private static func synchronize(_ path: String) throws(ProjectionError) {
    let descriptor = Glibc.open(path.isEmpty ? "." : path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .failed("open \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 {
      throw .failed("sync \(path): \(String(cString: strerror(errno)))")
    }
  }
}
