/// A point in time of the API, at microsecond precision, in UTC.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Since 1970-01-01T00:00:00Z.
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// - Parameter milliseconds: since 1970; clamped to the years 0 to 9999.
  public init(milliseconds: Int64) {
    let bound: Int64 = 253_402_300_799_999
    microseconds = min(max(milliseconds, -62_167_219_200_000), bound) * 1000
  }

  public var milliseconds: Int64 { microseconds.flooringDivision(by: 1000) }
  public var seconds: Int64 { microseconds.flooringDivision(by: 1_000_000) }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  public func adding(seconds: Int64) -> Timestamp {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflow2) = microseconds.addingReportingOverflow(product)
    return overflow || overflow2
      ? Timestamp(microseconds: seconds < 0 ? .min : .max) : Timestamp(microseconds: sum)
  }

  /// How long ago `earlier` was, in milliseconds.
  public func milliseconds(since earlier: Timestamp) -> Int64 {
    let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
    return overflow ? (self < earlier ? .min : .max) : difference.flooringDivision(by: 1000)
  }

  /// As `metav1.Time` is written: `2024-05-06T07:08:09Z`.
  public func rfc3339() -> String { text(fractionDigits: 0) }

  /// `2024-05-06T07:08:09.123Z`, for what is kept in milliseconds.
  public func rfc3339Milli() -> String { text(fractionDigits: 3) }

  /// As `metav1.MicroTime` is written: `2024-05-06T07:08:09.123456Z`.
  public func rfc3339Micro() -> String { text(fractionDigits: 6) }

  private func text(fractionDigits: Int) -> String {
    let seconds = self.seconds
    let days = seconds.flooringDivision(by: 86_400)
    let clock = seconds - days * 86_400
    let (year, month, day) = Self.civil(fromDays: days)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(27)
    func append(_ value: Int64, digits: Int) {
      var divisor: Int64 = 1
      for _ in 1..<digits { divisor *= 10 }
      while divisor > 0 {
        bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
        divisor /= 10
      }
    }
    append(max(0, year), digits: 4)
    bytes.append(UInt8(ascii: "-"))
    append(month, digits: 2)
    bytes.append(UInt8(ascii: "-"))
    append(day, digits: 2)
    bytes.append(UInt8(ascii: "T"))
    append(clock / 3600, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    append(clock / 60 % 60, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    append(clock % 60, digits: 2)
    if fractionDigits > 0 {
      bytes.append(UInt8(ascii: "."))
      var fraction = microseconds - seconds * 1_000_000
      for _ in fractionDigits..<6 { fraction /= 10 }
      append(fraction, digits: fractionDigits)
    }
    bytes.append(UInt8(ascii: "Z"))
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Howard Hinnant's algorithm for the proleptic Gregorian calendar
  /// (https://howardhinnant.github.io/date_algorithms.html).
  static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted.flooringDivision(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year.flooringDivision(by: 400)
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

extension Int64 {
  func flooringDivision(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
