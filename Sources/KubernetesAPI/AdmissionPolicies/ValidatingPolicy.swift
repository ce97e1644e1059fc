import JSONDocument

/// A ValidatingAdmissionPolicy, compiled (KEP-3488). Pure.
public struct ValidatingPolicy: Sendable {
  /// Why a write is not as the policy wants it.
  public struct Finding: Sendable, Hashable {
    public var message: String
    /// E.g. `Invalid`, `Forbidden`.
    public var reason = "Invalid"
  }

  /// The kind of the objects that parametrize the policy.
  public struct ParameterKind: Sendable, Hashable {
    public var apiVersion: String
    public var kind: String
  }

  private struct Expression: Sendable {
    var text: String
    /// `nil` where it can't be read.
    var compiled: CELExpression?

    init?(_ value: JSONValue?) {
      guard let text = value?.stringValue, !text.isEmpty else { return nil }
      self.text = text
      compiled = try? CELParser.parse(text)
    }
  }

  private struct Check: Sendable {
    var expression: Expression
    var message: String
    var messageExpression: Expression?
    var reason: String
  }

  public let name: String
  public let parameterKind: ParameterKind?
  /// Whether a failure to decide lets the write pass.
  public let ignoresFailures: Bool
  private let match: ResourceMatch
  private let conditions: [(name: String, expression: Expression)]
  private let variables: [(name: String, expression: Expression)]
  private let checks: [Check]

  /// - Parameter object: a policy that is valid.
  public init(_ object: JSONValue) {
    let spec = object["spec"]
    name = object.at("metadata", "name")?.stringValue ?? ""
    parameterKind = (spec?["paramKind"]).map {
      ParameterKind(
        apiVersion: $0["apiVersion"]?.stringValue ?? "", kind: $0["kind"]?.stringValue ?? "")
    }
    ignoresFailures = spec?["failurePolicy"] == "Ignore"
    match = ResourceMatch(spec?["matchConstraints"])
    func named(_ key: String) -> [(name: String, expression: Expression)] {
      (spec?[key]?.arrayValue ?? []).compactMap { value in
        Expression(value["expression"]).map { (value["name"]?.stringValue ?? "", $0) }
      }
    }
    conditions = named("matchConditions")
    variables = named("variables")
    checks = (spec?["validations"]?.arrayValue ?? []).compactMap { value in
      Expression(value["expression"]).map { expression in
        Check(
          expression: expression, message: value["message"]?.stringValue ?? "",
          messageExpression: Expression(value["messageExpression"]),
          reason: value["reason"]?.stringValue ?? "Invalid")
      }
    }
  }

  public func matches(_ attributes: AdmissionAttributes) -> Bool { match.matches(attributes) }

  /// What is wrong with a write that the policy is about, in the order of its validations.
  ///
  /// - Parameter parameters: the object that parametrizes the policy, if it has such.
  public func evaluate(_ attributes: AdmissionAttributes, parameters: JSONValue?) -> [Finding] {
    var run = Run(attributes, parameters: parameters)
    for (name, expression) in conditions {
      switch run.value(of: expression.compiled) {
      case .success(.bool(true)): continue
      case .success(.bool(false)): return []
      case .success:
        return failure("match condition '\(name)' is no boolean")
      case .failure(let error):
        return failure("match condition '\(name)' resulted in error: \(error.message)")
      }
    }
    for (name, expression) in variables { run.define(name, run.value(of: expression.compiled)) }
    var findings: [Finding] = []
    for check in checks {
      switch run.value(of: check.expression.compiled) {
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
    ignoresFailures ? [] : [Finding(message: message)]
  }

  /// Upstream's bound on what `messageExpression` gives.
  private static let maximumMessageBytes = 5 * 1024

  private func message(of check: Check, _ run: inout Run) -> String {
    if let expression = check.messageExpression,
      case .success(.string(let text)) = run.value(of: expression.compiled)
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

  /// One evaluation of the policy; what it may spend is bounded.
  private struct Run {
    var values: [String: CELValue]
    var defined: [CELKey: CELValue] = [:]
    /// Variables that have no value, and why.
    var undefined: [String: String] = [:]
    var budget = RuleValidator.objectLimit

    init(_ attributes: AdmissionAttributes, parameters: JSONValue?) {
      func value(_ value: JSONValue?) -> CELValue { CELValue(value ?? .null, nil) }
      values = [
        "object": value(attributes.object), "oldObject": value(attributes.oldObject),
        "request": value(attributes.request),
        "namespaceObject": value(attributes.namespaceObject), "params": value(parameters),
        "variables": .map([:]),
      ]
    }

    mutating func value(of expression: CELExpression?) -> Result<CELValue, CELError> {
      guard let expression else { return .failure(CELError(message: "compilation failed")) }
      let limit = max(0, min(budget, CELEvaluator.callLimit))
      var evaluator = CELEvaluator(variables: values, budget: limit)
      defer { budget -= limit - max(0, evaluator.budget) }
      do throws(CELError) {
        return .success(try evaluator.evaluate(expression))
      } catch {
        return .failure(error)
      }
    }

    mutating func define(_ name: String, _ value: Result<CELValue, CELError>) {
      switch value {
      case .success(let value):
        guard let key = CELKey(.string(name)) else { return }
        defined[key] = value
        values["variables"] = .map(defined)
      case .failure(let error): undefined[name] = explained(error)
      }
    }

    /// Names the cause where a variable is missing that could not be computed.
    func explained(_ error: CELError) -> String {
      for (name, problem) in undefined where error.message == "no such key: \(name)" {
        return "composited variable \(GoFormat.quoted(name)) fails to evaluate: \(problem)"
      }
      return error.message
    }
  }
}
