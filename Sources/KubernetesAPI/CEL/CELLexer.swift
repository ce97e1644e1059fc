/// Cuts an expression into tokens.
struct CELLexer {
  enum Token: Sendable, Equatable {
    case identifier(String)
    case int(Int64)
    /// 2^63, which only a minus in front makes a number.
    case intMinimum
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case symbol(String)
    case end
  }

  let source: String
  let text: [Character]
  private(set) var position = 0

  init(_ source: String) {
    self.source = source
    text = Array(source)
  }

  func problem(_ message: String, at offset: Int) -> CELProblem {
    CELProblem(message: message, offset: offset, source: source)
  }

  private func peek(_ distance: Int = 0) -> Character? {
    position + distance < text.count ? text[position + distance] : nil
  }

  private static let symbols = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".",
    ",", "(", ")", "[", "]", "{", "}",
  ]

  mutating func next() throws(CELProblem) -> (token: Token, offset: Int) {
    while let character = peek() {
      if character.isWhitespace {
        position += 1
      } else if character == "/", peek(1) == "/" {
        while let inside = peek(), inside != "\n" {
          _ = inside
          position += 1
        }
      } else {
        break
      }
    }
    let start = position
    guard let character = peek() else { return (.end, start) }
    if let quoted = try quoted() { return (quoted, start) }
    if character == "_" || character.isASCII && character.isLetter {
      var name = ""
      while let part = peek(), part == "_" || part.isASCII && (part.isLetter || part.isNumber) {
        name.append(part)
        position += 1
      }
      return (.identifier(name), start)
    }
    let isDigit = { (character: Character?) in
      character.map { $0.isASCII && $0.isNumber } ?? false
    }
    if isDigit(character) || character == "." && isDigit(peek(1)) { return (try number(), start) }
    for symbol in Self.symbols where text[position...].starts(with: symbol) {
      position += symbol.count
      return (.symbol(symbol), start)
    }
    throw problem("Syntax error: token recognition error at: '\(character)'", at: start)
  }

  private mutating func number() throws(CELProblem) -> Token {
    let start = position
    if peek() == "0", peek(1) == "x" || peek(1) == "X" {
      position += 2
      var digits = ""
      while let digit = peek(), digit.isHexDigit {
        digits.append(digit)
        position += 1
      }
      if peek() == "u" || peek() == "U" {
        position += 1
        guard let value = UInt64(digits, radix: 16) else {
          throw problem("invalid uint literal", at: start)
        }
        return .uint(value)
      }
      guard let value = UInt64(digits, radix: 16) else {
        throw problem("invalid int literal", at: start)
      }
      if value == 1 << 63 { return .intMinimum }
      guard let number = Int64(exactly: value) else {
        throw problem("invalid int literal", at: start)
      }
      return .int(number)
    }
    var digits = ""
    var isDouble = false
    func isDigit(_ character: Character?) -> Bool {
      character.map { $0.isASCII && $0.isNumber } ?? false
    }
    while isDigit(peek()), let digit = peek() {
      digits.append(digit)
      position += 1
    }
    if peek() == ".", isDigit(peek(1)) {
      isDouble = true
      digits.append(".")
      position += 1
      while isDigit(peek()), let digit = peek() {
        digits.append(digit)
        position += 1
      }
    }
    if let letter = peek(), letter == "e" || letter == "E" {
      let sign = peek(1)
      if isDigit(sign) || (sign == "+" || sign == "-") && isDigit(peek(2)) {
        isDouble = true
        digits.append("e")
        position += 1
        if let sign, sign == "+" || sign == "-" {
          digits.append(sign)
          position += 1
        }
        while isDigit(peek()), let digit = peek() {
          digits.append(digit)
          position += 1
        }
      }
    }
    if isDouble {
      guard let value = Double(digits.hasPrefix(".") ? "0" + digits : digits) else {
        throw problem("invalid double literal", at: start)
      }
      return .double(value)
    }
    if peek() == "u" || peek() == "U" {
      position += 1
      guard let value = UInt64(digits) else { throw problem("invalid uint literal", at: start) }
      return .uint(value)
    }
    if digits == "9223372036854775808" { return .intMinimum }
    guard let value = Int64(digits) else { throw problem("invalid int literal", at: start) }
    return .int(value)
  }

  /// Text in one or three quotes, raw or with escapes, or bytes.
  private mutating func quoted() throws(CELProblem) -> Token? {
    let start = position
    var index = position
    var isRaw = false
    var isBytes = false
    while index < text.count, index - position < 2, "rRbB".contains(text[index]) {
      if "rR".contains(text[index]) { isRaw = true } else { isBytes = true }
      index += 1
    }
    guard index < text.count, text[index] == "\"" || text[index] == "'" else { return nil }
    let quote = text[index]
    let isTriple = index + 2 < text.count && text[index + 1] == quote && text[index + 2] == quote
    index += isTriple ? 3 : 1
    var bytes: [UInt8] = []
    while true {
      guard index < text.count else {
        throw problem("Syntax error: token recognition error at: '\(quote)'", at: start)
      }
      let character = text[index]
      if character == quote {
        if !isTriple {
          index += 1
          break
        }
        if index + 2 < text.count, text[index + 1] == quote, text[index + 2] == quote {
          index += 3
          break
        }
      }
      if character == "\n", !isTriple {
        throw problem("Syntax error: token recognition error at: '\(quote)'", at: start)
      }
      if character == "\\", !isRaw {
        try escape(&index, isBytes: isBytes, into: &bytes, start: start)
        continue
      }
      bytes.append(contentsOf: String(character).utf8)
      index += 1
    }
    position = index
    return isBytes ? .bytes(bytes) : .string(String(decoding: bytes, as: UTF8.self))
  }

  private func escape(_ index: inout Int, isBytes: Bool, into bytes: inout [UInt8], start: Int)
    throws(CELProblem)
  {
    guard index + 1 < text.count else { throw problem("Syntax error: bad escape", at: start) }
    let letter = text[index + 1]
    index += 2
    let simple: [Character: UInt8] = [
      "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, "\"": 34,
      "`": 96, "?": 63,
    ]
    if let byte = simple[letter] {
      bytes.append(byte)
      return
    }
    let lengths: [Character: (Int, Int)] = ["x": (2, 16), "X": (2, 16), "u": (4, 16), "U": (8, 16)]
    var (count, radix) = lengths[letter] ?? (3, 8)
    var digits = ""
    if lengths[letter] == nil {
      guard ("0"..."3").contains(letter) else {
        throw problem("Syntax error: bad escape", at: start)
      }
      digits.append(letter)
      count = 2
      radix = 8
    }
    for _ in 0..<count {
      guard index < text.count else { throw problem("Syntax error: bad escape", at: start) }
      digits.append(text[index])
      index += 1
    }
    guard let value = UInt32(digits, radix: radix) else {
      throw problem("Syntax error: bad escape", at: start)
    }
    if isBytes, letter != "u", letter != "U" {
      bytes.append(UInt8(truncatingIfNeeded: value))
    } else {
      guard let scalar = Unicode.Scalar(value) else {
        throw problem("Syntax error: bad escape", at: start)
      }
      bytes.append(contentsOf: String(Character(scalar)).utf8)
    }
  }
}
