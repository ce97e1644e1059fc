import Glibc

/// The time of day.
enum WallClock {
  /// Milliseconds since 1970.
  static func milliseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec / 1_000_000)
  }

  static func seconds() -> Int64 { Int64(milliseconds() / 1000) }

  /// RFC 3339 in UTC with whole seconds, as metadata holds times.
  static func timestamp(seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    func pad(_ value: Int32, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return "\(pad(parts.tm_year + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
      + "T\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))Z"
  }

  static func now() -> String { timestamp(seconds: seconds()) }
}

/// Random identifiers.
enum Identifier {
  /// A version 4 UUID in lower case.
  static func uuid() -> String {
    var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for (position, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(position) { text.append(UInt8(ascii: "-")) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The five characters that end a generated name; neither vowels nor what looks alike, so that
  /// no words come out.
  static func suffix(_ count: Int = 5) -> String {
    let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)
    return String(
      decoding: (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] },
      as: UTF8.self)
  }

  /// A name from `generateName`, cut so that it stays within 63 characters.
  static func name(prefix: String) -> String { String(prefix.prefix(58)) + suffix() }
}
