/// An amount of a resource, e.g. `500m` or `1Gi`: exact to a billionth, at most 2^63-1.
public struct Quantity: Sendable, Hashable, Comparable, CustomStringConvertible {
  public enum Format: Sendable, Hashable {
    /// Powers of 1000 with a letter: n u m k M G T P E.
    case decimal
    /// Powers of 1024: Ki Mi Gi Ti Pi Ei.
    case binary
    /// Powers of ten as `e3`.
    case exponent
  }

  public enum Problem: String, Error, Sendable {
    case format =
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    case suffix = "unable to parse quantity's suffix"
  }

  /// Billionths.
  var nano: Int128
  public var format: Format

  static let unit: Int128 = 1_000_000_000
  static let maximum: Int128 = Int128(Int64.max) * unit

  init(nano: Int128, format: Format) {
    self.nano = min(max(nano, -Self.maximum), Self.maximum)
    self.format = format
  }

  public init(_ value: Int64, format: Format = .decimal) {
    self.init(nano: Int128(value) * Self.unit, format: format)
  }

  public init(milliValue: Int64, format: Format = .decimal) {
    self.init(nano: Int128(milliValue) * 1_000_000, format: format)
  }

  public static let zero = Quantity(0)

  public static func == (left: Quantity, right: Quantity) -> Bool { left.nano == right.nano }
  public func hash(into hasher: inout Hasher) { hasher.combine(nano) }
  public static func < (left: Quantity, right: Quantity) -> Bool { left.nano < right.nano }

  /// Sums and differences keep the left format, or take the right one where the left is zero.
  public static func + (left: Quantity, right: Quantity) -> Quantity {
    Quantity(nano: left.nano + right.nano, format: left.isZero ? right.format : left.format)
  }

  public static func - (left: Quantity, right: Quantity) -> Quantity {
    Quantity(nano: left.nano - right.nano, format: left.isZero ? right.format : left.format)
  }

  public static func += (left: inout Quantity, right: Quantity) { left = left + right }
  public static func -= (left: inout Quantity, right: Quantity) { left = left - right }

  public var isZero: Bool { nano == 0 }
  public var isNegative: Bool { nano < 0 }
  /// Whether it is a whole number.
  public var isInteger: Bool { nano % Self.unit == 0 }

  /// Rounded up, away from zero.
  public var value: Int64 { scaled(Self.unit) }
  /// Thousandths, rounded up; at most `Int64.max`.
  public var milliValue: Int64 { scaled(1_000_000) }

  private func scaled(_ divisor: Int128) -> Int64 {
    var (quotient, remainder) = nano.quotientAndRemainder(dividingBy: divisor)
    if remainder > 0 { quotient += 1 }
    if remainder < 0 { quotient -= 1 }
    return Int64(clamping: quotient)
  }

  public var doubleValue: Double { Double(nano) / 1e9 }
}
