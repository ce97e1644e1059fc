import JSONDocument

extension CELEvaluator {
  static let noOverload = CELError(message: "no such overload")

  /// Calls a function; the receiver, if it has one, comes first.
  mutating func apply(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue {
    // Long texts and lists cost what it takes to go through them.
    for value in values {
      switch value {
      case .string(let text): try spend(text.utf8.count / 10)
      case .list, .elements: try spend((value.count ?? 0) / 10)
      default: break
      }
    }
    if values.count == 2, let result = try binary(name, values[0], values[1]) { return result }
    if let result = try library(name, values) { return result }
    if let result = try access(name, values) { return result }
    if let result = try text(name, values) { return result }
    if let result = try conversion(name, values) { return result }
    if let result = try time(name, values) { return result }
    throw Self.noOverload
  }

  private mutating func binary(_ name: String, _ left: CELValue, _ right: CELValue)
    throws(CELError) -> CELValue?
  {
    switch name {
    case "_==_": return .bool(CELValue.isEqual(left, right))
    case "_!=_": return .bool(!CELValue.isEqual(left, right))
    case "_<_", "_<=_", "_>_", "_>=_":
      guard let order = CELValue.order(left, right) else {
        if case .double = left { return .bool(false) }
        throw Self.noOverload
      }
      switch name {
      case "_<_": return .bool(order < 0)
      case "_<=_": return .bool(order <= 0)
      case "_>_": return .bool(order > 0)
      default: return .bool(order >= 0)
      }
    case "@in":
      if right.keys != nil { return .bool(right.member(left) != nil) }
      guard let elements = right.elements else { throw Self.noOverload }
      try spend(elements.count)
      return .bool(elements.contains { CELValue.isEqual($0, left) })
    case "_+_", "_-_", "_*_", "_/_", "_%_": return try arithmetic(name, left, right)
    default: return nil
    }
  }

  private func arithmetic(_ name: String, _ left: CELValue, _ right: CELValue) throws(CELError)
    -> CELValue
  {
    func whole<T: FixedWidthInteger>(_ a: T, _ b: T, _ overflow: String) throws(CELError) -> T {
      if name == "_/_" || name == "_%_", b == 0 {
        throw CELError(message: name == "_/_" ? "division by zero" : "modulus by zero")
      }
      let result =
        switch name {
        case "_+_": a.addingReportingOverflow(b)
        case "_-_": a.subtractingReportingOverflow(b)
        case "_*_": a.multipliedReportingOverflow(by: b)
        case "_/_": a.dividedReportingOverflow(by: b)
        default: a.remainderReportingOverflow(dividingBy: b)
        }
      guard !result.overflow else { throw CELError(message: overflow) }
      return result.partialValue
    }
    switch (left, right) {
    case (.int(let a), .int(let b)): return .int(try whole(a, b, "integer overflow"))
    case (.uint(let a), .uint(let b)):
      return .uint(try whole(a, b, "unsigned integer overflow"))
    case (.double(let a), .double(let b)):
      switch name {
      case "_+_": return .double(a + b)
      case "_-_": return .double(a - b)
      case "_*_": return .double(a * b)
      case "_/_": return .double(a / b)
      default: throw Self.noOverload
      }
    case (.string(let a), .string(let b)) where name == "_+_": return .string(a + b)
    case (.bytes(let a), .bytes(let b)) where name == "_+_": return .bytes(a + b)
    case (.duration(let a), .duration(let b)):
      return .duration(
        GoDuration(nanoseconds: try whole(a.nanoseconds, b.nanoseconds, "duration overflow")))
    case (.timestamp(let a), .duration(let b)):
      let change = name == "_-_" ? -(b.nanoseconds / 1000) : b.nanoseconds / 1000
      let (sum, overflow) = a.microseconds.addingReportingOverflow(change)
      guard !overflow else { throw CELError(message: "timestamp overflow") }
      return .timestamp(Timestamp(microseconds: sum))
    case (.duration(let a), .timestamp(let b)) where name == "_+_":
      let (sum, overflow) = b.microseconds.addingReportingOverflow(a.nanoseconds / 1000)
      guard !overflow else { throw CELError(message: "timestamp overflow") }
      return .timestamp(Timestamp(microseconds: sum))
    case (.timestamp(let a), .timestamp(let b)) where name == "_-_":
      let (difference, overflow) = a.microseconds.subtractingReportingOverflow(b.microseconds)
      let (nanoseconds, overflow2) = difference.multipliedReportingOverflow(by: 1000)
      guard !overflow, !overflow2 else { throw CELError(message: "timestamp overflow") }
      return .duration(GoDuration(nanoseconds: nanoseconds))
    default: break
    }
    guard name == "_+_", let a = left.elements, let b = right.elements else {
      throw Self.noOverload
    }
    // Sets are joined without what both have, and lists with keys by those.
    if case .elements(let olds, let schema) = left, case .elements(let news, _) = right {
      if schema.listType == "set" {
        return .elements(olds + news.filter { !olds.contains($0) }, schema)
      }
      if schema.listType == "map" {
        func key(_ value: JSONValue) -> [JSONValue?] { schema.listMapKeys.map { value[$0] } }
        var result = olds
        for item in news {
          if let index = result.firstIndex(where: { key($0) == key(item) }) {
            result[index] = item
          } else {
            result.append(item)
          }
        }
        return .elements(result, schema)
      }
    }
    return .list(a + b)
  }

  // MARK: Conversions

  private func conversion(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    guard values.count == 1, let value = values.first else { return nil }
    func failed(_ text: String) -> CELError {
      CELError(message: "type conversion error from 'string' to '\(name)': \(text)")
    }
    switch (name, value) {
    case ("!_", .bool(let flag)): return .bool(!flag)
    case ("-_", .int(let number)):
      guard number != .min else { throw CELError(message: "integer overflow") }
      return .int(-number)
    case ("-_", .double(let number)): return .double(-number)
    case ("size", _): return value.count.map { .int(Int64($0)) }
    case ("dyn", _): return value
    case ("type", _): return .type(value.typeName)
    case ("bool", .bool), ("int", .int), ("uint", .uint), ("double", .double),
      ("string", .string), ("bytes", .bytes), ("duration", .duration),
      ("timestamp", .timestamp):
      return value
    case ("bool", .string(let text)):
      switch text {
      case "1", "t", "T", "TRUE", "true", "True": return .bool(true)
      case "0", "f", "F", "FALSE", "false", "False": return .bool(false)
      default: throw failed(text)
      }
    case ("int", .uint(let number)):
      guard let result = Int64(exactly: number) else {
        throw CELError(message: "integer overflow")
      }
      return .int(result)
    case ("int", .double(let number)):
      guard let result = Int64(exactly: number.rounded(.towardZero)) else {
        throw CELError(message: "integer overflow")
      }
      return .int(result)
    case ("int", .string(let text)):
      guard let result = Int64(text) else { throw failed(text) }
      return .int(result)
    case ("int", .timestamp(let time)): return .int(time.seconds)
    case ("uint", .int(let number)):
      guard let result = UInt64(exactly: number) else {
        throw CELError(message: "unsigned integer overflow")
      }
      return .uint(result)
    case ("uint", .double(let number)):
      guard let result = UInt64(exactly: number.rounded(.towardZero)) else {
        throw CELError(message: "unsigned integer overflow")
      }
      return .uint(result)
    case ("uint", .string(let text)):
      guard let result = UInt64(text) else { throw failed(text) }
      return .uint(result)
    case ("double", .int(let number)): return .double(Double(number))
    case ("double", .uint(let number)): return .double(Double(number))
    case ("double", .string(let text)):
      guard let result = Double(text) else { throw failed(text) }
      return .double(result)
    case ("string", .bytes(let bytes)):
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CELError(message: "invalid UTF-8 in bytes, cannot convert to string")
      }
      return .string(text)
    case ("string", _): return .string(Self.text(value))
    case ("bytes", .string(let text)): return .bytes(Array(text.utf8))
    case ("duration", .string(let text)):
      guard let duration = GoDuration(parsing: text) else { throw failed(text) }
      return .duration(duration)
    case ("timestamp", .string(let text)):
      guard let time = Timestamp(parsing: text) else { throw failed(text) }
      return .timestamp(time)
    case ("timestamp", .int(let seconds)):
      return .timestamp(Timestamp(milliseconds: seconds.multipliedReportingOverflow(by: 1000).0))
    default: return nil
    }
  }

