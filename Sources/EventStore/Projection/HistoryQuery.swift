import Keyspace

/// A filter as SQL.
struct HistoryQuery {
  private enum Parameter {
    case integer(Int64)
    case bytes([UInt8])
    case text(String)
  }

  /// A part of the WHERE clause, with what is bound to it in order.
  private struct Condition {
    var text: String
    var parameters: [Parameter] = []
  }

  private let filter: HistoryFilter
  private var conditions: [Condition] = []
  private let order: String
  private let limit: Int

  /// What was kept from before `compacted` is no whole history, so it isn't listed.
  init(_ filter: HistoryFilter, after cursor: HistoryCursor?, limit: Int, compacted: Revision) {
    self.filter = filter
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
    if let user = filter.user { add("user = ?", .text(user)) }
    if let verb = filter.verb { add("verb = ?", .text(verb)) }
    if let cause = filter.cause { add("cause = ?", .integer(Int64(clamping: cause))) }
  }

  private mutating func add(_ text: String, _ parameter: Parameter) {
    conditions.append(Condition(text: text, parameters: [parameter]))
  }

  func statement(_ source: HistoryReader.Source) throws(ProjectionError) -> SQLiteStatement {
    var all = conditions
    try bound(byTimeIn: source, &all)
    if let keys = keys(of: filter) {
      // Rows of few keys are found by them; those of many are on the way anyway.
      all.append(
        try areFew(keys, source)
          ? Condition(
            text: "id IN (SELECT id FROM \(source.versions) WHERE \(keys.text))",
            parameters: keys.parameters) : keys)
    }
    return try Self.prepare(
      """
      SELECT \(HistoryReader.columns) FROM \(source.events)
      WHERE \(all.map(\.text).joined(separator: " AND "))
      ORDER BY id \(order) LIMIT \(limit > 0 ? limit : -1)
      """, all.flatMap(\.parameters), source)
  }

  /// The rows of the keys that are asked for.
  private func keys(of filter: HistoryFilter) -> Condition? {
    var keys: Condition?
    if let key = filter.key { keys = Condition(text: "key = ?", parameters: [.bytes(key.bytes)]) }
    guard !filter.prefixes.isEmpty else { return keys }
    var (alternatives, parameters) = ([String](), keys?.parameters ?? [])
    for prefix in filter.prefixes {
      parameters.append(.bytes(prefix.bytes))
      if let end = prefix.prefixEnd {
        alternatives.append("(key >= ? AND key < ?)")
        parameters.append(.bytes(end.bytes))
      } else {
        alternatives.append("key >= ?")
      }
    }
    let prefixes = "(" + alternatives.joined(separator: " OR ") + ")"
    return Condition(
      text: keys.map { "\($0.text) AND \(prefixes)" } ?? prefixes, parameters: parameters)
  }

  /// Rows that are looked up rather than met: so many are sorted again for each part of a long
  /// list.
  private static let fewRows = 2_000

  private func areFew(
    _ keys: Condition, _ source: HistoryReader.Source
  ) throws(ProjectionError) -> Bool {
    let statement = try Self.prepare(
      """
      SELECT count(*) FROM (
        SELECT 1 FROM \(source.versions) WHERE \(keys.text) LIMIT \(Self.fewRows + 1))
      """, keys.parameters, source)
    return try statement.step() && statement.integer(0) <= Self.fewRows
  }

  /// Where in history the times begin and end that are asked for; which rows are of them, their own
  /// times tell.
  private func bound(
    byTimeIn source: HistoryReader.Source, _ conditions: inout [Condition]
  ) throws(ProjectionError) {
    if let since = filter.sinceMilliseconds {
      let first = try HistoryReader.firstID(source, since: since)
      conditions.append(Condition(text: "id >= ?", parameters: [.integer(first ?? Int64.max)]))
    }
    if let until = filter.untilMilliseconds {
      let end = try HistoryReader.endID(source, until: until)
      conditions.append(Condition(text: "id < ?", parameters: [.integer(end ?? 0)]))
    }
  }

  private static func prepare(
    _ text: String, _ parameters: [Parameter], _ source: HistoryReader.Source
  ) throws(ProjectionError) -> SQLiteStatement {
    let statement = try source.connection.prepare(text)
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
