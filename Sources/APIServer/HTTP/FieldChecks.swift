import JSONDocument
import KubernetesAPI

/// Fields that the catalogue does not know, and members that are there twice.
enum FieldChecks {
  /// Removes unknown fields and tells of them as the call wishes.
  ///
  /// - Parameter stored: what was found good before, see `FieldValidation.prune`.
  /// - Throws: 400 where a value has the wrong type, and for anything unknown or repeated where
  ///   validation is strict.
  @discardableResult
  static func apply(
    to object: inout JSONValue, info: ResourceInfo, stored: JSONValue? = nil,
    problems: TextProblems, context: RequestContext
  ) throws(APIStatus) -> FieldValidation.Findings {
    let findings = FieldValidation.prune(&object, resource: info, stored: stored)
    if let mismatch = findings.mismatch {
      throw FieldValidation.decodingError(mismatch, resource: info)
    }
    switch context.fieldValidation {
    case .ignore: break
    case .strict:
      if let failure = FieldValidation.strictError(
        findings, problems: problems.errors, resource: info)
      {
        throw failure
      }
    case .warn:
      for warning in problems.warnings { context.warnings.add(warning) }
      for message in findings.messages { context.warnings.add(message) }
    }
    return findings
  }
}
