/// A rule of a schema, compiled.
struct CELProgram: Sendable {
  var rule: StructuralSchema.Rule
  var expression: CELExpression
  var message: CELExpression?
  var usesOldSelf: Bool

  struct Compiled {
    var program: CELProgram?
    /// What is wrong with the rule, worded as upstream words it.
    var ruleProblem: String?
    var messageProblem: String?
    /// The most that one evaluation of the rule may cost.
    var cost: UInt64 = 0
    var messageCost: UInt64?
    var usesOldSelf = false
  }

  /// Compiles a rule for values of a type.
  static func compile(_ rule: StructuralSchema.Rule, _ declaration: CELDeclaration) -> Compiled {
    var compiled = Compiled()
    let isOptional = rule.optionalOldSelf ?? false
    let variables: [String: CELType] = [
      "self": declaration.type,
      "oldSelf": isOptional ? .optional(declaration.type) : declaration.type,
    ]
    let cost = CELCost(variables: ["self": declaration, "oldSelf": declaration])
    func checked(_ source: String) -> (CELExpression, CELType)? {
      do throws(CELProblem) {
        let expression = try CELParser.parse(source)
        let type = try CELChecker(source: source, variables: variables).check(expression)
        return (expression, type)
      } catch {
        failure = "compilation failed: \(error.description)"
        return nil
      }
    }
    var failure = ""
    guard let (expression, type) = checked(rule.rule) else {
      compiled.ruleProblem = failure
      return compiled
    }
    guard type == .bool else {
      compiled.ruleProblem = "cel expression must evaluate to a bool"
      return compiled
    }
    compiled.usesOldSelf = expression.freeNames.contains("oldSelf")
    compiled.cost = cost.estimate(expression).cost
    var message: CELExpression?
    if !rule.messageExpression.trimmingSpaces.isEmpty {
      if let (expression, type) = checked(rule.messageExpression) {
        if type == .string {
          message = expression
          compiled.messageCost = cost.estimate(expression).cost
        } else {
          compiled.messageProblem = "messageExpression must evaluate to a string"
        }
      } else {
        compiled.messageProblem =
          "messageExpression \(failure)"
      }
    }
    compiled.program = CELProgram(
      rule: rule, expression: expression, message: message, usesOldSelf: compiled.usesOldSelf)
    return compiled
  }
}
