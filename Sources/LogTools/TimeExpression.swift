import KubernetesAPI

/// A moment as people type it: RFC 3339 (`2026-11-23T18:04:05Z`), a time today (`18:04` or
/// `18:04:05`, UTC), or how long ago (`10m`, `1h30m`, `45s`, `2d`).
public enum TimeExpression {
  public static func parse(_ text: String, nowMilliseconds: Int64) -> Int64? {
    if let timestamp = Timestamp(parsing: text) { return timestamp.milliseconds }
    if let age = durationMilliseconds(text) { return nowMilliseconds - age }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2 || parts.count == 3 {
      let numbers = parts.compactMap { Int64($0) }
      guard numbers.count == parts.count, (0..<24).contains(numbers[0]),
        numbers.dropFirst().allSatisfy({ (0..<60).contains($0) })
      else { return nil }
      let day = nowMilliseconds - nowMilliseconds % 86_400_000
      let seconds = numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0)
      return day + seconds * 1000
    }
    return nil
  }

  /// Sum of numbers with a unit each: d, h, m, s, ms.
  public static func durationMilliseconds(_ text: String) -> Int64? {
    var rest = Substring(text)
    var total: Int64 = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let number = Int64(digits), number < 1_000_000_000 else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "d": total += number * 86_400_000
      case "h": total += number * 3_600_000
      case "m": total += number * 60_000
      case "s": total += number * 1000
      case "ms": total += number
      default: return nil
      }
    }
    return total
  }
}
