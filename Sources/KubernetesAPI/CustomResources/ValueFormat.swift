import JSONDocument

/// Formats that a schema may ask of values.
enum ValueFormat {
  private static let numeric: Set<String> = [
    "int32", "int64", "uint32", "uint64", "float", "double",
  ]

  private static let textual: Set<String> = [
    "bsonobjectid", "uri", "email", "hostname", "ipv4", "ipv6", "cidr", "mac", "uuid", "uuid3",
    "uuid4", "uuid5", "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor",
    "byte", "password", "date", "duration", "date-time", "datetime", "k8s-short-name",
    "k8s-long-name",
  ]

  /// Whether the format is one that upstream knows; others are not looked at.
  static func isKnown(_ format: String) -> Bool {
    numeric.contains(format) || textual.contains(format)
  }

  /// What integers of a format may be; nil for formats of other numbers.
  static func range(ofIntegers format: String) -> ClosedRange<Double>? {
    switch format {
    case "int32": Double(Int32.min)...Double(Int32.max)
    case "uint32": 0...Double(UInt32.max)
    case "uint64": 0...Double(UInt64.max)
    default: Double(Int64.min)...Double(Int64.max)
    }
  }

  /// Whether a text lacks the form that a format stands for.
  static func isWrong(_ text: String, format: String) -> Bool {
    switch format {
    case "date-time", "datetime": !isDateTime(text)
    case "date": !isDate(text)
    case "email": !isEmail(text)
    case "ipv4": IPAddress(text).map(\.isIPv6) ?? true
    case "ipv6": !(IPAddress(text).map(\.isIPv6) ?? false)
    case "cidr": IPRange(text) == nil
    case "uri": !isURI(text)
    case "hostname": !isHostname(text)
    case "mac": !isMAC(text)
    case "uuid": !matches(uuid, text)
    case "uuid3": !matches(uuid, text) || version(ofUUID: text) != "3"
    case "uuid4":
      !matches(uuid, text) || version(ofUUID: text) != "4" || !hasVariant(text)
    case "uuid5":
      !matches(uuid, text) || version(ofUUID: text) != "5" || !hasVariant(text)
    case "isbn": !isISBN10(text) && !isISBN13(text)
    case "isbn10": !isISBN10(text)
    case "isbn13": !isISBN13(text)
    case "creditcard": !isCreditCard(text)
    case "ssn": !matches(ssn, text)
    case "hexcolor": !matches(hexColor, text)
    case "rgbcolor": !matches(rgbColor, text)
    case "byte": Base64.decode(text) == nil
    case "duration": GoDuration(parsing: text) == nil && !matches(wordDuration, text)
    case "bsonobjectid": !matches(objectID, text)
    case "k8s-short-name": !NameRules.dns1123Label(text).isEmpty
    case "k8s-long-name": !NameRules.dns1123Subdomain(text).isEmpty
    default: false
    }
  }

  private static func matches(_ expression: RegularExpression?, _ text: String) -> Bool {
    expression?.isFound(in: text) ?? true
  }

  private static let uuid = try? RegularExpression(
    "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
  private static let ssn = try? RegularExpression("^\\d{3}[- ]?\\d{2}[- ]?\\d{4}$")
  private static let hexColor = try? RegularExpression("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")
  private static let rgbColor = try? RegularExpression(
    "^rgb\\(\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*,"
      + "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*,"
      + "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*\\)$")
  private static let objectID = try? RegularExpression("^[0-9a-fA-F]{24}$")
  private static let wordDuration = try? RegularExpression(
    "^(\\d+)\\s*(ns|nanosec(ond)?s?|nanos?|us|microsec(ond)?s?|micros?|µs|ms|millisec(ond)?s?"
      + "|millis?|s|sec(ond)?s?|m|min(ute)?s?|h|hrs?|hours?|d|days?|w|wks?|weeks?)$")
  private static let emailLocalPart = try? RegularExpression(
    "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")

  private static func version(ofUUID text: String) -> Character? {
    let digits = text.filter { $0 != "-" }
    return digits.count > 12 ? digits[digits.index(digits.startIndex, offsetBy: 12)] : nil
  }

  private static func hasVariant(_ text: String) -> Bool {
    let digits = text.filter { $0 != "-" }
    guard digits.count > 16 else { return false }
    return "89abAB".contains(digits[digits.index(digits.startIndex, offsetBy: 16)])
  }

  private static func isDateTime(_ text: String) -> Bool { Timestamp(parsing: text) != nil }

  private static func isDate(_ text: String) -> Bool {
    text.utf8.count == 10 && Timestamp(parsing: text + "T00:00:00Z") != nil
  }

  private static func isEmail(_ text: String) -> Bool {
    // The parser of addresses that upstream uses takes `Name <address>` as well.
    var address = text.trimmingSpaces
    if address.hasSuffix(">"), let open = address.lastIndex(of: "<") {
      address = String(address[address.index(after: open)...].dropLast())
    }
    guard let at = address.lastIndex(of: "@") else { return false }
    let local = String(address[..<at])
    let domain = String(address[address.index(after: at)...])
    guard !local.isEmpty, !domain.isEmpty else { return false }
    let isQuoted = local.count > 1 && local.hasPrefix("\"") && local.hasSuffix("\"")
    return (isQuoted || matches(emailLocalPart, local)) && matches(emailLocalPart, domain)
  }

  private static func isHostname(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 255 else { return false }
    let name = text.hasSuffix(".") ? String(text.dropLast()) : text
    return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      let bytes = Array(label.utf8)
      guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else {
        return false
      }
      let isPlain = { (byte: UInt8) in NameRules.isAlphanumeric(byte) || byte >= 0x80 }
      return isPlain(first) && isPlain(last)
        && bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") }
    }
  }

  private static func isURI(_ text: String) -> Bool { WebAddress(parsing: text) != nil }

  private static func isMAC(_ text: String) -> Bool {
    for separator in [":", "-"] as [Character] where text.contains(separator) {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      return [6, 8, 20].contains(parts.count)
        && parts.allSatisfy { $0.utf8.count == 2 && UInt8($0, radix: 16) != nil }
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return [3, 4, 10].contains(parts.count)
      && parts.allSatisfy { $0.utf8.count == 4 && UInt16($0, radix: 16) != nil }
  }

  private static func isISBN10(_ text: String) -> Bool {
    let digits = Array(text.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: " ") })
    guard digits.count == 10 else { return false }
    var sum = 0
    for (index, byte) in digits.enumerated() {
      let value: Int
      if byte == UInt8(ascii: "X"), index == 9 {
        value = 10
      } else if (0x30...0x39).contains(byte) {
        value = Int(byte) - 0x30
      } else {
        return false
      }
      sum += (index + 1) * value
    }
    return sum % 11 == 0
  }

  private static func isISBN13(_ text: String) -> Bool {
    let digits = Array(text.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: " ") })
    guard digits.count == 13, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return false
    }
    let sum = digits.enumerated().reduce(0) {
      $0 + (Int($1.element) - 0x30) * ($1.offset % 2 == 0 ? 1 : 3)
    }
    return sum % 10 == 0
  }

  private static func isCreditCard(_ text: String) -> Bool {
    let digits = text.utf8.filter { (0x30...0x39).contains($0) }.map { Int($0) - 0x30 }
    guard (13...19).contains(digits.count) else { return false }
    let sum = digits.reversed().enumerated().reduce(0) { total, item in
      let doubled = item.element * 2
      return total
        + (item.offset % 2 == 0 ? item.element : doubled > 9 ? doubled - 9 : doubled)
    }
    return sum % 10 == 0
  }
}
