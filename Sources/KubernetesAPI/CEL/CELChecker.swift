/// Finds out the type of an expression, and whether what it calls and reads is there.
struct CELChecker {
  let source: String
  var variables: [String: CELType]
  /// Whether `Object` and `JSONPatch`, and the types of an object's members, can be made.
  var hasPatchTypes = false
  /// Whether there is `cel.bind`.
  var hasBindings = false

  private static let typeNames: [String: CELType] = [
    "bool": .type, "int": .type, "uint": .type, "double": .type, "string": .type, "bytes": .type,
    "list": .type, "map": .type, "null_type": .type, "type": .type,
  ]

  func problem(_ message: String, _ position: CELExpression.Position) -> CELProblem {
    CELProblem(message: message, offset: position.offset, source: source)
  }

  func check(_ expression: CELExpression) throws(CELProblem) -> CELType {
    switch expression {
    case .literal(let value): return value.type
    case .identifier(let name, let position):
      if let type = variables[name] ?? Self.typeNames[name] { return type }
      throw problem("undeclared reference to '\(name)' (in container '')", position)
    case .select(let operand, let field, let test, let optional, let position):
      let selected = try select(try check(operand), field, optional: optional, position)
      return test ? .bool : selected
    case .index(let operand, let index, let optional, let position):
      let type = try check(operand)
      let key = try check(index)
      return try element(of: type, key, optional: optional, position)
    case .list(let elements, _):
      var types: [CELType] = []
      for (element, optional) in elements {
        var type = try check(element)
        if optional, case .optional(let inner) = type { type = inner }
        types.append(type)
      }
      return .list(Self.common(types))
    case .map(let entries, _):
      var keys: [CELType] = []
      var values: [CELType] = []
      for (key, value, optional) in entries {
        keys.append(try check(key))
        var type = try check(value)
        if optional, case .optional(let inner) = type { type = inner }
        values.append(type)
      }
      return .map(Self.common(keys), Self.common(values))
    case .structure(let name, let fields, let position):
      return try structure(name, fields, position)
    case .call(let name, let target, let arguments, let position):
      return try call(name, target, arguments, position)
    case .comprehension(let macro, let range, let names, let filter, let body, let position):
      return try comprehension(macro, range, names, filter, body, position)
    }
  }

  /// The one type of all, or any.
  private static func common(_ types: [CELType]) -> CELType {
    guard let first = types.first else { return .dyn }
    return types.allSatisfy { $0 == first } ? first : .dyn
  }

  private func select(
    _ type: CELType, _ field: String, optional: Bool, _ position: CELExpression.Position
  ) throws(CELProblem) -> CELType {
    switch type {
    case .dyn: return optional ? .optional(.dyn) : .dyn
    case .object(let object):
      guard let declaration = object.fields[field] else {
        throw problem("undefined field '\(field)'", position)
      }
      return optional ? .optional(declaration.type) : declaration.type
    case .map(_, let value): return optional ? .optional(value) : value
    case CELEnvironment.authorizer where field == "requestResource":
      return CELEnvironment.resourceCheck
    case .opaque(let name) where hasPatchTypes && CELPatchTypes.isType(name):
      guard let declared = CELPatchTypes.field(field, of: name) else {
        throw problem("undefined field '\(field)'", position)
      }
      return optional ? .optional(declared) : declared
    case .optional(let inner):
      let selected = try select(inner, field, optional: false, position)
      return .optional(selected)
    default: throw problem("type '\(type)' does not support field selection", position)
    }
  }

  private func structure(
    _ name: String, _ fields: [(field: String, value: CELExpression, optional: Bool)],
    _ position: CELExpression.Position
  ) throws(CELProblem) -> CELType {
    let type = CELType.opaque(name)
    guard hasPatchTypes, CELPatchTypes.isType(name) else {
      throw problem("undeclared reference to '\(name)' (in container '')", position)
    }
    for (field, value, isOptional) in fields {
      guard let wanted = CELPatchTypes.field(field, of: name) else {
        throw problem("undefined field '\(field)'", position)
      }
      var given = try check(value)
      if isOptional, case .optional(let inner) = given { given = inner }
      guard Self.isAssignable(given, wanted) else {
        throw problem(
          "expected type of field '\(field)' is '\(wanted)' but provided type is '\(given)'",
          position)
      }
    }
    return type
  }

  private func element(
    of type: CELType, _ key: CELType, optional: Bool, _ position: CELExpression.Position
  ) throws(CELProblem) -> CELType {
    func mismatch() -> CELProblem {
      problem("found no matching overload for '_[_]' applied to '(\(type), \(key))'", position)
    }
    switch type {
    case .dyn: return optional ? .optional(.dyn) : .dyn
    case .list(let element):
      guard [.int, .uint, .double, .dyn].contains(key) else { throw mismatch() }
      return optional ? .optional(element) : element
    case .map(let wanted, let value):
      guard key == wanted || key == .dyn || wanted == .dyn else { throw mismatch() }
      return optional ? .optional(value) : value
    case .optional(let inner):
      return .optional(try element(of: inner, key, optional: false, position))
    default: throw mismatch()
    }
  }

