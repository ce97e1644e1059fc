extension NameRules {
  /// `*.` before an RFC 1123 subdomain.
  static func wildcardSubdomain(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253, "characters")) }
    let isValid = text.hasPrefix("*.") && dns1123Subdomain(String(text.dropFirst(2))).isEmpty
    if !isValid {
      problems.append(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
          + "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
          + "alphanumeric character (e.g. '*.example.com', regex used for validation is "
          + "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
    }
    return problems
  }

  /// `domain/path`, as of controllers of ingress classes; with the part that is at fault.
  static func domainPrefixedPath(_ text: String) -> [(part: String, problem: String)] {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      return [(text, "must be a domain-prefixed path (such as \"acme.io/foo\")")]
    }
    let host = String(parts[0])
    let path = String(parts[1])
    var problems = dns1123Subdomain(host).map { (part: host, problem: $0) }
    let allowed = path.utf8.allSatisfy {
      isAlphanumeric($0) || "/-._~%!$&'()*+,;=:".utf8.contains($0)
    }
    if !allowed {
      problems.append(
        (
          path,
          "Invalid path (e.g. 'acme.io/foo', regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"
        ))
    }
    return problems
  }

  /// RFC 1123 subdomain whose labels may hold and begin with `_`, as of DNS search paths.
  static func dns1123SubdomainWithUnderscore(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253, "characters")) }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let isValid = parts.allSatisfy { part in
      isLabelSyntax(
        part.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "a") : $0 })
    }
    if !isValid {
      problems.append(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', "
          + "'-' or '.', and must start and end with an alphanumeric character (e.g. "
          + "'example.com', regex used for validation is "
          + "'[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?(\\.[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?)*')")
    }
    return problems
  }

  /// The name of a CSI driver: an RFC 1123 subdomain of at most 63 bytes, in any case.
  static func driverName(_ text: String) -> [String] {
    (text.utf8.count > 63 ? [tooLong(63, "characters")] : [])
      + dns1123Subdomain(text.lowercased())
  }

  /// A C identifier: what CEL takes as a name.
  static func isIdentifier(_ text: String) -> Bool {
    guard let first = text.utf8.first else { return false }
    let underscore = UInt8(ascii: "_")
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    return !digits.contains(first)
      && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == underscore }
  }
}
