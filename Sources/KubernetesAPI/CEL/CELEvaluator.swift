/// Why an expression has no value.
struct CELError: Error, Sendable {
  var message: String
  /// The work that evaluation may take was used up.
  var isExhausted = false
}

/// Computes expressions. What may be spent on one is bounded, whatever it says.
struct CELEvaluator {
  var variables: [String: CELValue]
  /// What is left of the work that may be done, in steps.
  var budget: Int

  /// Upstream's bound on one evaluation.
  static let callLimit = 1_000_000

  mutating func spend(_ steps: Int) throws(CELError) {
    budget -= steps
    guard budget >= 0 else {
      throw CELError(
        message: "operation cancelled: actual cost limit exceeded", isExhausted: true)
    }
  }

  mutating func evaluate(_ expression: CELExpression) throws(CELError) -> CELValue {
    try spend(1)
    switch expression {
    case .literal(let value): return value
    case .identifier(let name, _):
      if let value = variables[name] { return value }
      return .type(name)
    case .select(let operand, let field, let test, let optional, _):
      return try select(try evaluate(operand), field, test: test, optional: optional)
    case .index(let operand, let index, let optional, _):
      let value = try evaluate(operand)
      return try element(of: value, try evaluate(index), optional: optional)
    case .list(let elements, _):
      var values: [CELValue] = []
      for (element, optional) in elements {
        let value = try evaluate(element)
        if optional, case .optional(let inner) = value {
          if let inner { values.append(inner) }
        } else {
          values.append(value)
        }
      }
      return .list(values)
    case .map(let entries, _):
      var result: [CELKey: CELValue] = [:]
      for (key, value, optional) in entries {
        guard let key = CELKey(try evaluate(key)) else {
          throw CELError(message: "unsupported key type")
        }
        let content = try evaluate(value)
        if optional, case .optional(let inner) = content {
          if let inner { result[key] = inner }
        } else {
          guard result.updateValue(content, forKey: key) == nil else {
            throw CELError(message: "insert failed: key \(key) already exists")
          }
        }
      }
      return .map(result)
    case .structure(let type, let fields, _):
      var members: [CELKey: CELValue] = [:]
      for (field, value, optional) in fields {
        try Self.checkNames(value, "\(type).\(field)")
        let name = CELKey.string(CELNames.unescaped(field))
        let content = try evaluate(value)
        if optional, case .optional(let inner) = content {
          if let inner { members[name] = inner }
        } else {
          members[name] = content
        }
      }
      return .map(members)
    case .call(let name, let target, let arguments, _):
      return try call(name, target, arguments)
    case .comprehension(let macro, let range, let names, let filter, let body, _):
      return try comprehension(macro, range, names, filter, body)
    }
  }

  /// An object's type is named after where it stands.
  private static func checkNames(_ value: CELExpression, _ expected: String) throws(CELError) {
    switch value {
    case .structure(let type, _, _):
      // A patch may hold an object of any type.
      guard type == expected || expected.hasPrefix("JSONPatch.") else {
        throw CELError(
          message: "type mismatch: unexpected type name \"\(type)\", expected \"\(expected)\", "
            + "which matches field name path from root Object type")
      }
    case .list(let elements, _):
      for (element, _) in elements { try checkNames(element, expected) }
    default: break
    }
  }

  private func select(_ value: CELValue, _ field: String, test: Bool, optional: Bool)
    throws(CELError) -> CELValue
  {
    if case .optional(let inner) = value {
      guard let inner else { return test ? .bool(false) : .optional(nil) }
      let member = inner.member(.string(Self.name(field, in: inner)))
      return test ? .bool(member != nil) : .optional(member)
    }
    let member = value.member(.string(Self.name(field, in: value)))
    if test {
      // An empty list or map in JSON is there all the same.
      return .bool(member != nil)
    }
    if optional { return .optional(member) }
    guard let member else {
      guard value.keys != nil else { throw CELError(message: "no such overload") }
      throw CELError(message: "no such key: \(field)")
    }
    return member
  }

  /// Names of an object's members may be escaped; keys of maps never are.
  private static func name(_ field: String, in value: CELValue) -> String {
    if case .members(_, let schema, _) = value {
      if case .schema? = schema.additionalProperties { return field }
      return CELNames.unescaped(field)
    }
    return field
  }

