import JSONDocument

/// A condition on a few fields, which differ by kind: `metadata.name=a,status.phase!=Running`.
public struct FieldSelector: Sendable, Hashable, CustomStringConvertible {
  public struct Term: Sendable, Hashable {
    public var field: String
    public var value: String
    /// Whether the field must differ from the value.
    public var negated: Bool
  }

  /// All must hold.
  public var terms: [Term]

  public static let everything = FieldSelector(terms: [])

  public init(terms: [Term]) { self.terms = terms }

  /// The text of a `fieldSelector` query parameter; call `check(for:)` once the kind is known.
  ///
  /// - Throws: BadRequest, worded as upstream words it.
  public init(parsing text: String) throws(APIStatus) {
    terms = []
    for part in Self.split(text) where !part.isEmpty {
      guard let (field, negated, rawValue) = Self.splitTerm(part) else {
        throw .badRequest(
          "invalid selector: '\(text)'; can't understand '\(part)'")
      }
      terms.append(Term(field: field, value: try Self.unescape(rawValue), negated: negated))
    }
  }

  public init(parsing text: String, resource: ResourceInfo) throws(APIStatus) {
    try self.init(parsing: text)
    try check(for: resource)
  }

  public var isEverything: Bool { terms.isEmpty }

  /// The name that an object must have, if a term says so.
  public var exactName: String? {
    terms.first { $0.field == "metadata.name" && !$0.negated }?.value
  }

  private static func split(_ text: String) -> [String] {
    var parts: [String] = []
    var current = ""
    var escaped = false
    for character in text {
      if escaped {
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else if character == "," {
        parts.append(current)
        current = ""
        continue
      }
      current.append(character)
    }
    parts.append(current)
    return parts
  }

  private static func splitTerm(_ text: String) -> (String, Bool, String)? {
    var index = text.startIndex
    while index < text.endIndex {
      let rest = text[index...]
      for (symbol, negated) in [("!=", true), ("==", false), ("=", false)]
      where rest.hasPrefix(symbol) {
        return (String(text[..<index]), negated, String(rest.dropFirst(symbol.count)))
      }
      index = text.index(after: index)
    }
    return nil
  }

  private static func unescape(_ text: String) throws(APIStatus) -> String {
    guard text.contains("\\") || text.contains("=") || text.contains(",") else { return text }
    var result = ""
    var escaped = false
    for character in text {
      if escaped {
        guard character == "\\" || character == "," || character == "=" else {
          throw .badRequest(
            "invalid field selector: invalid escape sequence: \\\(character)")
        }
        result.append(character)
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else if character == "," || character == "=" {
        throw .badRequest(
          "invalid field selector: unescaped character in value: \(character)")
      } else {
        result.append(character)
      }
    }
    if escaped { throw .badRequest("invalid field selector: invalid escape sequence: \\") }
    return result
  }

  public func matches(_ object: JSONValue, resource: ResourceInfo) -> Bool {
    for term in terms {
      let value = Self.value(of: term.field, in: object, resource: resource)
      if (value == term.value) == term.negated { return false }
    }
    return true
  }

  public var description: String {
    terms.map { term in
      var value = ""
      for character in term.value {
        if "\\,=".contains(character) { value.append("\\") }
        value.append(character)
      }
      return term.field + (term.negated ? "!=" : "=") + value
    }.joined(separator: ",")
  }
}
