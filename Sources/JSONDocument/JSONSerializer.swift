extension JSONValue {
  /// Compact JSON, members in their order, strings as UTF-8.
  public func serialized() -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(1024)
    serialize(into: &output)
    return output
  }

  public var text: String { String(decoding: serialized(), as: UTF8.self) }

  public func serialize(into output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .int(let value): output.append(contentsOf: String(value).utf8)
    case .double(let value): output.append(contentsOf: Self.text(of: value).utf8)
    case .string(let value): Self.serialize(value, into: &output)
    case .array(let values):
      output.append(UInt8(ascii: "["))
      for (position, value) in values.enumerated() {
        if position > 0 { output.append(UInt8(ascii: ",")) }
        value.serialize(into: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let object):
      output.append(UInt8(ascii: "{"))
      var isFirst = true
      object.forEachMember { key, value in
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        Self.serialize(key, into: &output)
        output.append(UInt8(ascii: ":"))
        value.serialize(into: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  /// Go writes whole doubles without a fraction.
  static func text(of value: Double) -> String {
    if let whole = Int64(exactly: value), abs(value) < 1e15 { return String(whole) }
    let text = "\(value)"
    // Powers of ten are left to numbers of 22 digits and more, or below a millionth.
    guard abs(value) < 1e21, abs(value) >= 1e-6, let mark = text.firstIndex(of: "e"),
      let exponent = Int(text[text.index(after: mark)...])
    else { return text.hasSuffix(".0") ? String(text.dropLast(2)) : text }
    let isNegative = text.hasPrefix("-")
    let mantissa = text[..<mark].drop { $0 == "-" }
    let digits = mantissa.filter { $0 != "." }
    let point = 1 + exponent
    var plain = String(digits)
    if point <= 0 {
      plain = "0." + String(repeating: "0", count: -point) + plain
    } else if plain.count <= point {
      plain += String(repeating: "0", count: point - plain.count)
    } else {
      plain.insert(".", at: plain.index(plain.startIndex, offsetBy: point))
    }
    return isNegative ? "-" + plain : plain
  }

  public static func serialize(_ string: String, into output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    var string = string
    string.withUTF8 { bytes in
      var start = 0
      for position in 0..<bytes.count {
        let byte = bytes[position]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
          continue
        }
        output.append(contentsOf: bytes[start..<position])
        start = position + 1
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        default:
          let digits = Array("0123456789abcdef".utf8)
          output.append(contentsOf: "u00".utf8)
          output.append(digits[Int(byte >> 4)])
          output.append(digits[Int(byte & 15)])
        }
      }
      output.append(contentsOf: bytes[start...])
    }
    output.append(UInt8(ascii: "\""))
  }
}
