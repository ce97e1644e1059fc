import JSONDocument

/// One evaluation of a policy; what it may spend is bounded.
struct PolicyRun {
  private var values: [String: CELValue]
  private var defined: [CELKey: CELValue] = [:]
  /// Variables that have no value, and why.
  private var undefined: [String: String] = [:]
  private var budget = RuleValidator.objectLimit

  init(_ attributes: AdmissionAttributes, parameters: JSONValue?) {
    values = [
      "object": Self.value(attributes.object), "oldObject": Self.value(attributes.oldObject),
      "request": Self.value(attributes.request),
      "namespaceObject": Self.value(attributes.namespaceObject),
      "params": Self.value(parameters), "variables": .map([:]),
    ]
    values["authorizer"] = attributes.access.map { .access($0) }
  }

  private static func value(_ value: JSONValue?) -> CELValue { CELValue(value ?? .null, nil) }

  /// What the expressions see as the object from now on.
  mutating func setObject(_ object: JSONValue) { values["object"] = Self.value(object) }

  mutating func value(of expression: PolicyExpression) -> Result<CELValue, CELError> {
    guard let expression = expression.compiled else {
      return .failure(CELError(message: "compilation failed"))
    }
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
