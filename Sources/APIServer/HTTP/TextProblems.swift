import KubernetesAPI

/// What a text says that its value no longer tells: members that are there twice. Warned of, or
/// refused, as the caller's `fieldValidation` wants it.
public struct TextProblems: Sendable, Hashable {
  /// A warning each.
  var warnings: [String] = []
  /// The same, worded for a strict refusal.
  var errors: [String] = []

  public init() {}

  /// - Parameter duplicates: paths of members that an object in JSON has more than once.
  init(duplicates: [String]) {
    warnings = duplicates.map(FieldValidation.duplicateMessage)
    errors = warnings
  }

  /// - Parameter keys: a line of text for each key that a mapping in YAML has more than once.
  init(repeatedYAMLKeys keys: [String]) {
    warnings = keys
    if !keys.isEmpty {
      errors = ["yaml: unmarshal errors:\n" + keys.map { "  \($0)" }.joined(separator: "\n")]
    }
  }

  /// - Parameter unknown: paths of members of its operations that mean nothing.
  init(jsonPatch problems: TextProblems, unknown: [String]) {
    let all = problems.warnings + unknown.map { "unknown field \(GoFormat.quoted($0))" }
    warnings = all.map { "json patch \($0)" }
    errors = warnings
  }
}
