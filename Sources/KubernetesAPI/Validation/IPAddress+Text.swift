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

  /// What is wrong with the text of an address where only the canonical form will do.
  static func canonicalProblems(_ text: String) -> [String] {
    guard let address = IPAddress(text) else {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      let stripped = parts.map { part in
        let rest = part.drop { $0 == "0" }
        return rest.isEmpty ? "0" : String(rest)
      }
      if parts.count == 4, IPAddress(stripped.joined(separator: ".")) != nil {
        return ["must not have leading 0s"]
      }
      return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    }
    let canonical = address.canonicalText
    return canonical == text ? [] : ["must be in canonical form (\"\(canonical)\")"]
  }
}

extension IPRange {
  /// Whether any bit after the prefix is set.
  var hasHostBits: Bool { !bits(of: address, from: prefixLength).allSatisfy { !$0 } }

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
