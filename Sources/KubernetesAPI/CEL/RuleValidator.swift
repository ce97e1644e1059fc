import JSONDocument

/// Checks objects by the rules of their schema: `x-kubernetes-validations` (KEP-2876).
final class RuleValidator: Sendable {
  struct Result {
    var errors: [FieldError] = []
    var warnings: [String] = []
    /// What is left of the work that checking an object may take.
    var budget = RuleValidator.objectLimit
  }

  /// Upstream's bound on the work for one object.
  static let objectLimit = 10_000_000

  private let schema: StructuralSchema
  private let isResource: Bool
  private let programs: [CELProgram]
  private let properties: [String: RuleValidator]
  private let items: RuleValidator?
  private let additional: RuleValidator?

  /// `nil` where there are no rules.
  convenience init?(_ schema: StructuralSchema) { self.init(schema, isResource: true) }

  private init?(_ schema: StructuralSchema, isResource: Bool) {
    guard schema.hasRules else { return nil }
    self.schema = schema
    self.isResource = isResource
    var programs: [CELProgram] = []
    if !schema.rules.isEmpty, let declaration = CELDeclaration(schema, isRoot: isResource) {
      programs = schema.rules.compactMap { CELProgram.compile($0, declaration).program }
    }
    self.programs = programs
    var properties: [String: RuleValidator] = [:]
    for (name, property) in schema.properties {
      properties[name] = RuleValidator(property, isResource: property.isEmbeddedResource)
    }
    self.properties = properties
    items = schema.items.flatMap { RuleValidator($0, isResource: $0.isEmbeddedResource) }
    if case .schema(let values)? = schema.additionalProperties {
      additional = RuleValidator(values, isResource: values.isEmbeddedResource)
    } else {
      additional = nil
    }
  }

  /// What of a value can be told to be what it was.
  private struct Correlation {
    var current: (new: JSONValue, old: JSONValue?)?
    var parent: (new: JSONValue, old: JSONValue?)?

    /// What an update did not change is no reason to refuse it.
    var isUnchanged: Bool {
      guard let pair = current ?? parent else { return false }
      return pair.old == pair.new
    }

    func member(_ name: String) -> Correlation {
      guard let current else { return self }
      if parent == nil, name == "apiVersion" || name == "kind" { return Correlation() }
      guard let new = current.new[name] else { return Correlation(parent: current) }
      return Correlation(current: (new, current.old?[name]), parent: current)
    }
  }

  func check(_ object: JSONValue, old: JSONValue?) -> Result {
    var result = Result()
    check(
      object, old, path: "", Correlation(current: old.map { (object, $0) }), &result)
    return result
  }

  private func check(
    _ value: JSONValue, _ old: JSONValue?, path: String, _ correlation: Correlation,
    _ result: inout Result
  ) {
    guard !value.isNull, result.budget >= 0 else { return }
    if !programs.isEmpty { evaluate(value, old, path: path, correlation, &result) }
    guard result.budget >= 0 else { return }
    switch value {
    case .array(let elements):
      guard let items else { return }
      for (index, element) in elements.enumerated() {
        let before = previous(of: element, in: old)
        let inner =
          correlation.current == nil
          ? correlation
          : Correlation(
            current: before.map { (element, $0) }, parent: correlation.current)
        items.check(element, before, path: "\(path)[\(index)]", inner, &result)
      }
    case .object(let members):
      for (name, member) in members {
        if let property = properties[name] {
          property.check(
            member, old?[name], path: StructuralSchema.path(path, name),
            correlation.member(name), &result)
        } else if let additional, schema.properties[name] == nil {
          additional.check(
            member, old?[name], path: "\(path)[\(name)]", correlation.member(name), &result)
        }
      }
    default: break
    }
  }

  /// The element of the old list that has the same keys.
  private func previous(of element: JSONValue, in old: JSONValue?) -> JSONValue? {
    guard schema.listType == "map", let olds = old?.arrayValue else { return nil }
    return olds.first { candidate in
      schema.listMapKeys.allSatisfy { candidate[$0] == element[$0] }
    }
  }

