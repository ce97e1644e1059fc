import Keyspace

/// From when the events in each block of revisions are.
///
/// Almost always one block follows the other in time. A leader's clock may be behind that of the
/// one before, so what a block says is its least and its greatest time, and no more.
struct Moments {
  private(set) var blocks: [(block: Int64, times: ClosedRange<UInt64>)] = []

  /// Revisions come in their order.
  mutating func add(_ revision: Revision, timeMilliseconds time: UInt64) {
    let block = ProjectionSchema.block(of: revision)
    if let last = blocks.last, last.block == block {
      let times = last.times
      blocks[blocks.count - 1].times =
        min(times.lowerBound, time)...max(times.upperBound, time)
    } else {
      blocks.append((block, time...time))
    }
  }
}

extension HistoryReader {
  /// The ids among which are all events of a time or later; `nil`: there are none.
  static func firstID(_ source: Source, since timeMilliseconds: UInt64) throws(ProjectionError)
    -> Int64?
  {
    try block(source, "min(block)", "greatest_ms >= ?", timeMilliseconds)
      .map(ProjectionSchema.id(ofBlock:))
  }

  /// The first id after all events of a time or earlier; `nil`: there are none.
  static func endID(_ source: Source, until timeMilliseconds: UInt64) throws(ProjectionError)
    -> Int64?
  {
    try block(source, "max(block)", "least_ms <= ?", timeMilliseconds)
      .map { $0 == Int64.max ? $0 : ProjectionSchema.id(ofBlock: $0 + 1) }
  }

  /// One of the blocks for which a condition on a time holds; `nil`: it holds for none.
  private static func block(
    _ source: Source, _ which: String, _ condition: String, _ timeMilliseconds: UInt64
  ) throws(ProjectionError) -> Int64? {
    let statement = try source.connection.prepare(
      "SELECT \(which) FROM \(source.moments) WHERE \(condition)")
    statement.bind(1, Int64(clamping: timeMilliseconds))
    guard try statement.step(), !statement.isNull(0) else { return nil }
    return statement.integer(0)
  }

  /// The newest revision that happened at `timeMilliseconds` (since 1970) or before; `nil` where
  /// none is kept.
  public func revision(atTime timeMilliseconds: UInt64) throws(ProjectionError) -> Revision? {
    try read { (source) throws(ProjectionError) in
      let time = Int64(clamping: timeMilliseconds)
      // First the blocks that have both earlier and later events, then the others from the latest
      // on: the first of those that still has an event has none later.
      let blocks = try source.connection.prepare(
        """
        SELECT block, greatest_ms <= ?1 FROM \(source.moments) WHERE least_ms <= ?1
        ORDER BY 2, greatest_ms DESC, block DESC
        """)
      blocks.bind(1, time)
      let event = try source.connection.prepare(
        """
        SELECT time_ms, revision FROM \(source.events) WHERE id >= ?1 AND id < ?2 AND time_ms <= ?3
        ORDER BY time_ms DESC, id DESC LIMIT 1
        """)
      var found: (time: Int64, revision: Revision)?
      while try blocks.step() {
        let block = blocks.integer(0)
        event.bind(1, ProjectionSchema.id(ofBlock: block))
        event.bind(2, ProjectionSchema.id(ofBlock: block + 1))
        event.bind(3, time)
        defer { event.reset() }
        guard try event.step() else { continue }
        let candidate = (time: event.integer(0), revision: event.unsigned(1))
        if found.map({ $0 < candidate }) ?? true { found = candidate }
        if blocks.integer(1) == 1 { break }
      }
      return found?.revision
    }
  }
}
