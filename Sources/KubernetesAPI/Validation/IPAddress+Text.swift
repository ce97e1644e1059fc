extension IPAddress: CustomStringConvertible {
  /// The canonical form (RFC 5952).
  public var description: String {
    guard isIPv6 else { return bytes.map(String.init).joined(separator: ".") }
    let groups = (0..<8).map { Int(bytes[$0 * 2]) << 8 | Int(bytes[$0 * 2 + 1]) }
    // The longest run of two or more zeros is left out, of several the first.
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    func text(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !best.isEmpty else { return text(0..<8) }
    return text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
  }
}

extension IPRange {
  /// The range with the bits behind its prefix cleared.
  var masked: IPRange {
    var bytes = address.bytes
    for index in bytes.indices {
      let bits = min(max(prefixLength - index * 8, 0), 8)
      bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    }
    return IPRange(address: IPAddress(bytes: bytes), prefixLength: prefixLength)
  }
}
