import JSONDocument

extension CELEvaluator {
  /// Functions of texts.
  mutating func text(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    switch (name, values.first) {
    case ("join", let list?):
      guard let elements = list.elements else { return nil }
      var separator = ""
      if values.count > 1, case .string(let text) = values[1] { separator = text }
      var parts: [String] = []
      for element in elements {
        guard case .string(let text) = element else { throw Self.noOverload }
        parts.append(text)
      }
      return .string(parts.joined(separator: separator))
    case ("base64.decode", .string(let text)?):
      guard let bytes = Base64.decode(text) else {
        throw CELError(message: "illegal base64 data")
      }
      return .bytes(bytes)
    case ("base64.encode", .bytes(let bytes)?): return .string(Base64.encode(bytes))
    case (_, .string(let receiver)?):
      return try text(name, receiver, Array(values.dropFirst()))
    default: return nil
    }
  }

  private mutating func text(_ name: String, _ text: String, _ arguments: [CELValue])
    throws(CELError) -> CELValue?
  {
    var words: [String] = []
    var numbers: [Int] = []
    for argument in arguments {
      if case .string(let word) = argument { words.append(word) }
      if case .int(let number) = argument { numbers.append(Int(clamping: number)) }
    }
    switch (name, words.count, numbers.count) {
    case ("contains", 1, 0): return .bool(words[0].isEmpty || text.contains(words[0]))
    case ("startsWith", 1, 0): return .bool(text.utf8.starts(with: words[0].utf8))
    case ("endsWith", 1, 0):
      return .bool(text.utf8.reversed().starts(with: words[0].utf8.reversed()))
    case ("matches", 1, 0):
      let expression = try Self.expression(words[0])
      try spend(text.utf8.count * max(1, words[0].utf8.count / 4) / 10)
      return .bool(expression.isFound(in: text))
    case ("find", 1, 0), ("findAll", 1, 0), ("findAll", 1, 1):
      let expression = try Self.expression(words[0])
      let limit = name == "find" ? 1 : numbers.first ?? -1
      let found = Self.matches(of: expression, in: text, limit: limit)
      if name == "find" { return .string(found.first ?? "") }
      return .list(found.map { .string($0) })
    case ("lowerAscii", 0, 0):
      return .string(Self.mapped(text) { (0x41...0x5A).contains($0) ? $0 + 32 : $0 })
    case ("upperAscii", 0, 0):
      return .string(Self.mapped(text) { (0x61...0x7A).contains($0) ? $0 - 32 : $0 })
    case ("trim", 0, 0): return .string(text.trimmingSpaces)
    case ("reverse", 0, 0):
      return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
    case ("strings.quote", 0, 0): return .string(GoFormat.quoted(text))
    case ("jsonpatch.escapeKey", 0, 0):
      return .string(JSONPointer.escaped(text))
    case ("format", 0, 0):
      guard let list = arguments.first?.elements else { return nil }
      return .string(try Self.formatted(text, list))
    default: break
    }
    let scalars = Array(text.unicodeScalars)
    func part(_ range: Range<Int>) -> String {
      String(String.UnicodeScalarView(scalars[range]))
    }
    switch (name, words.count, numbers.count) {
    case ("charAt", 0, 1):
      let index = numbers[0]
      guard index >= 0, index <= scalars.count else {
        throw CELError(message: "index out of range: \(index)")
      }
      return .string(index == scalars.count ? "" : part(index..<index + 1))
    case ("substring", 0, 1), ("substring", 0, 2):
      let start = numbers[0]
      let end = numbers.count > 1 ? numbers[1] : scalars.count
      guard start >= 0, start <= scalars.count, end >= 0, end <= scalars.count else {
        throw CELError(message: "index out of range: \(start)")
      }
      guard start <= end else {
        throw CELError(message: "invalid substring range. start: \(start), end: \(end)")
      }
      return .string(part(start..<end))
    case ("indexOf", 1, _), ("lastIndexOf", 1, _):
      return .int(
        try Self.position(
          of: Array(words[0].unicodeScalars), in: scalars, isLast: name == "lastIndexOf",
          from: numbers.first))
    case ("replace", 2, _):
      let limit = numbers.first ?? -1
      return .string(
        Self.split(scalars, Array(words[0].unicodeScalars), limit: limit < 0 ? -1 : limit + 1)
          .joined(separator: words[1]))
    case ("split", 1, _):
      let limit = numbers.first ?? -1
      if limit == 0 { return .list([]) }
      return .list(
        Self.split(scalars, Array(words[0].unicodeScalars), limit: limit).map { .string($0) })
    default: return nil
    }
  }

