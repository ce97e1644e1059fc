/// A host (IPv4 address or DNS name) and a TCP port, written `HOST:PORT`.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
  public var host: String
  /// 1 to 65535.
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Nil unless `text` is `HOST:PORT`.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, Self.isHost(parts[0]), (1...5).contains(parts[1].utf8.count),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(parts[1]),
      (1...65535).contains(port)
    else { return nil }
    self.init(host: String(parts[0]), port: port)
  }

  public var description: String { "\(host):\(port)" }

  /// Whether `text` is an IPv4 address or a DNS name (RFC 1123). What looks like a number all
  /// through is taken for a mistyped address.
  public static func isHost(_ text: some StringProtocol) -> Bool {
    if IPv4Address(text) != nil { return true }
    let isNumeric = text.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 }
    return !isNumeric && text.utf8.count <= 253
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        DNSLabel.isValid($0.lowercased())
      }
  }
}

/// The form of names in Kubernetes (RFC 1123 label).
public enum DNSLabel {
  /// Lower-case letters, digits and `-`, at most 63, beginning and ending with a letter or digit.
  public static func isValid(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (97...122).contains(byte) || (48...57).contains(byte)
    }
    guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
      return false
    }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && bytes.allSatisfy { isAlphanumeric($0) || $0 == 45 }
  }
}
