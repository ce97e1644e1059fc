/// A range of IPv4 addresses, e.g. `10.244.1.0/24`.
public struct IPv4Network: Sendable, Hashable, CustomStringConvertible {
  /// The first address, in host byte order.
  public var base: UInt32
  public var prefixLength: Int

  /// Nil unless `text` is `a.b.c.d/n`; bits beyond the prefix are dropped.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = Self.address(String(parts[0])),
      let length = Int(parts[1]), (0...32).contains(length)
    else { return nil }
    prefixLength = length
    base = address & Self.mask(length)
  }

  public init(base: UInt32, prefixLength: Int) {
    precondition((0...32).contains(prefixLength))
    self.prefixLength = prefixLength
    self.base = base & Self.mask(prefixLength)
  }

  static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~UInt32(0) << UInt32(32 - length) }

  public func contains(_ address: UInt32) -> Bool { address & Self.mask(prefixLength) == base }

  public func overlaps(_ other: IPv4Network) -> Bool {
    contains(other.base) || other.contains(base)
  }

  /// The address `offset` places after the first; nil outside of the range.
  public func address(at offset: UInt32) -> String? {
    let (sum, overflow) = base.addingReportingOverflow(offset)
    guard !overflow, contains(sum) else { return nil }
    return Self.text(sum)
  }

  public var description: String { "\(Self.text(base))/\(prefixLength)" }

  public static func address(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard part.count <= 3, part.allSatisfy({ $0.isASCII && $0.isNumber }),
        let byte = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    return value
  }

  public static func text(_ address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
  }
}