  private func call(
    _ name: String, _ target: CELExpression?, _ arguments: [CELExpression],
    _ position: CELExpression.Position
  ) throws(CELProblem) -> CELType {
    var types: [CELType] = []
    let receiver: CELType? = try target.map { (target) throws(CELProblem) in try check(target) }
    for argument in arguments { types.append(try check(argument)) }
    guard let overloads = CELSignatures.all[name] else {
      throw problem("undeclared reference to '\(name)' (in container '')", position)
    }
    var results: [CELType] = []
    for overload in overloads where overload.parameters.count == types.count {
      guard (overload.receiver == nil) == (receiver == nil) else { continue }
      var bindings: [String: CELType] = [:]
      if let wanted = overload.receiver, let receiver,
        !Self.matches(receiver, wanted, &bindings)
      {
        continue
      }
      guard zip(types, overload.parameters).allSatisfy({ Self.matches($0, $1, &bindings) }) else {
        continue
      }
      results.append(Self.substituted(overload.result, bindings))
    }
    guard let first = results.first else {
      let shown = types.map(\.description).joined(separator: ", ")
      throw problem(
        "found no matching overload for '\(name)' applied to "
          + (receiver.map { "'\($0).(\(shown))'" } ?? "'(\(shown))'"), position)
    }
    return results.allSatisfy { $0 == first } ? first : .dyn
  }

  /// Whether a value of a type may stand where another is asked for.
  private static func matches(
    _ type: CELType, _ wanted: CELType, _ bindings: inout [String: CELType]
  ) -> Bool {
    if case .parameter(let name) = wanted {
      guard let bound = bindings[name], bound != .dyn else {
        if bindings[name] == nil || type != .dyn { bindings[name] = bindings[name] ?? type }
        return true
      }
      if type == .dyn {
        // Of two types the more general one is that of both.
        bindings[name] = .dyn
        return true
      }
      if isAssignable(type, bound) {
        return true
      }
      if isAssignable(bound, type) {
        bindings[name] = type
        return true
      }
      return false
    }
    switch (type, wanted) {
    case (.dyn, _), (_, .dyn): return true
    case (.list(let left), .list(let right)): return matches(left, right, &bindings)
    case (.optional(let left), .optional(let right)): return matches(left, right, &bindings)
    case (.map(let key, let value), .map(let wantedKey, let wantedValue)):
      return matches(key, wantedKey, &bindings) && matches(value, wantedValue, &bindings)
    default: return type == wanted
    }
  }

  private static func isAssignable(_ type: CELType, _ other: CELType) -> Bool {
    switch (type, other) {
    case (.dyn, _), (_, .dyn): true
    case (.null, .object), (.object, .null), (.null, .duration), (.null, .timestamp),
      (.null, .optional), (.null, .opaque):
      true
    case (.list(let left), .list(let right)), (.optional(let left), .optional(let right)):
      isAssignable(left, right)
    case (.map(let key, let value), .map(let otherKey, let otherValue)):
      isAssignable(key, otherKey) && isAssignable(value, otherValue)
    default: type == other
    }
  }

  private static func substituted(_ type: CELType, _ bindings: [String: CELType]) -> CELType {
    switch type {
    case .parameter(let name): bindings[name] ?? .dyn
    case .list(let element): .list(substituted(element, bindings))
    case .optional(let inner): .optional(substituted(inner, bindings))
    case .map(let key, let value):
      .map(substituted(key, bindings), substituted(value, bindings))
    default: type
    }
  }

  private func comprehension(
    _ macro: CELExpression.Macro, _ range: CELExpression, _ names: [String],
    _ filter: CELExpression?, _ body: CELExpression, _ position: CELExpression.Position
  ) throws(CELProblem) -> CELType {
    let type = try check(range)
    var inner = self
    switch (macro, type) {
    case (.optionalMap, .optional(let value)), (.optionalFlatMap, .optional(let value)):
      inner.variables[names[0]] = value
      let result = try inner.check(body)
      return macro == .optionalMap ? .optional(result) : result
    case (.bind, _):
      guard hasBindings else {
        throw problem("undeclared reference to 'cel' (in container '')", position)
      }
      inner.variables[names[0]] = type
      return try inner.check(body)
    case (.optionalMap, .dyn), (.optionalFlatMap, .dyn):
      inner.variables[names[0]] = .dyn
      _ = try inner.check(body)
      return .optional(.dyn)
    default: break
    }
    var keyType = CELType.dyn
    switch type {
    case .list(let element):
      keyType = .int
      inner.variables[names[names.count - 1]] = element
      if names.count == 2 { inner.variables[names[0]] = .int }
    case .map(let key, let value):
      keyType = key
      inner.variables[names[0]] = key
      if names.count == 2 { inner.variables[names[1]] = value }
    case .dyn: for name in names { inner.variables[name] = .dyn }
    default:
      throw problem(
        "expression of type '\(type)' cannot be range of a comprehension (must be list, map, or "
          + "dynamic)", position)
    }
    func boolean(_ expression: CELExpression) throws(CELProblem) {
      let type = try inner.check(expression)
      guard type == .bool || type == .dyn else {
        throw problem("expected type 'bool' but found '\(type)'", position)
      }
    }
    if let filter { try boolean(filter) }
    switch macro {
    case .all, .exists, .existsOne:
      try boolean(body)
      return .bool
    case .filter:
      try boolean(body)
      if case .list = type { return type }
      return .list(keyType)
    case .map, .transformList: return .list(try inner.check(body))
    case .transformMap: return .map(keyType, try inner.check(body))
    case .optionalMap, .optionalFlatMap, .bind:
      throw problem("'\(macro.rawValue)' is of optional values only", position)
    }
  }
}