  private func evaluate(
    _ value: JSONValue, _ old: JSONValue?, path: String, _ correlation: Correlation,
    _ result: inout Result
  ) {
    let place = path.isEmpty ? "<nil>" : path
    let current = CELValue(value, schema, isRoot: isResource)
    let before = old.flatMap { $0.isNull ? nil : CELValue($0, schema, isRoot: isResource) }
    for program in programs {
      let isOptional = program.rule.optionalOldSelf ?? false
      if program.usesOldSelf, before == nil, !isOptional { continue }
      var variables: [String: CELValue] = ["self": current]
      if isOptional {
        variables["oldSelf"] = .optional(before)
      } else {
        variables["oldSelf"] = before
      }
      func add(_ error: FieldError) {
        if !program.usesOldSelf, correlation.isUnchanged {
          result.warnings.append("\(error.field): \(error.body)")
        } else {
          result.errors.append(error)
        }
      }
      let limit = min(result.budget, CELEvaluator.callLimit)
      var evaluator = CELEvaluator(variables: variables, budget: limit)
      let outcome: CELValue
      do throws(CELError) {
        outcome = try evaluator.evaluate(program.expression)
        result.budget -= limit - max(0, evaluator.budget)
      } catch {
        result.budget -= limit - max(0, evaluator.budget)
        let rule = program.text
        var text = "\(error.message) evaluating rule: \(rule)"
        if error.message.hasPrefix("no such overload") {
          text =
            "'\(error.message)': call arguments did not match a supported operator, function or "
            + "macro signature for rule: \(rule)"
        } else if error.isExhausted {
          text =
            "'\(error.message)': no further validation rules will be run due to call cost "
            + "exceeds limit for rule: \(rule)"
        }
        result.errors.append(.invalid(place, .string(schema.type), text))
        if error.isExhausted {
          result.budget = -1
          return
        }
        continue
      }
      if case .bool(true) = outcome { continue }
      add(failure(program, value, path: path, variables, &result))
    }
  }

  private func failure(
    _ program: CELProgram, _ value: JSONValue, path: String, _ variables: [String: CELValue],
    _ result: inout Result
  ) -> FieldError {
    var field = path
    if !program.rule.fieldPath.isEmpty {
      let relative =
        program.rule.fieldPath.hasPrefix(".")
        ? String(program.rule.fieldPath.dropFirst()) : program.rule.fieldPath
      field =
        path.isEmpty
        ? relative : relative.hasPrefix("[") ? path + relative : "\(path).\(relative)"
    }
    if field.isEmpty { field = "<nil>" }
    var detail = program.text
    if program.rule.message.isEmpty { detail = "failed rule: \(detail)" }
    if let message = program.message {
      let limit = min(max(0, result.budget), CELEvaluator.callLimit)
      var evaluator = CELEvaluator(variables: variables, budget: limit)
      if let outcome = try? evaluator.evaluate(message), case .string(let text) = outcome {
        let trimmed = text.trimmingSpaces
        // Upstream's bound on the length of a message.
        if !trimmed.isEmpty, trimmed.utf8.count <= 5 * 1024, !trimmed.contains("\n") {
          detail = trimmed
        }
      }
      result.budget -= limit - max(0, evaluator.budget)
    }
    let shown: JSONValue? =
      switch value {
      case .object, .array: nil
      default: value
      }
    switch program.rule.reason {
    case "FieldValueForbidden": return .forbidden(field, detail)
    case "FieldValueRequired": return .required(field, detail)
    case "FieldValueDuplicate": return FieldError(.duplicate, field, value: shown)
    default: return FieldError(.invalid, field, value: shown, detail)
    }
  }
}

extension CELProgram {
  /// How messages name the rule.
  var text: String {
    rule.message.isEmpty ? rule.rule.trimmingSpaces : rule.message.trimmingSpaces
  }
}
