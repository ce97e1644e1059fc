/// An IPv4 address in host byte order.
public struct IPv4Address: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// Nil unless `text` is four decimal numbers of 0 to 255, without leading zeros (some
  /// resolvers would read those as octal).
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        part.utf8.count == 1 || part.utf8.first != 48, let byte = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    rawValue = value
  }

  public static let loopback = IPv4Address(rawValue: 0x7f00_0001)

  public var bytes: [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rawValue >> UInt32($0)) }
  }

  public var description: String {
    bytes.map { String($0) }.joined(separator: ".")
  }

  public static func < (lhs: IPv4Address, rhs: IPv4Address) -> Bool {
    lhs.rawValue < rhs.rawValue
  }
}
