import JSONDocument

/// What a plain word stands for in YAML 1.1, as Go's reader takes it.
enum YAMLScalar {
  static func value(_ text: String) throws(YAMLReader.Failure) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
      return .bool(true)
    case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
      return .bool(false)
    case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
      "-.Inf", "-.INF":
      throw YAMLReader.Failure(message: "\(text) has no form in JSON")
    default: return number(text) ?? .string(text)
    }
  }

  /// Whether a text would be read as something else if it stood without quotes.
  static func isWord(_ text: String) -> Bool {
    guard let value = try? value(text) else { return false }
    return value == .string(text)
  }

  private static func number(_ text: String) -> JSONValue? {
    guard let first = text.utf8.first,
      first == UInt8(ascii: "+") || first == UInt8(ascii: "-") || first == UInt8(ascii: ".")
        || isDigit(first)
    else { return nil }
    let plain = text.contains("_") ? text.replacing("_", with: "") : text
    if let number = integer(plain) { return .int(number) }
    guard isDecimal(plain), let number = Double(plain), number.isFinite else { return nil }
    // JSON has one kind of numbers: what is whole is an integer again.
    if let whole = Int64(exactly: number), abs(number) < 1e15 { return .int(whole) }
    return .double(number)
  }

  /// Digits with a sign, and Go's prefixes for other bases; a leading zero means octal.
  private static func integer(_ text: String) -> Int64? {
    var digits = Substring(text)
    var isNegative = false
    if let sign = digits.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      digits.removeFirst()
    }
    var radix = 10
    if digits.count > 1, digits.first == "0" {
      switch digits.dropFirst().first {
      case "x", "X": radix = 16
      case "o", "O": radix = 8
      case "b", "B": radix = 2
      default: radix = 0
      }
      digits = digits.dropFirst(radix == 0 ? 1 : 2)
      if radix == 0 { radix = 8 }
    }
    guard let start = digits.utf8.first, start != UInt8(ascii: "+"), start != UInt8(ascii: "-"),
      let magnitude = UInt64(digits, radix: radix)
    else { return nil }
    if isNegative {
      return magnitude <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }
    return Int64(exactly: magnitude)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isDecimal(_ text: String) -> Bool {
    var rest = Substring(text).utf8
    func skipDigits() -> Int {
      let count = rest.prefix(while: isDigit).count
      rest = rest.dropFirst(count)
      return count
    }
    func skip(_ bytes: [UInt8]) -> Bool {
      guard let first = rest.first, bytes.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = skip([UInt8(ascii: "-"), UInt8(ascii: "+")])
    let whole = skipDigits()
    if skip([UInt8(ascii: ".")]) {
      guard skipDigits() > 0 || whole > 0 else { return false }
    } else if whole == 0 {
      return false
    }
    if skip([UInt8(ascii: "e"), UInt8(ascii: "E")]) {
      _ = skip([UInt8(ascii: "-"), UInt8(ascii: "+")])
      guard skipDigits() > 0 else { return false }
    }
    return rest.isEmpty
  }
}
