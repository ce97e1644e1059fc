/// Why a patch can't be applied.
public enum PatchError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The patch is not of its format, e.g. not a list of operations: HTTP 400.
  case malformed(String)
  /// The patch is well formed and does not fit the document: HTTP 422, without a reason given.
  case notApplicable(String)
  /// A `test` operation finds something else: as above.
  case testFailed(String)
  /// The patched document does not fit its kind: HTTP 422 for the field `patch`.
  case invalidResult(value: String, detail: String)
  /// A directive of a strategic merge patch is wrong: upstream answers HTTP 500 here.
  case directive(String)
  /// More operations than are allowed: HTTP 413.
  case tooLarge(String)

  public var description: String {
    switch self {
    case .malformed(let text), .notApplicable(let text), .testFailed(let text),
      .directive(let text), .tooLarge(let text):
      text
    case .invalidResult(_, let detail): detail
    }
  }
}
