/// A length of time as Go writes it: `1h30m`, `-1.5s`, `300ms`.
public struct GoDuration: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  private static let units: [(name: String, nanoseconds: Int64)] = [
    ("ns", 1), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ms", 1_000_000),
    ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// `nil` for what Go's `time.ParseDuration` refuses.
  public init?(parsing text: String) {
    var rest = Substring(text)
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest.removeFirst() }
    if rest == "0" {
      nanoseconds = 0
      return
    }
    guard !rest.isEmpty else { return nil }
    var total: Int64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      var fraction: Substring = ""
      if rest.first == "." {
        rest.removeFirst()
        fraction = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(fraction.count)
      }
      guard !digits.isEmpty || !fraction.isEmpty else { return nil }
      let name = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
      rest = rest.dropFirst(name.count)
      guard let unit = Self.units.first(where: { $0.name == name }),
        let whole = digits.isEmpty ? 0 : Int64(digits)
      else { return nil }
      let (product, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
      let part = fraction.isEmpty ? 0 : (Double("0." + fraction) ?? 0) * Double(unit.nanoseconds)
      let (sum, overflow2) = total.addingReportingOverflow(product)
      let (sum2, overflow3) = sum.addingReportingOverflow(Int64(part))
      guard !overflow, !overflow2, !overflow3 else { return nil }
      total = sum2
    }
    nanoseconds = isNegative ? -total : total
  }

  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  public var seconds: Double { Double(nanoseconds) / 1e9 }

  /// As seconds with a fraction, which is how CEL writes durations.
  public var description: String {
    let whole = nanoseconds / 1_000_000_000
    let rest = (nanoseconds % 1_000_000_000).magnitude
    guard rest > 0 else { return "\(whole)s" }
    var digits = String(rest)
    digits = String(repeating: "0", count: 9 - digits.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    let sign = nanoseconds < 0 && whole == 0 ? "-" : ""
    return "\(sign)\(whole).\(digits)s"
  }
}
