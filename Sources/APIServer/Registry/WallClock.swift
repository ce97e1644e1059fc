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
    // Each random number is a system call, however small it is.
    let high = UInt64.random(in: 0 ... .max) & ~0xF000 | 0x4000
    let low = UInt64.random(in: 0 ... .max) & ~(3 << 62) | 1 << 63
    return String(unsafeUninitializedCapacity: 36) { text in
      var place = 0
      for (word, digits) in [(high, 0..<16), (low, 16..<32)] {
        for digit in digits {
          if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
            text[place] = UInt8(ascii: "-")
            place += 1
          }
          let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - digit % 16 * 4)) & 15
          text[place] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
          place += 1
        }
      }
      return place
    }
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
