import JSONDocument

/// Figures of a benchmark run: printed as a table, beside those of an earlier run and of etcd, and
/// as JSON to compare with later.
public struct BenchReport: Sendable {
  public struct Row: Sendable, Hashable {
    public var part: String
    public var name: String
    public var value: Double
    public var unit: String

    /// What the same measurement is called in every run.
    var key: String { "\(part)\n\(name)\n\(unit)" }
  }

  /// The part whose figures stand beside those of the store.
  static let etcdPart = "etcd"
  static let storePart = "store"

  public private(set) var rows: [Row] = []
  /// Names of the store's measurements, by those of etcd that they stand against, where they
  /// differ.
  private var counterparts: [String: String] = [:]

  public init() {}

  public mutating func add(_ part: String, _ name: String, _ value: Double, _ unit: String) {
    rows.append(Row(part: part, name: name, value: value, unit: unit))
  }

  public mutating func add(_ part: String, _ name: String, _ summary: LatencySummary, per: String) {
    add(part, name, summary.perSecond, "\(per)/s")
    add(part, "\(name), p50", summary.p50Milliseconds, "ms")
    add(part, "\(name), p99", summary.p99Milliseconds, "ms")
  }

  /// The store's measurement `name` stands against etcd's `etcd`.
  mutating func compare(_ name: String, withEtcd etcd: String) { counterparts[name] = etcd }

  // MARK: The table

  public static let header = ["PART", "MEASURE", "VALUE", "UNIT"]

  public var cells: [[String]] { rows.map { [$0.part, $0.name, figure($0.value), $0.unit] } }

  /// Header and rows: with columns for etcd's figures, where there are any, and for those of an
  /// earlier run. A ratio is this run's figure divided by the other; where it is more is better
  /// for a rate, and worse for a time.
  public func table(comparedWith earlier: BenchReport? = nil) -> (
    header: [String], rows: [[String]]
  ) {
    let hasEtcd = rows.contains { $0.part == Self.etcdPart }
    var header = Self.header
    if hasEtcd { header += ["ETCD", "RATIO"] }
    if earlier != nil { header += ["BEFORE", "RATIO"] }
    let before = earlier.map { earlier in
      Dictionary(earlier.rows.map { ($0.key, $0.value) }, uniquingKeysWith: { _, new in new })
    }
    let rows = rows.map { row in
      var cells = [row.part, row.name, figure(row.value), row.unit]
      if hasEtcd { cells += Self.pair(row.value, etcd(for: row)) }
      if let before { cells += Self.pair(row.value, before[row.key]) }
      return cells
    }
    return (header, rows)
  }

  /// What etcd needed or managed in the same run.
  func etcd(for row: Row) -> Double? {
    guard row.part == Self.storePart else { return nil }
    let name = counterparts[row.name] ?? row.name
    return rows.first {
      $0.part == Self.etcdPart && $0.name == name && ($0.unit == row.unit)
    }?.value
  }

  private static func pair(_ value: Double, _ other: Double?) -> [String] {
    guard let other else { return ["", ""] }
    return [figure(other), other > 0 ? ratio(value / other) : ""]
  }

  /// `5.3x`.
  static func ratio(_ value: Double) -> String { figure(value) + "x" }

  // MARK: JSON

  public var json: JSONValue {
    .array(
      rows.map { row in
        var object: JSONObject = [
          "part": .string(row.part), "name": .string(row.name), "value": .double(row.value),
          "unit": .string(row.unit),
        ]
        if let etcd = etcd(for: row) { object["etcd"] = .double(etcd) }
        return .object(object)
      })
  }

  /// A report as `json` wrote it; `nil` where it is none.
  public init?(json: JSONValue) {
    guard let items = json.arrayValue else { return nil }
    for item in items {
      guard let part = item["part"]?.stringValue, let name = item["name"]?.stringValue,
        let unit = item["unit"]?.stringValue, let value = item["value"]?.doubleValue
      else { return nil }
      add(part, name, value, unit)
    }
  }
}

/// Runs `count` calls of `body` from `workers` tasks at once, and times each.
func measure(
  workers: Int, count: Int, _ body: @escaping @Sendable (Int) async throws -> Void
) async throws -> LatencySummary {
  let start = ContinuousClock.now
  let latencies = try await withThrowingTaskGroup(of: [UInt64].self) { group in
    for worker in 0..<workers {
      group.addTask {
        var latencies: [UInt64] = []
        for number in stride(from: worker, to: count, by: workers) {
          let begun = ContinuousClock.now
          try await body(number)
          latencies.append(nanoseconds(ContinuousClock.now - begun))
        }
        return latencies
      }
    }
    var all: [UInt64] = []
    for try await latencies in group { all += latencies }
    return all
  }
  return LatencySummary(
    nanoseconds: latencies, elapsedSeconds: Double(nanoseconds(ContinuousClock.now - start)) / 1e9)
}

func nanoseconds(_ duration: Duration) -> UInt64 {
  let (seconds, attoseconds) = duration.components
  return UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
}
