/// A path into a JSON document, RFC 6901.
public struct JSONPointer: Sendable, Hashable {
  public var tokens: [String]

  /// `~1` stands for a slash and `~0` for a tilde. Like upstream, whatever stands before the
  /// first slash is ignored; nil where there is no slash and the text is not empty.
  public init?(parsing text: String) {
    if text.isEmpty {
      tokens = []
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    tokens = parts.dropFirst().map(Self.unescape)
  }

  /// A token as it is written in a path.
  public static func escaped(_ token: String) -> String {
    var result: [UInt8] = []
    for byte in token.utf8 {
      switch byte {
      case UInt8(ascii: "~"): result += "~0".utf8
      case UInt8(ascii: "/"): result += "~1".utf8
      default: result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func unescape(_ token: Substring) -> String {
    guard token.utf8.contains(UInt8(ascii: "~")) else { return String(token) }
    var result: [UInt8] = []
    var tilde = false
    for byte in token.utf8 {
      if tilde {
        tilde = false
        switch byte {
        case UInt8(ascii: "1"): result.append(UInt8(ascii: "/"))
        case UInt8(ascii: "0"): result.append(UInt8(ascii: "~"))
        default: result += [UInt8(ascii: "~"), byte]
        }
      } else if byte == UInt8(ascii: "~") {
        tilde = true
      } else {
        result.append(byte)
      }
    }
    if tilde { result.append(UInt8(ascii: "~")) }
    return String(decoding: result, as: UTF8.self)
  }
}
