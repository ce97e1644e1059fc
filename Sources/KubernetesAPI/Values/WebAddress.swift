/// A URL in its parts, read as strictly as Go's `url.ParseRequestURI` reads it.
public struct WebAddress: Sendable, Hashable {
  public var scheme = ""
  /// With the port, if one is given.
  public var host = ""
  /// As written, escapes included.
  public var path = ""
  public var query = ""
  public var fragment = ""

  /// `nil` for what is neither absolute nor an absolute path.
  public init?(parsing text: String) {
    guard !text.isEmpty,
      text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
    else { return nil }
    var rest = Substring(text)
    if let colon = rest.firstIndex(of: ":") {
      let name = rest[..<colon]
      let isScheme =
        name.first.map { $0.isASCII && $0.isLetter } ?? false
        && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
      if isScheme {
        scheme = name.lowercased()
        rest = rest[rest.index(after: colon)...]
      } else if name.isEmpty {
        return nil
      }
    }
    if let hash = rest.firstIndex(of: "#") {
      fragment = String(rest[rest.index(after: hash)...])
      rest = rest[..<hash]
    }
    if let mark = rest.firstIndex(of: "?") {
      query = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    guard rest.hasPrefix("/") else {
      guard !scheme.isEmpty, !rest.isEmpty else { return nil }
      path = String(rest)
      return
    }
    if rest.hasPrefix("//"), !scheme.isEmpty || !rest.hasPrefix("///") {
      let authority = rest.dropFirst(2).prefix { $0 != "/" }
      rest = rest.dropFirst(2 + authority.count)
      host = String(authority.split(separator: "@", omittingEmptySubsequences: false).last ?? "")
      guard isHostValid else { return nil }
    }
    path = String(rest)
    guard Self.hasValidEscapes(path), Self.hasValidEscapes(fragment) else { return nil }
  }

  private var isHostValid: Bool {
    if host.hasPrefix("[") {
      guard let close = host.firstIndex(of: "]") else { return false }
      let address = host[host.index(after: host.startIndex)..<close]
      let bare = String(address.split(separator: "%").first ?? "")
      guard IPAddress(bare)?.isIPv6 ?? false else { return false }
      return Self.isPort(host[host.index(after: close)...])
    }
    if let colon = host.lastIndex(of: ":"), !Self.isPort(host[colon...]) { return false }
    return Self.hasValidEscapes(host)
      && host.unicodeScalars.allSatisfy { !" \"<>\\^`{|}".unicodeScalars.contains($0) }
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.isEmpty
      || text.hasPrefix(":") && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  }

  private static func hasValidEscapes(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
      guard index + 2 < bytes.count,
        UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16) != nil
      else { return false }
    }
    return true
  }

  /// The host without brackets and port.
  public var hostname: String {
    if host.hasPrefix("["), let close = host.firstIndex(of: "]") {
      return String(host[host.index(after: host.startIndex)..<close])
    }
    return String(host.prefix { $0 != ":" })
  }

  /// Empty where none is given.
  public var port: String {
    let rest = host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host[...]
    return rest.lastIndex(of: ":").map { String(rest[rest.index(after: $0)...]) } ?? ""
  }

  /// The parameters of the query, each with its values in order.
  public var parameters: [String: [String]] {
    var result: [String: [String]] = [:]
    for part in query.split(separator: "&") where !part.contains(";") {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = Self.unescaped(sides[0])
      result[name, default: []].append(sides.count > 1 ? Self.unescaped(sides[1]) : "")
    }
    return result
  }

  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    let source = Array(text.utf8)
    var index = 0
    while index < source.count {
      if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
        let byte = UInt8(
          String(decoding: source[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
        index += 3
      } else {
        bytes.append(source[index] == UInt8(ascii: "+") ? 0x20 : source[index])
        index += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
