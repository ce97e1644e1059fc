import Keyspace

/// The tables of the projection.
enum ProjectionSchema {
  static let version: Int64 = 2

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
    \(createIndices)
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

  /// Where each key's rows of history are, and what times they are of.
  ///
  /// Tables instead of indices of SQLite, which would take each row by itself: `versions` is
  /// written in the order of keys, a batch at a time, so that each of its pages is visited once;
  /// and `moments` has one row for a block of revisions. The present is the newest version of each
  /// key.
  private static let createIndices = """
    CREATE TABLE versions(
      key BLOB NOT NULL, id INTEGER NOT NULL, kind INTEGER NOT NULL,
      PRIMARY KEY(key, id)) WITHOUT ROWID;
    CREATE TRIGGER history_removed AFTER DELETE ON history BEGIN
      DELETE FROM versions WHERE key = OLD.key AND id = OLD.id;
    END;
    CREATE TABLE moments(
      block INTEGER PRIMARY KEY, least_ms INTEGER NOT NULL, greatest_ms INTEGER NOT NULL);
    """

  /// Revisions in a block of `moments`, as a power of two.
  static let blockBits: UInt64 = 10
  /// An id's block is what is above these bits.
  static let blockIDBits = Int64(positionBits + blockBits)

  static func block(of revision: Revision) -> Int64 { id(revision) >> blockIDBits }

  /// The first id of a block.
  static func id(ofBlock block: Int64) -> Int64 {
    block >= 0 && block <= Int64.max >> blockIDBits ? block << blockIDBits : Int64.max
  }

  /// Adds to `versions` and `moments` what they lack of the rows in `source`.
  static func index(_ source: String) -> String {
    """
    INSERT OR REPLACE INTO main.versions(key, id, kind)
      SELECT key, id, kind FROM \(source) ORDER BY key, id;
    \(addMoments(
      "SELECT id >> \(blockIDBits), min(time_ms), max(time_ms) FROM \(source) WHERE true GROUP BY 1"));
    """
  }

  /// Adds to `moments` the rows that `values` gives.
  static func addMoments(_ values: String) -> String {
    """
    INSERT INTO main.moments(block, least_ms, greatest_ms) \(values)
      ON CONFLICT(block) DO UPDATE SET least_ms = min(least_ms, excluded.least_ms),
        greatest_ms = max(greatest_ms, excluded.greatest_ms)
    """
  }

  /// The ids of the newest version of each key that is present.
  static let present = """
    (SELECT key, max(id) AS id, kind FROM versions GROUP BY key HAVING kind = 0)
    """

  /// Makes a database of the first version, which has indices and a table of what is present, one
  /// of this version.
  static func upgrade(_ connection: SQLiteConnection) throws(ProjectionError) {
    guard try connection.integer("PRAGMA user_version") == 1 else { return }
    try connection.transaction { () throws(ProjectionError) in
      try connection.execute(
        """
        \(createIndices)
        \(index("main.history"))
        DROP INDEX IF EXISTS history_key;
        DROP INDEX IF EXISTS history_time;
        DROP TABLE IF EXISTS current;
        PRAGMA user_version = \(version);
        """)
    }
  }

  /// Has a database of the first version that must not be changed look like one of this version; to
  /// be called outside of a transaction.
  static func show(_ connection: SQLiteConnection) throws(ProjectionError) {
    guard try connection.integer("PRAGMA user_version") == 1 else { return }
    try connection.execute(
      """
      CREATE TEMP VIEW versions AS SELECT key, id, kind FROM main.history;
      CREATE TEMP VIEW moments AS
        SELECT id >> \(blockIDBits) AS block, min(time_ms) AS least_ms, max(time_ms) AS greatest_ms
        FROM main.history GROUP BY 1;
      """)
  }

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
