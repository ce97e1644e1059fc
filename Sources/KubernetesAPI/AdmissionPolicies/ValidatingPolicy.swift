import JSONDocument

/// A ValidatingAdmissionPolicy, compiled (KEP-3488). Pure.
public struct ValidatingPolicy: Sendable {
  /// Why a write is not as the policy wants it.
  public struct Finding: Sendable, Hashable {
    public var message: String
    /// E.g. `Invalid`, `Forbidden`.
    public var reason = "Invalid"
  }

  private struct Check: Sendable {
    var expression: PolicyExpression
    var message: String
    var messageExpression: PolicyExpression?
    var reason: String
  }

  public let head: PolicyHead
  private let checks: [Check]

  /// - Parameter object: a policy that is valid.
  public init(_ object: JSONValue) {
    head = PolicyHead(object)
    checks = (object.at("spec", "validations")?.arrayValue ?? []).compactMap { value in
      PolicyExpression(value["expression"]).map { expression in
        Check(
          expression: expression, message: value["message"]?.stringValue ?? "",
          messageExpression: PolicyExpression(value["messageExpression"]),
          reason: value["reason"]?.stringValue ?? "Invalid")
      }
    }
  }

  /// What is wrong with a write that the policy is about, in the order of its validations.
  ///
  /// - Parameter parameters: the object that parametrizes the policy, if it has such.
  public func evaluate(_ attributes: AdmissionAttributes, parameters: JSONValue?) -> [Finding] {
    var run: PolicyRun
    do throws(CELError) {
      guard let begun = try head.begin(attributes, parameters: parameters) else { return [] }
      run = begun
    } catch {
      return failure(error.message)
    }
    var findings: [Finding] = []
    for check in checks {
      switch run.value(of: check.expression) {
      case .success(.bool(true)): continue
      case .success:
        findings.append(Finding(message: message(of: check, &run), reason: check.reason))
      case .failure(let error):
        findings += failure(
          "expression '\(check.expression.text.trimmingSpaces)' resulted in error: "
            + run.explained(error))
      }
    }
    return findings
  }

  /// What a failure to decide comes to.
  public func failure(_ message: String) -> [Finding] {
    head.ignoresFailures ? [] : [Finding(message: message)]
  }

  /// Upstream's bound on what `messageExpression` gives.
  private static let maximumMessageBytes = 5 * 1024

  private func message(of check: Check, _ run: inout PolicyRun) -> String {
    if let expression = check.messageExpression,
      case .success(.string(let text)) = run.value(of: expression)
    {
      let trimmed = text.trimmingSpaces
      if !trimmed.isEmpty, !trimmed.contains("\n"), trimmed.utf8.count <= Self.maximumMessageBytes {
        return trimmed
      }
    }
    let message = check.message.trimmingSpaces
    return message.isEmpty
      ? "failed expression: \(check.expression.text.trimmingSpaces)" : message
  }
}
