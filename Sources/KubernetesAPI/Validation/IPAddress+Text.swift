extension IPAddress {
  /// The one text of an address: dotted decimal, or RFC 5952's form.
  public var canonicalText: String {
    guard isIPv6 else { return bytes.map { String($0) }.joined(separator: ".") }
    let groups = (0..<8).map { Int(bytes[2 * $0]) << 8 | Int(bytes[2 * $0 + 1]) }
    if groups.prefix(5).allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF {
      return "::ffff:" + bytes.suffix(4).map { String($0) }.joined(separator: ".")
    }
    var best = 0..<0
    var start: Int?
    for index in 0...8 {
      if index < 8, groups[index] == 0 {
        start = start ?? index
      } else if let first = start {
        if index - first > best.count { best = first..<index }
        start = nil
      }
    }
    func text(_ part: ArraySlice<Int>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard best.count > 1 else { return text(groups[...]) }
    return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
  }

  /// Dotted decimal whose parts may have zeros in front, as old parsers took it, and all that
  /// `init(_:)` takes.
  public init?(lenient text: String) {
    if let address = IPAddress(text) {
      self = address
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let stripped = parts.map { part in
      let rest = part.drop { $0 == "0" }
      return rest.isEmpty && !part.isEmpty ? "0" : String(rest)
    }
    guard parts.count == 4, let address = IPAddress(stripped.joined(separator: ".")) else {
      return nil
    }
    self = address
  }

  /// Whether it is an IPv4 address in the form of an IPv6 one.
  public var isMapped: Bool {
    isIPv6 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
  }

  /// What is wrong with the text of an address.
  static func problems(_ text: String) -> [String] {
    guard let address = IPAddress(text) else {
      return [
        IPAddress(lenient: text) == nil
          ? "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
          : "must not have leading 0s"
      ]
    }
    return address.isMapped ? ["must not be an IPv4-mapped IPv6 address"] : []
  }

  /// What is wrong with the text of an address where only the canonical form will do.
  static func canonicalProblems(_ text: String) -> [String] {
    let problems = problems(text)
    guard problems.isEmpty, let address = IPAddress(text), address.canonicalText != text else {
      return problems
    }
    return ["must be in canonical form (\"\(address.canonicalText)\")"]
  }
}

extension IPRange {
  /// An address with or without zeros in front of its parts, and a prefix length likewise.
  public init?(lenient text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(lenient: String(parts[0])),
      !parts[1].isEmpty, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int(parts[1]), (0...(address.isIPv6 ? 128 : 32)).contains(length)
    else { return nil }
    self.init(address: address, prefixLength: length)
  }

  /// The one text of the range, bits behind its prefix cleared.
  public var canonicalText: String { "\(masked.address.canonicalText)/\(prefixLength)" }

  /// What is wrong with the text of a range.
  static func problems(_ text: String) -> [String] {
    guard let range = IPRange(lenient: text) else {
      return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    }
    var problems: [String] = []
    let parts = text.split(separator: "/")
    if IPAddress(String(parts[0])) == nil { problems.append("must not have leading 0s in IP") }
    if parts[1].count > 1, parts[1].first == "0" {
      problems.append("must not have leading 0s in prefix length")
    }
    if range.address.isMapped { problems.append("must not have an IPv4-mapped IPv6 address") }
    if range.hasHostBits { problems.append("must not have bits set beyond the prefix length") }
    return problems
  }

  /// Whether any bit after the prefix is set.
  public var hasHostBits: Bool { !bits(of: address, from: prefixLength).allSatisfy { !$0 } }

  /// Whether all of `other` lies in this range, which is larger.
  func strictlyContains(_ other: IPRange) -> Bool {
    guard address.isIPv6 == other.address.isIPv6, prefixLength < other.prefixLength else {
      return false
    }
    return (0..<prefixLength).allSatisfy { address.bit($0) == other.address.bit($0) }
  }

  /// Whether the address lies in the range.
  public func contains(_ other: IPAddress) -> Bool {
    address.isIPv6 == other.isIPv6
      && (0..<prefixLength).allSatisfy { address.bit($0) == other.bit($0) }
  }

  /// The range with the bits behind its prefix cleared.
  var masked: IPRange {
    var bytes = address.bytes
    for index in bytes.indices {
      let bits = min(max(prefixLength - index * 8, 0), 8)
      bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    }
    return IPRange(address: IPAddress(bytes: bytes), prefixLength: prefixLength)
  }

  private func bits(of address: IPAddress, from start: Int) -> [Bool] {
    (start..<address.bytes.count * 8).map { address.bit($0) }
  }
}

extension IPAddress {
  fileprivate func bit(_ index: Int) -> Bool { bytes[index / 8] & (0x80 >> UInt8(index % 8)) != 0 }
}

extension IPAddress: CustomStringConvertible {
  public var description: String { canonicalText }
}
