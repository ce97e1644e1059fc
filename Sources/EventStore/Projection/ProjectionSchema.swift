import Keyspace

/// The tables of the projection.
enum ProjectionSchema {
  static let version: Int64 = 1

  /// A history row's id holds its revision and, in the lower bits, its position in the
  /// transaction, so rows are stored in the order of what happened.
  static let positionBits: UInt64 = 14

  static func id(_ revision: Revision, position: Int = 0) -> Int64 {
    Int64(clamping: revision & (1 << 49 - 1)) << Int64(positionBits) | Int64(position)
  }

  /// Columns of `history` and of the tail that replaces what it does not have yet.
  static let historyColumns = """
    id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, position INTEGER NOT NULL,
    key BLOB NOT NULL, kind INTEGER NOT NULL, value BLOB NOT NULL,
    create_revision INTEGER NOT NULL, prev_revision INTEGER NOT NULL,
    user TEXT NOT NULL, impersonator TEXT NOT NULL, agent TEXT NOT NULL, verb TEXT NOT NULL,
    subresource TEXT NOT NULL, cause INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    request_id INTEGER NOT NULL
    """

  static let columnNames = """
    id, revision, position, key, kind, value, create_revision, prev_revision, user, impersonator, \
    agent, verb, subresource, cause, time_ms, request_id
    """

  static let create = """
    CREATE TABLE history(\(historyColumns));
    CREATE INDEX history_key ON history(key, revision, kind);
    CREATE INDEX history_time ON history(time_ms);
    CREATE TABLE current(key BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE requests(
      sequence INTEGER PRIMARY KEY, request_id INTEGER NOT NULL,
      conflict_key BLOB, revision INTEGER NOT NULL);
    CREATE TABLE meta(
      one INTEGER PRIMARY KEY CHECK (one = 1), cluster INTEGER NOT NULL,
      replica INTEGER NOT NULL, applied_index INTEGER NOT NULL, applied_term INTEGER NOT NULL,
      revision INTEGER NOT NULL, state_hash INTEGER NOT NULL,
      compacted_revision INTEGER NOT NULL);
    PRAGMA user_version = \(version);
    """

  /// Databases of the first version lack it.
  static let createMembership = """
    CREATE TABLE IF NOT EXISTS membership(
      one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL);
    """

  static func insert(into table: String) -> String {
    "INSERT INTO \(table)(\(columnNames)) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
  }

  /// Writes a row of history.
  ///
  /// - Parameters:
  ///   - statement: of `insert(into:)`, what else it has bound already.
  ///   - bound: the provenance that the statement is bound to already: most events have that of the one
  ///     before.
  static func insert(
    _ event: Event, position: Int, by statement: SQLiteStatement, bound: Provenance? = nil
  ) throws(ProjectionError) {
    let revision = event.revision
    let created = event.previous?.createRevision ?? revision
    statement.bind(1, id(revision, position: position))
    statement.bind(2, revision)
    statement.bind(3, Int64(position))
    statement.bind(5, Int64(event.kind.rawValue))
    statement.bind(7, created)
    statement.bind(8, event.previous?.modRevision ?? 0)
    let provenance = event.provenance
    if provenance.user != bound?.user { statement.bind(9, provenance.user) }
    if provenance.impersonator != bound?.impersonator {
      statement.bind(10, provenance.impersonator)
    }
    if provenance.agent != bound?.agent { statement.bind(11, provenance.agent) }
    if provenance.verb != bound?.verb { statement.bind(12, provenance.verb) }
    if provenance.subresource != bound?.subresource { statement.bind(13, provenance.subresource) }
    statement.bind(14, provenance.cause)
    statement.bind(15, event.timeMilliseconds)
    statement.bind(16, event.requestID)
    try statement.run(lending: event.key.bytes, at: 4, event.value, at: 6)
  }
}
