import JSONDocument

/// The rules of a schema: their form, whether they compile, and what they may cost.
extension SchemaChecker {
  mutating func compile(
    _ schema: JSONValue, _ rules: [JSONValue], _ place: String, isResource: Bool, _ walk: Walk
  ) -> [FieldError] {
    let compiled = StructuralSchema(schema)
    guard let declaration = CELDeclaration(compiled, isRoot: isResource) else {
      return [
        FieldError(
          .internalError, "\(place).x-kubernetes-validations",
          "internal error: failed to construct type information for x-kubernetes-validations "
            + "rules: unable to convert structural schema to CEL declarations")
      ]
    }
    var errors: [FieldError] = []
    let count =
      walk.cardinality ?? CELDeclaration.maximumRequestBytes / (declaration.minimumBytes + 1)
    for (index, rule) in compiled.rules.enumerated() {
      let field = "\(place).x-kubernetes-validations[\(index)]"
      let result = CELProgram.compile(rule, declaration)
      observe(CELCost.product(result.cost, count), "estimated rule cost", "\(field).rule", &errors)
      if let problem = result.ruleProblem {
        errors.append(.invalid("\(field).rule", Self.shown(rule), problem))
      }
      if let problem = result.messageProblem {
        errors.append(.invalid("\(field).messageExpression", Self.shown(rule), problem))
      } else if let cost = result.messageCost {
        observe(cost, "estimated messageExpression cost", "\(field).messageExpression", &errors)
      }
      if result.usesOldSelf {
        if let place = walk.uncorrelatable {
          errors.append(
            .invalid(
              "\(field).rule", .string(rule.rule),
              "oldSelf cannot be used on the uncorrelatable portion of the schema within "
                + place))
        }
      } else if let optional = rule.optionalOldSelf {
        errors.append(
          .invalid(
            "\(field).optionalOldSelf", .bool(optional),
            "may not be set if oldSelf is not used in rule"))
      }
    }
    return errors
  }

  private mutating func observe(
    _ cost: UInt64, _ name: String, _ field: String, _ errors: inout [FieldError]
  ) {
    if cost > CELCost.ruleLimit, !skipsCost {
      errors.append(.forbidden(field, Self.excess(name, cost, CELCost.ruleLimit)))
    }
    totalCost = CELCost.sum(totalCost, cost)
    if cost >= CELCost.schemaLimit / 100 { ruleCosts.append((field, cost)) }
  }

  static func excess(_ name: String, _ cost: UInt64, _ limit: UInt64) -> String {
    let factor = Double(cost) / Double(limit)
    let text =
      factor > 100
      ? "more than 100x" : "\(JSONValue.double((factor * 10).rounded() / 10).text)x"
    return "\(name) exceeds budget by factor of \(text) (try simplifying the rule, or adding "
      + "maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
  }

  /// A rule as upstream's messages show it.
  private static func shown(_ rule: StructuralSchema.Rule) -> JSONValue {
    [
      "Rule": .string(rule.rule), "Message": .string(rule.message),
      "MessageExpression": .string(rule.messageExpression),
      "Reason": rule.reason.map { .string($0) } ?? .null, "FieldPath": .string(rule.fieldPath),
      "OptionalOldSelf": rule.optionalOldSelf.map { .bool($0) } ?? .null,
    ]
  }

  static func ruleForms(_ schema: JSONValue, _ rules: [JSONValue], _ place: String)
    -> [FieldError]
  {
    var errors: [FieldError] = []
    func hasBreaks(_ text: String) -> Bool {
      text.unicodeScalars.contains { $0 == "\n" || $0 == "\r" }
    }
    let reasons = [
      "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired",
    ]
    for (index, value) in rules.enumerated() {
      let field = "\(place).x-kubernetes-validations[\(index)]"
      func text(_ name: String) -> String { value[name]?.stringValue ?? "" }
      let rule = text("rule").trimmingSpaces
      let message = text("message").trimmingSpaces
      if rule.isEmpty {
        errors.append(.required("\(field).rule", "rule is not specified"))
      } else if !text("message").isEmpty, message.isEmpty {
        errors.append(
          .invalid(
            "\(field).message", value["message"], "must be non-empty if specified"))
      } else if hasBreaks(message) {
        errors.append(
          .invalid(
            "\(field).message", value["message"], "must not contain line breaks"))
      } else if hasBreaks(rule), message.isEmpty {
        errors.append(
          .required(
            "\(field).message", "message must be specified if rule contains line breaks"))
      }
      if !text("messageExpression").isEmpty, text("messageExpression").trimmingSpaces.isEmpty {
        errors.append(
          .required(
            "\(field).messageExpression", "must be non-empty if specified"))
      }
      if let reason = value["reason"]?.stringValue, !reasons.contains(reason) {
        errors.append(.notSupported("\(field).reason", .string(reason), reasons))
      }
      let path = text("fieldPath")
      guard !path.isEmpty else { continue }
      if path.trimmingSpaces.isEmpty {
        errors.append(
          .invalid(
            "\(field).fieldPath", .string(path), "must be non-empty if specified"))
      }
      if hasBreaks(path) {
        errors.append(
          .invalid(
            "\(field).fieldPath", .string(path), "must not contain line breaks"))
      }
      if case .failure = SchemaPath.resolve(path, in: StructuralSchema(schema)) {
        errors.append(
          .invalid("\(field).fieldPath", .string(path), "must be a valid path"))
      }
    }
    return errors
  }
}
