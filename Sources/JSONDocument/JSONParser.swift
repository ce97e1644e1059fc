/// Why bytes are not JSON, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  public var message: String
  /// Bytes from the start of the document.
  public var offset: Int

  public var description: String { "\(message) (at byte \(offset))" }
}

/// A strict RFC 8259 parser over bytes. Depth is bounded, so hostile input cannot exhaust the
/// stack.
struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  var position = 0
  var depth = 0
  /// Whether some object has a member twice.
  var hasDuplicates = false
  /// Whether two objects that stand under one name become one, as Go fills one struct with both.
  var mergesDuplicates = false
  /// Paths of members that an object has twice, e.g. `spec.replicas`, each once; filled only where
  /// there is a `path`.
  var duplicates: [String] = []
  var path: [String]?
  var cache: SubtreeCache?
  /// Whether a part of the document is shared with others.
  var isSharing = false

  /// As many as upstream tells of.
  static let maximumDuplicates = 100
  /// The bound that Go's encoding/json uses.
  static let maximumDepth = 10_000
  /// Ours is lower: every level costs a stack frame, and threads of the pool have 512 KiB.
  static let allowedDepth = 512

  mutating func parseDocument() throws(JSONError) -> JSONValue {
    skipWhitespace()
    let value = try parseValue()
    skipWhitespace()
    guard position == bytes.count else { throw failure(unexpected("after top-level value")) }
    return value
  }

  func failure(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

  mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func parseValue() throws(JSONError) -> JSONValue {
    guard position < bytes.count else { throw failure(Self.unexpectedEnd) }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try parseObject()
    case UInt8(ascii: "["): return try parseArray()
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
    case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
    case UInt8(ascii: "n"): return try parseLiteral("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw failure(unexpected("looking for beginning of value"))
    }
  }

  static let unexpectedEnd = "unexpected end of JSON input"

  /// What is wrong here, in the words of Go's decoder, which clients know.
  func unexpected(_ place: String) -> String {
    guard position < bytes.count else { return Self.unexpectedEnd }
    return "invalid character \(Self.quoted(bytes[position])) \(place)"
  }

  static func quoted(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "'"): "'\\''"
    case UInt8(ascii: "\\"): "'\\\\'"
    case 0x09: "'\\t'"
    case 0x0A: "'\\n'"
    case 0x0D: "'\\r'"
    case 0..<0x20, 0x7F..<0xA0: "'\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))'"
    default: "'\(Character(UnicodeScalar(byte)))'"
    }
  }

  mutating func parseLiteral(_ text: StaticString, _ value: JSONValue) throws(JSONError)
    -> JSONValue
  {
    let count = text.utf8CodeUnitCount
    for offset in 0..<count {
      guard position + offset < bytes.count else { throw failure(Self.unexpectedEnd) }
      let expected = text.utf8Start[offset]
      guard bytes[position + offset] == expected else {
        position += offset
        throw failure(
          unexpected("in literal \(text) (expecting \(Self.quoted(expected)))"))
      }
    }
    position += count
    return value
  }

  mutating func enter() throws(JSONError) {
    depth += 1
    guard depth <= Self.allowedDepth else {
      throw failure("nested more than \(Self.allowedDepth) levels deep")
    }
  }

  mutating func parseObject() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    position += 1
    var object = JSONObject()
    skipWhitespace()
    if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
      position += 1
      return .object(object)
    }
    while true {
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        throw failure(unexpected("looking for beginning of object key string"))
      }
      let key = try parseString()
      skipWhitespace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else {
        throw failure(unexpected("after object key"))
      }
      position += 1
      skipWhitespace()
      if let outer = path { enterMember(key, of: object, outer) }
      let value =
        if let cache, cache.concerns(key, depth: depth) {
          try parseShared(cache)
        } else {
          try parseValue()
        }
      if let earlier = object.replaceValue(of: key, by: value) {
        hasDuplicates = true
        if mergesDuplicates { object.mergeEarlier(earlier, under: key) }
      }
      path?.removeLast()
      skipWhitespace()
      guard position < bytes.count else { throw failure(Self.unexpectedEnd) }
      let next = bytes[position]
      position += 1
      if next == UInt8(ascii: "}") { return .object(object) }
      guard next == UInt8(ascii: ",") else {
        position -= 1
        throw failure(unexpected("after object key:value pair"))
      }
      skipWhitespace()
    }
  }

  private mutating func enterMember(_ key: String, of object: JSONObject, _ outer: [String]) {
    let inner = outer + [outer.isEmpty ? key : "." + key]
    path = inner
    guard object.contains(key), duplicates.count < Self.maximumDuplicates else { return }
    let name = inner.joined()
    if !duplicates.contains(name) { duplicates.append(name) }
  }

  mutating func parseArray() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    position += 1
    var array: [JSONValue] = []
    skipWhitespace()
    if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
      position += 1
      return .array(array)
    }
    while true {
      path?.append("[\(array.count)]")
      array.append(try parseValue())
      path?.removeLast()
      skipWhitespace()
      guard position < bytes.count else { throw failure(Self.unexpectedEnd) }
      let next = bytes[position]
      position += 1
      if next == UInt8(ascii: "]") { return .array(array) }
      guard next == UInt8(ascii: ",") else {
        position -= 1
        throw failure(unexpected("after array element"))
      }
      skipWhitespace()
    }
  }

  mutating func parseNumber() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    func isDigit(_ at: Int) -> Bool {
      at < bytes.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at])
    }
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    guard isDigit(position) else { throw failure(unexpected("in numeric literal")) }
    if bytes[position] == UInt8(ascii: "0") {
      position += 1
      if isDigit(position) { throw failure(unexpected("after a leading 0 of a number")) }
    } else {
      while isDigit(position) { position += 1 }
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      guard isDigit(position) else { throw failure(unexpected("in numeric literal")) }
      while isDigit(position) { position += 1 }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < bytes.count,
        bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      guard isDigit(position) else { throw failure(unexpected("in numeric literal")) }
      while isDigit(position) { position += 1 }
    }
    let text = String(
      decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
    if isInteger, let value = Int64(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else { throw failure("number out of range") }
    return .double(value)
  }

  mutating func parseString() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let slice = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        return String(validating: slice, as: UTF8.self) ?? Self.repaired(slice)
      }
      if byte == UInt8(ascii: "\\") { return try parseEscapedString(from: start) }
      guard byte >= 0x20 else { throw failure(unexpected("in string literal")) }
      position += 1
    }
    throw failure(Self.unexpectedEnd)
  }

  /// As Go reads what is no UTF-8: a replacement character for each byte that fits nowhere.
  static func repaired(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    var text = ""
    var position = 0
    while position < bytes.count {
      let rest = UnsafeBufferPointer(rebasing: bytes[position...])
      let length =
        (1...min(4, rest.count)).first { length in
          String(validating: rest.prefix(length), as: UTF8.self) != nil
        }
      if let length {
        text += String(decoding: rest.prefix(length), as: UTF8.self)
      } else {
        text += "\u{FFFD}"
      }
      position += length ?? 1
    }
    return text
  }

  mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        return String(validating: text, as: UTF8.self)
          ?? text.withUnsafeBufferPointer(Self.repaired)
      case UInt8(ascii: "\\"):
        guard position < bytes.count else { throw failure(Self.unexpectedEnd) }
        let escape = bytes[position]
        position += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
          text.append(contentsOf: Array(String(Character(try parseUnicodeEscape())).utf8))
        default:
          position -= 1
          throw failure(unexpected("in string escape code"))
        }
      case 0..<0x20:
        position -= 1
        throw failure(unexpected("in string literal"))
      default: text.append(byte)
      }
    }
    throw failure(Self.unexpectedEnd)
  }

  mutating func parseHex4() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure(Self.unexpectedEnd) }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw failure(unexpected("in \\u hexadecimal character escape"))
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// Lone surrogates become U+FFFD, as in Go's encoding/json.
  mutating func parseUnicodeEscape() throws(JSONError) -> UnicodeScalar {
    let replacement: UnicodeScalar = "\u{FFFD}"
    let first = try parseHex4()
    if (0xD800..<0xDC00).contains(first) {
      guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      else { return replacement }
      let rewind = position
      position += 2
      let second = try parseHex4()
      guard (0xDC00..<0xE000).contains(second) else {
        position = rewind
        return replacement
      }
      return UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
    }
    return UnicodeScalar(first) ?? replacement
  }
}

