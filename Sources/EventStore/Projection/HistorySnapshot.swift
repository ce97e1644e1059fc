import Keyspace
import Synchronization

/// All keys as they were at a revision, read from the history when asked for.
///
/// Calls block on the disk. A failure to read gives what was found until then, and is kept in
/// `failure`, to be looked at after the last read.
public final class HistorySnapshot: KeyspaceReader {
  public let revision: Revision
  private let reader: HistoryReader
  private let failed = Mutex<ProjectionError?>(nil)

  init(reader: HistoryReader, revision: Revision) {
    self.reader = reader
    self.revision = revision
  }

  /// Why a read could not be completed, if one could not.
  public var failure: ProjectionError? { failed.withLock { $0 } }

  public func get(_ key: Key) -> Entry? {
    attempt(nil) { () throws(ProjectionError) in
      try reader.previous(of: key, before: revision + 1).flatMap {
        $0.kind == .put ? $0.entry : nil
      }
    }
  }

  public func range(from start: Key, to end: Key?, limit: Int) -> [Entry] {
    attempt([]) { () throws(ProjectionError) in
      try reader.entries(at: revision, from: start, to: end, limit: limit)
    }
  }

  public func count(from start: Key, to end: Key?) -> Int {
    attempt(0) { () throws(ProjectionError) in
      try reader.count(at: revision, from: start, to: end)
    }
  }

  private func attempt<Result>(
    _ otherwise: Result, _ body: () throws(ProjectionError) -> Result
  ) -> Result {
    do { return try body() } catch {
      failed.withLock { $0 = $0 ?? error }
      return otherwise
    }
  }
}

extension HistoryReader {
  /// The keyspace as it was at `revision`.
  public func snapshot(at revision: Revision) throws(ProjectionError) -> HistorySnapshot {
    let (oldest, newest) = (oldestRevision, newestRevision)
    if revision > newest { throw .future(current: newest) }
    if revision < oldest { throw .compacted(oldest: oldest) }
    return HistorySnapshot(reader: self, revision: revision)
  }

  /// The entries with `prefix` as they were at `revision`, in order.
  public func state(at revision: Revision, prefix: Key) throws(ProjectionError) -> [Entry] {
    _ = try snapshot(at: revision)
    return try entries(at: revision, from: prefix, to: prefix.prefixEnd, limit: 0)
  }

  func entries(
    at revision: Revision, from start: Key, to end: Key?, limit: Int
  ) throws(ProjectionError) -> [Entry] {
    try read { (source) throws(ProjectionError) in
      let newest = Self.newestOfEachKey(source, end: end, limit: limit)
      let statement = try source.connection.prepare(
        """
        SELECT \(Self.columns) FROM \(source.events) WHERE id IN (SELECT id FROM (\(newest)))
        ORDER BY key
        """)
      Self.bind(statement, revision, start, end)
      var found: [Entry] = []
      while try statement.step() { found.append(HistoryEvent(statement).entry) }
      return found
    }
  }

  func count(
    at revision: Revision, from start: Key, to end: Key?
  ) throws(ProjectionError) -> Int {
    try read { (source) throws(ProjectionError) in
      let newest = Self.newestOfEachKey(source, end: end, limit: 0)
      let statement = try source.connection.prepare("SELECT count(*) FROM (\(newest))")
      Self.bind(statement, revision, start, end)
      return try statement.step() ? Int(statement.integer(0)) : 0
    }
  }

  /// A query for the ids of what was present. In SQLite a bare column beside `max()` is that of
  /// the row with the maximum.
  private static func newestOfEachKey(_ source: Source, end: Key?, limit: Int) -> String {
    """
    SELECT max(id) AS id, kind FROM \(source.versions)
    WHERE id < ?1 AND key >= ?2 \(end == nil ? "" : "AND key < ?3")
    GROUP BY key HAVING kind = 0 ORDER BY key \(limit > 0 ? "LIMIT \(limit)" : "")
    """
  }

  private static func bind(
    _ statement: SQLiteStatement, _ revision: Revision, _ start: Key, _ end: Key?
  ) {
    statement.bind(1, ProjectionSchema.id(revision &+ 1))
    statement.bind(2, start.bytes)
    if let end { statement.bind(3, end.bytes) }
  }
}
