/// Standard base64 with padding, RFC 4648.
public enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count + 2) / 3 * 4)
    var buffer: UInt32 = 0
    var pending = 0
    for byte in bytes {
      buffer = buffer << 8 | UInt32(byte)
      pending += 8
      while pending >= 6 {
        pending -= 6
        output.append(alphabet[Int(buffer >> UInt32(pending)) & 63])
      }
      buffer &= (1 << UInt32(pending)) - 1
    }
    if pending > 0 { output.append(alphabet[Int(buffer << UInt32(6 - pending)) & 63]) }
    while output.count % 4 != 0 { output.append(UInt8(ascii: "=")) }
    return String(decoding: output, as: UTF8.self)
  }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  /// Line breaks are skipped; nil for anything else that is not base64.
  public static func decode(_ text: String) -> [UInt8]? {
    var output: [UInt8] = []
    output.reserveCapacity(text.utf8.count / 4 * 3)
    var buffer: UInt32 = 0
    var pending = 0
    var digits = 0
    var padding = 0
    for byte in text.utf8 where byte != 0x0A && byte != 0x0D {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let value = value(byte) else { return nil }
      buffer = buffer << 6 | value
      digits += 1
      pending += 6
      if pending >= 8 {
        pending -= 8
        output.append(UInt8(truncatingIfNeeded: buffer >> UInt32(pending)))
        buffer &= (1 << UInt32(pending)) - 1
      }
    }
    guard padding <= 2, (digits + padding) % 4 == 0, digits % 4 != 1 else { return nil }
    return output
  }

  /// Where decoding fails, as Go counts it.
  static func firstBadByte(_ text: String) -> Int {
    var position = 0
    for byte in text.utf8 {
      if value(byte) == nil, byte != 0x0A, byte != 0x0D { return position }
      position += 1
    }
    return position / 4 * 4
  }
}
