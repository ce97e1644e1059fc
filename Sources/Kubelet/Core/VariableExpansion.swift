/// Replaces `$(NAME)` in commands, arguments and values: `$$` is a dollar, and a reference to an
/// unknown name stays as it is written.
enum VariableExpansion {
  static func expand(_ text: String, _ values: [String: String]) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[dollar...].dropFirst()
      if rest.first == "$" {
        result += "$"
        rest = rest.dropFirst()
      } else if rest.first == "(", let end = rest.firstIndex(of: ")") {
        let name = rest[rest.index(after: rest.startIndex)..<end]
        result += values[String(name)] ?? "$(\(name))"
        rest = rest[rest.index(after: end)...]
      } else {
        result += "$"
      }
    }
    return result + rest
  }
}
