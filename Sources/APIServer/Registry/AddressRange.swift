/// An IPv4 range such as 10.96.0.0/16.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
  public let base: UInt32
  public let prefixLength: Int

  /// - Returns: `nil` where `text` is no IPv4 CIDR with a prefix from 8 to 30.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let length = Int(parts[1]), (8...30).contains(length),
      let address = Self.address(String(parts[0]))
    else { return nil }
    prefixLength = length
    base = address & (UInt32.max << UInt32(32 - length))
  }

  /// How many addresses can be given out: not the network's own, nor the broadcast address.
  public var usableCount: Int { (1 << (32 - prefixLength)) - 2 }

  /// The address at `offset` from 1 up to `usableCount`.
  public func address(at offset: Int) -> String { Self.text(base &+ UInt32(offset)) }

  public func contains(_ address: UInt32) -> Bool {
    address & (UInt32.max << UInt32(32 - prefixLength)) == base
  }

  /// Whether the address can be given out: in the range, neither its first nor its last.
  public func isUsable(_ address: UInt32) -> Bool {
    contains(address) && address != base
      && address != base | ~(UInt32.max << UInt32(32 - prefixLength))
  }

  public static func address(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var result: UInt32 = 0
    for part in parts {
      guard !part.isEmpty, part.count <= 3, part.allSatisfy({ $0.isASCII && $0.isNumber }),
        part.count == 1 || part.first != "0", let byte = UInt8(part)
      else { return nil }
      result = result << 8 | UInt32(byte)
    }
    return result
  }

  public static func text(_ address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
  }

  public var description: String { "\(Self.text(base))/\(prefixLength)" }
}
