import JSONDocument

/// An expression of an admission policy.
struct PolicyExpression: Sendable {
  var text: String
  /// `nil` where it can't be read.
  var compiled: CELExpression?

  /// `nil` where there is none.
  init?(_ value: JSONValue?) {
    guard let text = value?.stringValue, !text.isEmpty else { return nil }
    self.text = text
    compiled = try? CELParser.parse(text)
  }
}