  private static func expression(_ text: String) throws(CELError) -> RegularExpression {
    do throws(RegularExpression.Problem) {
      return try RegularExpression(text)
    } catch {
      throw CELError(message: error.description)
    }
  }

  private static func matches(of expression: RegularExpression, in text: String, limit: Int)
    -> [String]
  {
    let scalars = Array(text.unicodeScalars)
    var found: [String] = []
    var position = 0
    while position <= scalars.count, limit < 0 || found.count < limit,
      let range = expression.firstMatch(in: scalars, from: position)
    {
      found.append(String(String.UnicodeScalarView(scalars[range])))
      position = range.isEmpty ? range.upperBound + 1 : range.upperBound
    }
    return found
  }

  private static func mapped(_ text: String, _ change: (UInt8) -> UInt8) -> String {
    String(decoding: text.utf8.map(change), as: UTF8.self)
  }

  private static func position(
    of part: [Unicode.Scalar], in text: [Unicode.Scalar], isLast: Bool, from start: Int?
  ) throws(CELError) -> Int64 {
    if let start, start < 0 || start > text.count {
      throw CELError(message: "index out of range: \(start)")
    }
    let last = text.count - part.count
    guard last >= 0 else { return -1 }
    func isThere(_ index: Int) -> Bool { text[index..<index + part.count].elementsEqual(part) }
    if isLast {
      return stride(from: min(start ?? last, last), through: 0, by: -1).first(where: isThere)
        .map(Int64.init) ?? -1
    }
    guard (start ?? 0) <= last else { return -1 }
    return ((start ?? 0)...last).first(where: isThere).map(Int64.init) ?? -1
  }

  private static func split(_ text: [Unicode.Scalar], _ separator: [Unicode.Scalar], limit: Int)
    -> [String]
  {
    var parts: [String] = []
    var start = 0
    func add(_ range: Range<Int>) {
      parts.append(String(String.UnicodeScalarView(text[range])))
    }
    if separator.isEmpty {
      while start < text.count {
        if limit > 0, parts.count == limit - 1 { break }
        add(start..<start + 1)
        start += 1
      }
      if start < text.count { add(start..<text.count) }
      return parts
    }
    var index = 0
    while index + separator.count <= text.count {
      if limit > 0, parts.count == limit - 1 { break }
      if text[index..<index + separator.count].elementsEqual(separator) {
        add(start..<index)
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    add(start..<text.count)
    return parts
  }

  /// `'%s has %d'.format([name, count])`.
  private static func formatted(_ text: String, _ arguments: [CELValue]) throws(CELError)
    -> String
  {
    var result = ""
    var next = 0
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      if rest.first == "%" {
        rest.removeFirst()
        result.append("%")
        continue
      }
      var digits = 6
      if rest.first == "." {
        rest.removeFirst()
        let number = rest.prefix(while: \.isNumber)
        rest = rest.dropFirst(number.count)
        digits = min(Int(number) ?? 6, 50)
      }
      guard let verb = rest.popFirst(), next < arguments.count else {
        throw CELError(message: "index \(next) out of range")
      }
      let value = arguments[next]
      next += 1
      switch (verb, value) {
      case ("s", _), ("d", .int), ("d", .uint): result += self.text(value)
      case ("x", .int(let number)): result += String(number, radix: 16)
      case ("X", .int(let number)): result += String(number, radix: 16, uppercase: true)
      case ("x", .string(let text)), ("X", .string(let text)):
        for byte in text.utf8 {
          let hex = String(byte, radix: 16, uppercase: verb == "X")
          result += hex.count < 2 ? "0" + hex : hex
        }
      case ("o", .int(let number)): result += String(number, radix: 8)
      case ("b", .int(let number)): result += String(number, radix: 2)
      case ("b", .bool(let flag)): result += flag ? "1" : "0"
      case ("f", .double(let number)): result += fixed(number, digits: digits)
      case ("f", .int(let number)): result += fixed(Double(number), digits: digits)
      case ("e", .double(let number)): result += "\(number)"
      default:
        throw CELError(message: "unrecognized formatting clause \"\(verb)\"")
      }
    }
    return result
  }

  private static func fixed(_ number: Double, digits: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
    var scale = 1.0
    for _ in 0..<min(digits, 15) { scale *= 10 }
    let whole = (abs(number) * scale).rounded(.toNearestOrEven)
    var text = String(Int64(min(whole, 9e18)))
    let places = min(digits, 15)
    if places > 0 {
      while text.count <= places { text = "0" + text }
      text.insert(".", at: text.index(text.endIndex, offsetBy: -places))
    }
    return (number < 0 ? "-" : "") + text
  }
}