  /// A value as text, as messages and `string()` show it.
  static func text(_ value: CELValue) -> String {
    switch value {
    case .null: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .int(let number): return String(number)
    case .uint(let number): return String(number)
    case .double(let number): return JSONValue.double(number).text
    case .string(let text): return text
    case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .duration(let duration): return duration.description
    case .timestamp(let time):
      return time.microseconds % 1_000_000 == 0 ? time.rfc3339() : time.rfc3339Micro()
    case .quantity(let quantity): return quantity.description
    case .ip(let address): return address.description
    case .cidr(let range): return "\(range.address.description)/\(range.prefixLength)"
    case .url(let address):
      let host = address.host.isEmpty ? "" : "//\(address.host)"
      let query = address.query.isEmpty ? "" : "?\(address.query)"
      return (address.scheme.isEmpty ? "" : "\(address.scheme):") + host + address.path + query
    case .semver(let version):
      let tail = version.prerelease.isEmpty ? "" : "-" + version.prerelease.joined(separator: ".")
      return "\(version.major).\(version.minor).\(version.patch)\(tail)"
    case .access, .accessAnswer: return value.typeName
    case .format(let name), .type(let name): return name
    case .optional(let inner): return inner.map { "optional(\(text($0)))" } ?? "optional.none()"
    case .list, .elements:
      return "[" + (value.elements ?? []).map(text).joined(separator: ", ") + "]"
    case .map, .members:
      let entries = (value.keys ?? []).map { (text($0), value.member($0).map(text) ?? "null") }
        .sorted { $0.0 < $1.0 }
      return "{" + entries.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}"
    }
  }

  // MARK: Time

  private func time(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    if case .duration(let duration)? = values.first {
      switch name {
      case "getHours": return .int(duration.nanoseconds / 3_600_000_000_000)
      case "getMinutes": return .int(duration.nanoseconds / 60_000_000_000)
      case "getSeconds": return .int(duration.nanoseconds / 1_000_000_000)
      case "getMilliseconds": return .int(duration.nanoseconds / 1_000_000)
      default: return nil
      }
    }
    guard case .timestamp(let time)? = values.first else { return nil }
    var shift: Int64 = 0
    if values.count > 1 {
      guard case .string(let zone) = values[1], let seconds = Self.offset(ofZone: zone) else {
        throw CELError(message: "unknown time zone")
      }
      shift = seconds
    }
    let seconds = time.seconds + shift
    let text = Array(Timestamp(milliseconds: seconds * 1000).rfc3339().utf8)
    func number(_ range: Range<Int>) -> Int64 {
      Int64(String(decoding: text[range], as: UTF8.self)) ?? 0
    }
    let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
    switch name {
    case "getFullYear": return .int(year)
    case "getMonth": return .int(month - 1)
    case "getDate": return .int(day)
    case "getDayOfMonth": return .int(day - 1)
    case "getDayOfWeek":
      let days = seconds.flooringDivision(by: 86_400)
      return .int(((days + 4) % 7 + 7) % 7)
    case "getDayOfYear":
      let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
      let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
      return .int(before[Int(month) - 1] + day - 1 + (isLeap && month > 2 ? 1 : 0))
    case "getHours": return .int(number(11..<13))
    case "getMinutes": return .int(number(14..<16))
    case "getSeconds": return .int(number(17..<19))
    case "getMilliseconds":
      return .int(time.microseconds.flooringDivision(by: 1000) - time.seconds * 1000)
    default: return nil
    }
  }

  /// `UTC` or an offset such as `-02:30`; names of places need tables that are not at hand.
  private static func offset(ofZone zone: String) -> Int64? {
    if zone == "UTC" || zone == "GMT" || zone.isEmpty { return 0 }
    var text = Substring(zone)
    let isNegative = text.first == "-"
    if isNegative || text.first == "+" { text.removeFirst() }
    let parts = text.split(separator: ":")
    guard parts.count == 2, let hours = Int64(parts[0]), let minutes = Int64(parts[1]),
      hours < 24, minutes < 60
    else { return nil }
    return (hours * 3600 + minutes * 60) * (isNegative ? -1 : 1)
  }
}
