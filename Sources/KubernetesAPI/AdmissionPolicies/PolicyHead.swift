import JSONDocument

/// What admission policies have in common: what they are called, which writes they are about, and
/// what their expressions may name.
public struct PolicyHead: Sendable {
  /// The kind of the objects that parametrize a policy.
  public struct ParameterKind: Sendable, Hashable {
    public var apiVersion: String
    public var kind: String
  }

  public let name: String
  public let parameterKind: ParameterKind?
  /// Whether a failure to decide lets the write pass.
  public let ignoresFailures: Bool
  private let match: ResourceMatch
  private let conditions: [(name: String, expression: PolicyExpression)]
  private let variables: [(name: String, expression: PolicyExpression)]

  /// - Parameter object: a policy that is valid.
  init(_ object: JSONValue) {
    let spec = object["spec"]
    name = object.at("metadata", "name")?.stringValue ?? ""
    parameterKind = (spec?["paramKind"]).map {
      ParameterKind(
        apiVersion: $0["apiVersion"]?.stringValue ?? "", kind: $0["kind"]?.stringValue ?? "")
    }
    ignoresFailures = spec?["failurePolicy"] == "Ignore"
    match = ResourceMatch(spec?["matchConstraints"])
    func named(_ key: String) -> [(name: String, expression: PolicyExpression)] {
      (spec?[key]?.arrayValue ?? []).compactMap { value in
        PolicyExpression(value["expression"]).map { (value["name"]?.stringValue ?? "", $0) }
      }
    }
    conditions = named("matchConditions")
    variables = named("variables")
  }

  public func matches(_ attributes: AdmissionAttributes) -> Bool { match.matches(attributes) }

  /// Begins an evaluation: looks at the conditions, and computes the variables.
  ///
  /// - Returns: nil where the conditions say that the write is none of the policy's business.
  func begin(_ attributes: AdmissionAttributes, parameters: JSONValue?) throws(CELError)
    -> PolicyRun?
  {
    var run = PolicyRun(attributes, parameters: parameters)
    for (name, expression) in conditions {
      switch run.value(of: expression) {
      case .success(.bool(true)): continue
      case .success(.bool(false)): return nil
      case .success: throw CELError(message: "match condition '\(name)' is no boolean")
      case .failure(let error):
        throw CELError(message: "match condition '\(name)' resulted in error: \(error.message)")
      }
    }
    for (name, expression) in variables { run.define(name, run.value(of: expression)) }
    return run
  }
}
