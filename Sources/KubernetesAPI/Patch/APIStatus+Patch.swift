import JSONDocument

extension APIStatus {
  /// A patch's failure as the API answers it.
  public init(_ error: PatchError, kind: String = "", group: String = "", name: String = "") {
    switch error {
    case .malformed(let message): self = .badRequest(message)
    case .notApplicable, .testFailed:
      self.init(
        code: 422, reason: "Invalid",
        message: "the server rejected our request due to an error in our request")
    case .directive(let message): self.init(code: 500, reason: "", message: message)
    case .tooLarge(let message):
      self.init(code: 413, reason: "RequestEntityTooLarge", message: message)
    case .invalidResult(let value, let detail):
      let text = "Invalid value: \(GoFormat.quoted(value)): \(detail)"
      self.init(
        code: 422, reason: "Invalid", message: " \"\" is invalid: patch: \(text)",
        causes: [Cause(reason: "FieldValueInvalid", message: text, field: "patch")])
    }
  }
}