extension JSONValue {
  public typealias Parsed = (value: JSONValue, duplicates: [String], isSharing: Bool)

  /// Reads one JSON document.
  ///
  /// - Parameter cache: of trees that this one may have parts of.
  /// - Throws: `JSONError` with the byte offset of the first problem.
  public init(parsing bytes: some Collection<UInt8>, sharing cache: SubtreeCache? = nil)
    throws(JSONError)
  {
    self = try Self.parse(bytes, findDuplicates: false, sharing: cache).value
  }

  public init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }

  /// Reads one JSON document, and names the paths of members that an object has more than once:
  /// the last of them counts.
  ///
  /// - Parameters:
  ///   - mergesDuplicates: objects that stand under one name become one, the later members
  ///     before the earlier.
  ///   - cache: of trees that this one may have parts of.
  /// - Returns: also whether it has any of them.
  public static func parse(
    _ bytes: some Collection<UInt8>, findDuplicates: Bool, mergesDuplicates: Bool = false,
    sharing cache: SubtreeCache? = nil
  ) throws(JSONError) -> Parsed {
    let run: (UnsafeBufferPointer<UInt8>) -> Result<Parsed, JSONError> = { buffer in
      var parser = JSONParser(bytes: buffer)
      parser.mergesDuplicates = mergesDuplicates
      parser.cache = cache
      do throws(JSONError) {
        let value = try parser.parseDocument()
        guard findDuplicates, parser.hasDuplicates else {
          return .success((value, [], parser.isSharing))
        }
        // Hardly any document comes here, so that only those that do pay for the paths.
        parser = JSONParser(bytes: buffer)
        parser.path = []
        _ = try parser.parseDocument()
        return .success((value, parser.duplicates, false))
      } catch {
        return .failure(error)
      }
    }
    if let result = bytes.withContiguousStorageIfAvailable(run) { return try result.get() }
    return try Array(bytes).withUnsafeBufferPointer(run).get()
  }
}
