/// Latencies of one run, summed up.
public struct LatencySummary: Sendable, Hashable {
  public var count: Int
  public var elapsedSeconds: Double
  public var p50Milliseconds: Double
  public var p99Milliseconds: Double
  public var maximumMilliseconds: Double

  public var perSecond: Double { elapsedSeconds > 0 ? Double(count) / elapsedSeconds : 0 }

  /// Percentiles by the nearest rank.
  public init(nanoseconds: [UInt64], elapsedSeconds: Double) {
    let sorted = nanoseconds.sorted()
    func rank(_ fraction: Double) -> Double {
      guard !sorted.isEmpty else { return 0 }
      let position = Int((fraction * Double(sorted.count)).rounded(.up)) - 1
      return Double(sorted[min(max(position, 0), sorted.count - 1)]) / 1e6
    }
    count = sorted.count
    self.elapsedSeconds = elapsedSeconds
    p50Milliseconds = rank(0.5)
    p99Milliseconds = rank(0.99)
    maximumMilliseconds = rank(1)
  }

  /// The middle of several figures, e.g. of ten failovers.
  public static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

/// `12,345`, `12.3` or `0.52`: three digits that matter.
public func figure(_ value: Double) -> String {
  if value >= 1000 {
    var digits = String(Int(value.rounded()))
    var position = digits.count - 3
    while position > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
      position -= 3
    }
    return digits
  }
  let decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let rounded = (value * scale).rounded() / scale
  if decimals == 0 { return String(Int(rounded)) }
  let text = String(rounded)
  let fraction = text.split(separator: ".").last.map(\.count) ?? 0
  return text + String(repeating: "0", count: max(0, decimals - fraction))
}
