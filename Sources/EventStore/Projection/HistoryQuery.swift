import Keyspace

/// A filter as SQL.
struct HistoryQuery {
  private enum Parameter {
    case integer(Int64)
    case bytes([UInt8])
    case text(String)
  }

  private var conditions: [String] = []
  private var parameters: [Parameter] = []
  private let order: String
  private let limit: Int

  /// What was kept from before `compacted` is no whole history, so it isn't listed.
  init(_ filter: HistoryFilter, after cursor: HistoryCursor?, limit: Int, compacted: Revision) {
    order = filter.newestFirst ? "DESC" : "ASC"
    self.limit = limit
    let first = max(filter.fromRevision ?? 0, compacted &+ 1)
    add("id >= ?", .integer(ProjectionSchema.id(first)))
    if let through = filter.throughRevision, through < 1 << 48 {
      add("id < ?", .integer(ProjectionSchema.id(through + 1)))
    }
    if let cursor {
      add(
        filter.newestFirst ? "id < ?" : "id > ?",
        .integer(ProjectionSchema.id(cursor.revision, position: cursor.position)))
    }
    if let since = filter.sinceMilliseconds {
      add("time_ms >= ?", .integer(Int64(clamping: since)))
    }
    if let until = filter.untilMilliseconds {
      add("time_ms <= ?", .integer(Int64(clamping: until)))
    }
    if let key = filter.key { add("key = ?", .bytes(key.bytes)) }
    if !filter.prefixes.isEmpty {
      var alternatives: [String] = []
      for prefix in filter.prefixes {
        parameters.append(.bytes(prefix.bytes))
        if let end = prefix.prefixEnd {
          alternatives.append("(key >= ? AND key < ?)")
          parameters.append(.bytes(end.bytes))
        } else {
          alternatives.append("key >= ?")
        }
      }
      conditions.append("(" + alternatives.joined(separator: " OR ") + ")")
    }
    if let user = filter.user { add("user = ?", .text(user)) }
    if let verb = filter.verb { add("verb = ?", .text(verb)) }
    if let cause = filter.cause { add("cause = ?", .integer(Int64(clamping: cause))) }
  }

  private mutating func add(_ condition: String, _ parameter: Parameter) {
    conditions.append(condition)
    parameters.append(parameter)
  }

  func statement(_ source: HistoryReader.Source) throws(ProjectionError) -> SQLiteStatement {
    let statement = try source.connection.prepare(
      """
      SELECT \(HistoryReader.columns) FROM \(source.events)
      WHERE \(conditions.joined(separator: " AND "))
      ORDER BY id \(order) LIMIT \(limit > 0 ? limit : -1)
      """)
    for (index, parameter) in parameters.enumerated() {
      let place = Int32(index + 1)
      switch parameter {
      case .integer(let value): statement.bind(place, value)
      case .bytes(let bytes): statement.bind(place, bytes)
      case .text(let text): statement.bind(place, text)
      }
    }
    return statement
  }
}
