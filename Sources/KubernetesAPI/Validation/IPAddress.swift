/// An IPv4 or IPv6 address, as validation needs it.
public struct IPAddress: Sendable, Hashable {
  /// 4 or 16 bytes, in network order.
  public let bytes: [UInt8]

  public var isIPv6: Bool { bytes.count == 16 }

  /// - Parameter bytes: 4 or 16.
  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Dotted decimal without leading zeros, or RFC 4291's text without a zone; nil for the rest.
  public init?(_ text: String) {
    if text.contains(":") {
      guard let bytes = Self.parseIPv6(text) else { return nil }
      self.bytes = bytes
    } else {
      guard let bytes = Self.parseIPv4(text[...]) else { return nil }
      self.bytes = bytes
    }
  }

  private static func parseIPv4(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      guard !part.isEmpty, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        part.count == 1 || part.first != "0", let byte = UInt8(part)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static func groups(_ text: Substring, allowIPv4: Bool) -> [UInt8]? {
    if text.isEmpty { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var bytes: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if part.contains(".") {
        guard allowIPv4, index == parts.count - 1, let tail = parseIPv4(part) else { return nil }
        bytes += tail
        continue
      }
      guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
        let group = UInt16(part, radix: 16)
      else { return nil }
      bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
    }
    return bytes
  }

  private static func parseIPv6(_ text: String) -> [UInt8]? {
    var gap: Substring.Index?
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].hasPrefix("::") {
        gap = index
        break
      }
      index = text.index(after: index)
    }
    guard let gap else {
      guard let bytes = groups(text[...], allowIPv4: true), bytes.count == 16 else { return nil }
      return bytes
    }
    guard let head = groups(text[..<gap], allowIPv4: false),
      let tail = groups(text[text.index(gap, offsetBy: 2)...], allowIPv4: true),
      head.count + tail.count <= 14
    else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

  public var isLoopback: Bool {
    isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes[0] == 127
  }

  public var isLinkLocal: Bool {
    isIPv6
      ? bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 : bytes[0] == 169 && bytes[1] == 254
  }

  public var isLinkLocalMulticast: Bool {
    isIPv6
      ? bytes[0] == 0xFF && bytes[1] & 0x0F == 0x02
      : bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0
  }
}

/// An address with a prefix length: `10.0.0.0/24`.
public struct IPRange: Sendable, Hashable {
  public let address: IPAddress
  public let prefixLength: Int

  init(address: IPAddress, prefixLength: Int) {
    self.address = address
    self.prefixLength = prefixLength
  }

  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(String(parts[0])),
      parts[1].allSatisfy(\.isNumber), let length = Int(parts[1]),
      (0...(address.isIPv6 ? 128 : 32)).contains(length)
    else { return nil }
    self.address = address
    prefixLength = length
  }
}
