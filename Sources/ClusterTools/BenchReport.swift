import JSONDocument

/// Figures of a benchmark run: printed as a table, and as JSON to compare with later.
public struct BenchReport: Sendable {
  public struct Row: Sendable {
    public var part: String
    public var name: String
    public var value: Double
    public var unit: String
  }

  public private(set) var rows: [Row] = []

  public init() {}

  public mutating func add(_ part: String, _ name: String, _ value: Double, _ unit: String) {
    rows.append(Row(part: part, name: name, value: value, unit: unit))
  }

  public mutating func add(_ part: String, _ name: String, _ summary: LatencySummary, per: String) {
    add(part, name, summary.perSecond, "\(per)/s")
    add(part, "\(name), p50", summary.p50Milliseconds, "ms")
    add(part, "\(name), p99", summary.p99Milliseconds, "ms")
  }

  public var cells: [[String]] { rows.map { [$0.part, $0.name, figure($0.value), $0.unit] } }

  public var json: JSONValue {
    .array(
      rows.map { row in
        .object([
          "part": .string(row.part), "name": .string(row.name), "value": .double(row.value),
          "unit": .string(row.unit),
        ])
      })
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
