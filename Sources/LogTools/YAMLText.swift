import JSONDocument

/// Writes JSON values as YAML in kubectl's manner: two spaces, sequences not indented below
/// their key, members in their order or sorted.
public enum YAMLText {
  public static func render(_ value: JSONValue, sortKeys: Bool = true) -> String {
    var output = ""
    write(value, indent: 0, sortKeys: sortKeys, into: &output)
    return output
  }

  private static func write(
    _ value: JSONValue, indent: Int, sortKeys: Bool, into output: inout String
  ) {
    let margin = String(repeating: " ", count: indent)
    switch value {
    case .object(let object) where !object.isEmpty:
      let keys = sortKeys ? object.keys.sorted() : Array(object.keys)
      for key in keys {
        guard let member = object[key] else { continue }
        output += "\(margin)\(scalar(key, blockIndent: nil)):"
        writeMember(member, indent: indent, sortKeys: sortKeys, into: &output)
      }
    case .array(let array) where !array.isEmpty:
      for element in array {
        var inner = ""
        switch element {
        case .object(let object) where !object.isEmpty:
          write(element, indent: indent + 2, sortKeys: sortKeys, into: &inner)
          output += margin + "- " + inner.dropFirst(indent + 2)
        case .array(let nested) where !nested.isEmpty:
          write(element, indent: indent + 2, sortKeys: sortKeys, into: &inner)
          output += margin + "- " + inner.dropFirst(indent + 2)
        default:
          output += "\(margin)- \(text(of: element, indent: indent + 2))\n"
        }
      }
    default:
      output += "\(margin)\(text(of: value, indent: indent))\n"
    }
  }

  private static func writeMember(
    _ value: JSONValue, indent: Int, sortKeys: Bool, into output: inout String
  ) {
    switch value {
    case .object(let object) where !object.isEmpty:
      output += "\n"
      write(value, indent: indent + 2, sortKeys: sortKeys, into: &output)
    case .array(let array) where !array.isEmpty:
      output += "\n"
      write(value, indent: indent, sortKeys: sortKeys, into: &output)
    default:
      output += " \(text(of: value, indent: indent + 2))\n"
    }
  }

  private static func text(of value: JSONValue, indent: Int) -> String {
    switch value {
    case .string(let string): scalar(string, blockIndent: indent)
    case .array: "[]"
    case .object: "{}"
    default: value.text
    }
  }

  /// Quoted only where a plain scalar would be read as something else; several lines become a
  /// literal block, where one is allowed (`blockIndent`).
  private static func scalar(_ string: String, blockIndent: Int?) -> String {
    if string.isEmpty { return "\"\"" }
    if let blockIndent, string.contains("\n"), isBlockSafe(string) {
      let margin = String(repeating: " ", count: blockIndent)
      let endsWithNewline = string.hasSuffix("\n")
      var lines = string.split(separator: "\n", omittingEmptySubsequences: false)
      if endsWithNewline { lines.removeLast() }
      let body = lines.map { $0.isEmpty ? "" : margin + $0 }.joined(separator: "\n")
      return (endsWithNewline ? "|\n" : "|-\n") + body
    }
    if isPlain(string) { return string }
    return JSONValue.string(string).text
  }

  private static func isBlockSafe(_ string: String) -> Bool {
    !string.hasPrefix(" ") && !string.hasPrefix("\n") && !string.hasSuffix("\n\n")
      && !string.unicodeScalars.contains { ($0.value < 0x20 && $0 != "\n") || $0.value == 0x7F }
  }

  private static let reserved: Set<String> = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", ".nan", ".inf", "-.inf",
  ]

  private static func isPlain(_ string: String) -> Bool {
    if reserved.contains(string.lowercased()) { return false }
    guard let first = string.unicodeScalars.first, let last = string.unicodeScalars.last else {
      return false
    }
    let second = string.unicodeScalars.dropFirst().first
    // An option such as -c is plain, a dash before a blank begins an element.
    let isOption = first == "-" && second.map { ("a"..."z").contains($0) || $0 == "-" } ?? false
    if ("-?:,[]{}#&*!|>'\"%@` ".unicodeScalars.contains(first) && !isOption)
      || string.hasPrefix("---") || last == " " || last == ":"
    {
      return false
    }
    // Whatever begins like a number may be one (dates and 1e3 too): quoting is never wrong.
    if ("0"..."9").contains(first) || "+.".unicodeScalars.contains(first) {
      let numeric = string.unicodeScalars.allSatisfy {
        "0123456789.+-eE_:xobTZ".unicodeScalars.contains($0)
      }
      if numeric { return false }
    }
    if string.contains(": ") || string.contains(" #") { return false }
    return !string.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
  }
}