  private func element(of value: CELValue, _ key: CELValue, optional: Bool) throws(CELError)
    -> CELValue
  {
    if case .optional(let inner) = value {
      guard let inner else { return .optional(nil) }
      return try element(of: inner, key, optional: true)
    }
    if value.keys != nil {
      let member = value.member(key)
      if optional { return .optional(member) }
      guard let member else {
        throw CELError(message: "no such key: \(CELEvaluator.text(key))")
      }
      return member
    }
    var index: Int64
    switch key {
    case .int(let number): index = number
    case .uint(let number): index = Int64(clamping: number)
    case .double(let number):
      guard let whole = Int64(exactly: number) else {
        throw CELError(message: "unsupported index value")
      }
      index = whole
    default: throw CELError(message: "no such overload")
    }
    let count = Int64(value.count ?? 0)
    guard value.elements != nil || count == 0 else { throw CELError(message: "no such overload") }
    guard index >= 0, index < count else {
      if optional { return .optional(nil) }
      throw CELError(message: "index out of bounds: \(index)")
    }
    let found: CELValue
    switch value {
    case .list(let values): found = values[Int(index)]
    case .elements(let values, let schema): found = CELValue(values[Int(index)], schema.items)
    default: throw CELError(message: "no such overload")
    }
    return optional ? .optional(found) : found
  }

  // MARK: Calls

  private mutating func call(
    _ name: String, _ target: CELExpression?, _ arguments: [CELExpression]
  ) throws(CELError) -> CELValue {
    switch name {
    case "_&&_", "_||_": return try logic(name == "_||_", arguments)
    case "_?_:_":
      guard case .bool(let condition) = try evaluate(arguments[0]) else {
        throw CELError(message: "no such overload")
      }
      return try evaluate(arguments[condition ? 1 : 2])
    case "orValue", "or":
      guard let target, case .optional(let inner) = try evaluate(target) else {
        throw CELError(message: "no such overload")
      }
      if let inner { return name == "or" ? .optional(inner) : inner }
      return try evaluate(arguments[0])
    default: break
    }
    var values: [CELValue] = []
    if let target { values.append(try evaluate(target)) }
    for argument in arguments { values.append(try evaluate(argument)) }
    return try apply(name, values)
  }

  /// What one side decides counts even where the other one fails.
  private mutating func logic(_ isOr: Bool, _ arguments: [CELExpression]) throws(CELError)
    -> CELValue
  {
    var failure: CELError?
    for argument in arguments {
      do throws(CELError) {
        guard case .bool(let value) = try evaluate(argument) else {
          failure = failure ?? CELError(message: "no such overload")
          continue
        }
        if value == isOr { return .bool(isOr) }
      } catch {
        if error.isExhausted { throw error }
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return .bool(!isOr)
  }

  // MARK: Macros

  private mutating func comprehension(
    _ macro: CELExpression.Macro, _ range: CELExpression, _ names: [String],
    _ filter: CELExpression?, _ body: CELExpression
  ) throws(CELError) -> CELValue {
    let value = try evaluate(range)
    let saved = names.map { variables[$0] }
    defer {
      for (name, old) in zip(names, saved) { variables[name] = old }
    }
    if macro == .optionalMap || macro == .optionalFlatMap {
      guard case .optional(let inner) = value else {
        throw CELError(message: "no such overload")
      }
      guard let inner else { return .optional(nil) }
      variables[names[0]] = inner
      let result = try evaluate(body)
      return macro == .optionalMap ? .optional(result) : result
    }
    if macro == .bind {
      variables[names[0]] = value
      return try evaluate(body)
    }
    var items: [(CELValue, CELValue)] = []
    let isMap = value.keys != nil
    if let elements = value.elements {
      items = elements.enumerated().map { (.int(Int64($0.offset)), $0.element) }
    } else if let keys = value.keys {
      items = keys.map { ($0, value.member($0) ?? .null) }
    } else {
      throw CELError(message: "no such overload")
    }
    var failure: CELError?
    var count = 0
    var list: [CELValue] = []
    var map: [CELKey: CELValue] = [:]
    for (key, element) in items {
      try spend(2)
      if names.count == 2 {
        variables[names[0]] = key
        variables[names[1]] = element
      } else {
        variables[names[0]] = isMap ? key : element
      }
      if let filter {
        guard case .bool(let isWanted) = try evaluate(filter) else {
          throw CELError(message: "no such overload")
        }
        if !isWanted { continue }
      }
      switch macro {
      case .all, .exists:
        do throws(CELError) {
          guard case .bool(let holds) = try evaluate(body) else {
            failure = failure ?? CELError(message: "no such overload")
            continue
          }
          if holds == (macro == .exists) { return .bool(holds) }
        } catch {
          if error.isExhausted { throw error }
          failure = failure ?? error
        }
      case .existsOne, .filter:
        guard case .bool(let holds) = try evaluate(body) else {
          throw CELError(message: "no such overload")
        }
        if holds {
          count += 1
          if macro == .filter { list.append(isMap ? key : element) }
        }
      case .map, .transformList: list.append(try evaluate(body))
      case .transformMap:
        if let name = CELKey(key) { map[name] = try evaluate(body) }
      case .optionalMap, .optionalFlatMap, .bind: break
      }
    }
    if let failure { throw failure }
    switch macro {
    case .all: return .bool(true)
    case .exists: return .bool(false)
    case .existsOne: return .bool(count == 1)
    case .transformMap: return .map(map)
    default: return .list(list)
    }
  }
}
