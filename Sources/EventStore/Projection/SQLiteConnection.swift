import CSQLite

/// A connection to a SQLite database. Used from one thread at a time.
final class SQLiteConnection {
  enum Mode { case readWrite, readOnly, immutable }

  let path: String
  fileprivate let handle: OpaquePointer

  /// SQLite's figures of its memory are read by nobody, and cost a lock for each allocation. It says
  /// no where another connection was opened before, which is all right.
  private static let countsNoMemory = taffrail_sqlite_count_no_memory()

  /// - Parameter isShared: false where one thread at a time uses the connection and its
  ///   statements: then SQLite takes no lock at each call.
  init(path: String, mode: Mode, isShared: Bool = true) throws(ProjectionError) {
    self.path = path
    _ = Self.countsNoMemory
    var flags = SQLITE_OPEN_EXRESCODE | (isShared ? SQLITE_OPEN_FULLMUTEX : SQLITE_OPEN_NOMUTEX)
    var name = path
    switch mode {
    case .readWrite: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    case .readOnly: flags |= SQLITE_OPEN_READONLY
    case .immutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      name = "file:" + Self.escaped(path) + "?immutable=1"
    }
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(name, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let failure = Self.error(code, opened, "open \(path)")
      sqlite3_close_v2(opened)
      throw failure
    }
    handle = opened
    sqlite3_busy_timeout(handle, 10_000)
  }

  deinit { sqlite3_close_v2(handle) }

  func execute(_ sql: String) throws(ProjectionError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    if code != SQLITE_OK { throw error(code, sql) }
  }

  /// Frees pages in memory that are on disk too.
  func releaseMemory() { sqlite3_db_release_memory(handle) }

  func prepare(_ sql: String) throws(ProjectionError) -> SQLiteStatement {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
    guard code == SQLITE_OK, let statement else { throw error(code, sql) }
    return SQLiteStatement(statement, of: self)
  }

  /// The single integer that a query gives; `nil` for no row and for NULL.
  func integer(_ sql: String) throws(ProjectionError) -> Int64? {
    let statement = try prepare(sql)
    guard try statement.step(), !statement.isNull(0) else { return nil }
    return statement.integer(0)
  }

  /// Runs `body` in one transaction, which is rolled back where it throws.
  func transaction(
    _ body: () throws(ProjectionError) -> Void
  ) throws(ProjectionError) {
    try execute("BEGIN IMMEDIATE")
    do {
      try body()
      try execute("COMMIT")
    } catch {
      // Some failures have rolled back already, then this fails, and that is all right.
      try? execute("ROLLBACK")
      throw error
    }
  }

  var changes: Int { Int(sqlite3_changes(handle)) }

  /// Copies the whole database, as it is now, into a new file.
  func backUp(to path: String) throws(ProjectionError) {
    let target = try SQLiteConnection(path: path, mode: .readWrite)
    guard let backup = sqlite3_backup_init(target.handle, "main", handle, "main") else {
      throw target.error(sqlite3_extended_errcode(target.handle), "back up")
    }
    let code = sqlite3_backup_step(backup, -1)
    let finished = sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE, finished == SQLITE_OK else {
      throw target.error(code == SQLITE_DONE ? finished : code, "back up to \(path)")
    }
  }

  fileprivate func error(_ code: Int32, _ what: String) -> ProjectionError {
    Self.error(code, handle, what)
  }

  private static func error(
    _ code: Int32, _ handle: OpaquePointer?, _ what: String
  ) -> ProjectionError {
    let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
    let text = "\(message) (SQLite \(code), at: \(what.prefix(120)))"
    // SQLITE_IOERR_SHMSIZE: there was no space for the memory that connections share.
    if code == SQLITE_IOERR | (19 << 8) { return .noSpace(text) }
    switch code & 0xFF {
    case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged(text)
    case SQLITE_FULL: return .noSpace(text)
    default: return .failed(text)
    }
  }

  private static func escaped(_ path: String) -> String {
    path.replacing("%", with: "%25").replacing("?", with: "%3f").replacing("#", with: "%23")
  }
}

/// A prepared statement; parameters count from 1, columns from 0.
final class SQLiteStatement {
  private let handle: OpaquePointer
  private let connection: SQLiteConnection
  // SQLITE_TRANSIENT: SQLite copies what is bound.
  private static let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  fileprivate init(_ handle: OpaquePointer, of connection: SQLiteConnection) {
    self.handle = handle
    self.connection = connection
  }

  deinit { sqlite3_finalize(handle) }

  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
  func bind(_ index: Int32, _ value: UInt64) { bind(index, Int64(bitPattern: value)) }
  func bind(_ index: Int32, _ text: String) {
    sqlite3_bind_text(handle, index, text, -1, Self.copies)
  }

  func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

  func bind(_ index: Int32, _ bytes: [UInt8]) {
    if bytes.isEmpty {
      sqlite3_bind_zeroblob(handle, index, 0)
    } else {
      sqlite3_bind_blob64(handle, index, bytes, UInt64(bytes.count), Self.copies)
    }
  }

  /// Runs a statement that gives no rows, with two blobs that are read where they are instead of being
  /// copied first; they stay bound in name only, and must be bound again before the next run.
  func run(
    lending first: [UInt8], at firstIndex: Int32,
    _ second: [UInt8] = [], at secondIndex: Int32? = nil
  ) throws(ProjectionError) {
    let code = first.withUnsafeBytes { firstBytes in
      second.withUnsafeBytes { secondBytes in
        lend(firstIndex, firstBytes)
        if let secondIndex { lend(secondIndex, secondBytes) }
        return sqlite3_step(handle)
      }
    }
    defer { reset() }
    if code != SQLITE_DONE { throw connection.error(code, String(cString: sqlite3_sql(handle))) }
  }

  private func lend(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, !bytes.isEmpty else {
      sqlite3_bind_zeroblob(handle, index, 0)
      return
    }
    // No destructor (SQLITE_STATIC): the memory is not SQLite's.
    sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), nil)
  }

  /// Goes to the next row; false where there is none.
  func step() throws(ProjectionError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code: throw connection.error(code, String(cString: sqlite3_sql(handle)))
    }
  }

  /// Runs a statement that gives no rows, and makes it ready for the next time.
  func run() throws(ProjectionError) {
    defer { reset() }
    while try step() {}
  }

  func reset() { sqlite3_reset(handle) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }
  func text(_ column: Int32) -> String {
    sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
  }

  func bytes(_ column: Int32) -> [UInt8] {
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let start = sqlite3_column_blob(handle, column) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}
