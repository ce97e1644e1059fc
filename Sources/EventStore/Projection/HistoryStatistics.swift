import Keyspace

/// Counts over all of the kept history.
public struct HistoryStatistics: Sendable, Hashable {
  public struct Count: Sendable, Hashable {
    /// A user, a kind (`pods`, `deployments.apps`) or a verb.
    public var name: String
    public var events: Int
    /// Of keys and values.
    public var bytes: Int
  }

  public var events = 0
  public var bytes = 0
  public var firstRevision: Revision?
  public var lastRevision: Revision?
  /// Milliseconds since 1970.
  public var firstTimeMilliseconds: UInt64?
  public var lastTimeMilliseconds: UInt64?
  /// Each with the most events first.
  public var users: [Count] = []
  public var kinds: [Count] = []
  public var verbs: [Count] = []
}

extension HistoryReader {
  /// Reads all of the history to count it.
  public func statistics() throws(ProjectionError) -> HistoryStatistics {
    try read { (source) throws(ProjectionError) in
      var found = HistoryStatistics()
      let total = try source.connection.prepare(
        """
        SELECT count(*), sum(length(key) + length(value)), min(revision), max(revision),
          min(time_ms), max(time_ms) FROM \(source.events)
        """)
      if try total.step(), total.integer(0) > 0 {
        found.events = Int(total.integer(0))
        found.bytes = Int(total.integer(1))
        found.firstRevision = total.unsigned(2)
        found.lastRevision = total.unsigned(3)
        found.firstTimeMilliseconds = total.unsigned(4)
        found.lastTimeMilliseconds = total.unsigned(5)
      }
      found.users = try Self.counts(source, by: "user")
      // The key's part before the first slash.
      found.kinds = try Self.counts(
        source, by: "CAST(substr(key, 1, instr(key, x'2f') - 1) AS TEXT)")
      found.verbs = try Self.counts(source, by: "verb")
      return found
    }
  }

  private static func counts(
    _ source: Source, by expression: String
  ) throws(ProjectionError) -> [HistoryStatistics.Count] {
    let statement = try source.connection.prepare(
      """
      SELECT \(expression), count(*), sum(length(key) + length(value)) FROM \(source.events)
      GROUP BY 1 ORDER BY 2 DESC, 1
      """)
    var found: [HistoryStatistics.Count] = []
    while try statement.step() {
      found.append(
        HistoryStatistics.Count(
          name: statement.text(0), events: Int(statement.integer(1)),
          bytes: Int(statement.integer(2))))
    }
    return found
  }
}
