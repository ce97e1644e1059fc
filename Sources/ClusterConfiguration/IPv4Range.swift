/// A range of IPv4 addresses in CIDR notation, such as `10.96.0.0/16`.
public struct IPv4Range: Sendable, Hashable, CustomStringConvertible {
  public let first: IPv4Address
  /// 0 to 32.
  public let prefixLength: Int

  /// Nil where `prefixLength` is not 0 to 32 or `first` has bits beyond it.
  public init?(first: IPv4Address, prefixLength: Int) {
    guard (0...32).contains(prefixLength), first.rawValue & ~Self.mask(prefixLength) == 0 else {
      return nil
    }
    self.first = first
    self.prefixLength = prefixLength
  }

  /// Nil unless `text` is `A.B.C.D/LENGTH` where the address has no bits beyond the prefix.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(parts[0]),
      (1...2).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
      let length = Int(parts[1])
    else { return nil }
    self.init(first: address, prefixLength: length)
  }

  public var last: IPv4Address {
    IPv4Address(rawValue: first.rawValue | ~Self.mask(prefixLength))
  }

  /// The address `offset` places after the first; nil outside the range.
  public func address(_ offset: UInt32) -> IPv4Address? {
    guard offset <= last.rawValue - first.rawValue else { return nil }
    return IPv4Address(rawValue: first.rawValue + offset)
  }

  /// The sub-range number `index` of the given prefix length; nil outside the range.
  public func subrange(_ index: UInt32, prefixLength length: Int) -> IPv4Range? {
    guard length >= prefixLength, (1...32).contains(length) else { return nil }
    let offset = UInt64(index) << UInt64(32 - length)
    guard offset <= UInt64(last.rawValue - first.rawValue) else { return nil }
    return IPv4Range(
      first: IPv4Address(rawValue: first.rawValue + UInt32(offset)), prefixLength: length)
  }

  public func contains(_ address: IPv4Address) -> Bool {
    first <= address && address <= last
  }

  public func contains(_ other: IPv4Range) -> Bool {
    first <= other.first && other.last <= last
  }

  public func overlaps(_ other: IPv4Range) -> Bool {
    first <= other.last && other.first <= last
  }

  public var description: String { "\(first)/\(prefixLength)" }

  private static func mask(_ length: Int) -> UInt32 {
    length == 0 ? 0 : UInt32.max << UInt32(32 - length)
  }
}
