import Keyspace
import Synchronization

/// Reads the history in a projection, as it is at one moment: that of opening, or of the last
/// `refresh`. Other processes may write meanwhile.
///
/// Calls come from any thread, one at a time, and block on the disk: not for event loops.
public final class HistoryReader: Sendable {
  /// What a reader reads.
  struct Source {
    let connection: SQLiteConnection
    /// The table or view of events, with the column `committed`.
    let events: String
    /// The tables or views of where each key's events are, and of which times.
    var versions = "versions"
    var moments = "moments"
    var meta: ProjectionMeta
    /// With the tail that is not in the database yet.
    var newestRevision: Revision
  }

  // The connection is reached through this lock alone.
  private let source: Mutex<Source>

  /// Opens the projection at `path`, of this process or another one that runs.
  public convenience init(path: String) throws(ProjectionError) {
    let connection = try SQLiteConnection(path: path, mode: .readOnly)
    let version = try connection.integer("PRAGMA user_version") ?? 0
    if version > ProjectionSchema.version { throw .newerVersion(Int(version)) }
    try ProjectionSchema.show(connection)
    try connection.execute("BEGIN")
    let meta = try ProjectionMeta.read(connection)
    self.init(
      Source(
        connection: connection, events: "(SELECT *, 1 AS committed FROM main.history)",
        meta: meta, newestRevision: meta.revision))
  }

  init(_ source: sending Source) { self.source = Mutex(source) }

  func read<Result>(
    _ body: (inout sending Source) throws(ProjectionError) -> sending Result
  ) throws(ProjectionError) -> sending Result {
    try source.withLock(body)
  }

  /// Sees what was written since. Not for a folder's history, which stays as it was opened.
  public func refresh() throws(ProjectionError) {
    try read { (source) throws(ProjectionError) in
      try source.connection.execute("COMMIT; BEGIN")
      source.meta = try ProjectionMeta.read(source.connection)
      source.newestRevision = source.meta.revision
    }
  }

  /// Whose history it is, and how far the database has it.
  public var meta: ProjectionMeta { source.withLock { $0.meta } }
  public var newestRevision: Revision { source.withLock { $0.newestRevision } }
  /// The past can be read from here on.
  public var oldestRevision: Revision { meta.compactedRevision }
}

extension HistoryReader {
  static let columns = ProjectionSchema.columnNames + ", committed"

  /// Events in the order of what happened, or the reverse: at most `limit` after `cursor`, which
  /// is the last event of the call before.
  public func events(
    _ filter: HistoryFilter, after cursor: HistoryCursor? = nil, limit: Int = 500
  ) throws(ProjectionError) -> [HistoryEvent] {
    try read { (source) throws(ProjectionError) in
      let statement = try HistoryQuery(
        filter, after: cursor, limit: limit, compacted: source.meta.compactedRevision
      )
      .statement(source)
      var found: [HistoryEvent] = []
      while try statement.step() { found.append(HistoryEvent(statement)) }
      return found
    }
  }

  /// Visits events until `body` returns false, reading them a batch at a time.
  public func forEach(
    _ filter: HistoryFilter, _ body: (HistoryEvent) -> Bool
  ) throws(ProjectionError) {
    var cursor: HistoryCursor?
    while true {
      let batch = try events(filter, after: cursor, limit: 500)
      for event in batch where !body(event) { return }
      guard let last = batch.last, batch.count == 500 else { return }
      cursor = HistoryCursor(last)
    }
  }

  /// The events of one revision: one, or as many as its transaction changed keys.
  public func events(at revision: Revision) throws(ProjectionError) -> [HistoryEvent] {
    try read { (source) throws(ProjectionError) in
      if revision > source.newestRevision { throw .future(current: source.newestRevision) }
      let statement = try source.connection.prepare(
        "SELECT \(Self.columns) FROM \(source.events) WHERE id >= ? AND id < ? ORDER BY id")
      statement.bind(1, ProjectionSchema.id(revision))
      statement.bind(2, ProjectionSchema.id(revision &+ 1))
      var found: [HistoryEvent] = []
      while try statement.step() { found.append(HistoryEvent(statement)) }
      if found.isEmpty, revision <= source.meta.compactedRevision {
        throw .compacted(oldest: source.meta.compactedRevision)
      }
      return found
    }
  }

  /// The first event of a revision; `nil` where there is none.
  public func event(at revision: Revision) throws(ProjectionError) -> HistoryEvent? {
    try events(at: revision).first
  }

  /// What last changed `key` before `revision`; `nil` where nothing did.
  public func previous(of key: Key, before revision: Revision) throws(ProjectionError)
    -> HistoryEvent?
  {
    try read { (source) throws(ProjectionError) in
      let statement = try source.connection.prepare(
        """
        SELECT \(Self.columns) FROM \(source.events) WHERE id =
          (SELECT max(id) FROM \(source.versions) WHERE key = ? AND id < ?)
        """)
      statement.bind(1, key.bytes)
      statement.bind(2, ProjectionSchema.id(revision))
      return try statement.step() ? HistoryEvent(statement) : nil
    }
  }
}
