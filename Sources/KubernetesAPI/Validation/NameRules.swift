/// The rules for names, labels and the like, each returning what is wrong in upstream's words;
/// empty means valid.
public enum NameRules {
  static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  static func isLabelSyntax(_ bytes: some Collection<UInt8>) -> Bool {
    guard let first = bytes.first, isLowerAlphanumeric(first) else { return false }
    var last = first
    for byte in bytes {
      guard isLowerAlphanumeric(byte) || byte == UInt8(ascii: "-") else { return false }
      last = byte
    }
    return isLowerAlphanumeric(last)
  }

  /// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
  static func isQualifiedPart(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first),
      isAlphanumeric(last)
    else { return false }
    return bytes.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        || $0 == UInt8(ascii: ".")
    }
  }

  static func tooLong(_ bound: Int, _ unit: String = "bytes") -> String {
    "must be no more than \(bound) \(unit)"
  }

  /// RFC 1123 label: at most 63 of a-z, 0-9 and `-`.
  public static func dns1123Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63, "characters")) }
    if !isLabelSyntax(text.utf8) {
      problems.append(
        dns1123Subdomain(text).isEmpty
          ? "must not contain dots"
          : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            + "and must start and end with an alphanumeric character (e.g. 'my-name',  or "
            + "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')")
    }
    return problems
  }

  /// RFC 1123 labels joined by dots, at most 253 bytes.
  public static func dns1123Subdomain(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253, "characters")) }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    if !parts.allSatisfy({ isLabelSyntax($0) }) {
      problems.append(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
          + "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
          + "used for validation is "
          + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
    }
    return problems
  }

  /// RFC 1035 label: like RFC 1123's, beginning with a letter.
  public static func dns1035Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63, "characters")) }
    let first = text.utf8.first ?? 0
    if !isLabelSyntax(text.utf8) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) {
      problems.append(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
          + "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
          + "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')")
    }
    return problems
  }

  /// A name that can stand in a URL's path: RBAC's rule.
  public static func pathSegment(_ text: String) -> [String] {
    if text == "." || text == ".." { return ["may not be '\(text)'"] }
    var problems: [String] = []
    for character in ["/", "%"] where text.contains(character) {
      problems.append("may not contain '\(character)'")
    }
    return problems
  }

  static let qualifiedPartRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    + "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    + "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

  /// `[prefix/]name`, as of label and annotation keys, finalizers and resources.
  public static func qualifiedName(_ text: String, what: String = "a qualified name") -> [String] {
    var problems: [String] = []
    // By bytes: every label of every write comes here.
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { Substring($0) }
    guard parts.count <= 2, let name = parts.last else {
      return [
        "\(what) \(qualifiedPartRule) with an optional DNS subdomain prefix and '/' (e.g. "
          + "'example.com/MyName')"
      ]
    }
    if parts.count == 2 {
      let prefix = String(parts[0])
      if prefix.isEmpty {
        problems.append("prefix part must be non-empty")
      } else {
        problems += dns1123Subdomain(prefix).map { "prefix part \($0)" }
      }
    }
    if name.isEmpty {
      problems.append("name part must be non-empty")
    } else if name.utf8.count > 63 {
      problems.append("name part \(tooLong(63))")
    }
    if !isQualifiedPart(name) { problems.append("name part \(qualifiedPartRule)") }
    return problems
  }

  public static func labelKey(_ text: String) -> [String] {
    qualifiedName(text, what: "a valid label key")
  }

  public static func labelValue(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63)) }
    if !text.isEmpty, !isQualifiedPart(text) {
      problems.append(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
          + "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
          + "'my_value',  or '12345', regex used for validation is "
          + "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
    }
    return problems
  }
}
