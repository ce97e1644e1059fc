/// An expression of the Common Expression Language, parsed.
indirect enum CELExpression: Sendable {
  struct Position: Sendable, Hashable {
    /// In characters from the start of the text.
    var offset: Int
  }

  enum Macro: String, Sendable {
    case all, exists, existsOne, map, filter, transformList, transformMap
    case optionalMap = "optMap"
    case optionalFlatMap = "optFlatMap"
    /// `cel.bind`: the range is the value that the name stands for.
    case bind
  }

  case literal(CELValue)
  case identifier(String, Position)
  /// `operand.field`, or whether it is there.
  case select(CELExpression, field: String, test: Bool, optional: Bool, Position)
  case index(CELExpression, CELExpression, optional: Bool, Position)
  case call(String, target: CELExpression?, [CELExpression], Position)
  case list([(element: CELExpression, optional: Bool)], Position)
  case map([(key: CELExpression, value: CELExpression, optional: Bool)], Position)
  /// An object of a type that has a name, e.g. `Object.spec{replicas: 1}`.
  case structure(
    String, [(field: String, value: CELExpression, optional: Bool)], Position)
  /// A macro over the elements of a list or a map, each under one or two names.
  case comprehension(
    Macro, range: CELExpression, names: [String], filter: CELExpression?, body: CELExpression,
    Position)

  /// The names that an expression refers to, those it binds itself left out.
  var freeNames: Set<String> {
    switch self {
    case .literal: return []
    case .identifier(let name, _): return [name]
    case .select(let operand, _, _, _, _): return operand.freeNames
    case .index(let operand, let index, _, _): return operand.freeNames.union(index.freeNames)
    case .call(_, let target, let arguments, _):
      return arguments.reduce(target?.freeNames ?? []) { $0.union($1.freeNames) }
    case .list(let elements, _):
      return elements.reduce([]) { $0.union($1.element.freeNames) }
    case .map(let entries, _):
      return entries.reduce([]) { $0.union($1.key.freeNames).union($1.value.freeNames) }
    case .structure(_, let fields, _):
      return fields.reduce([]) { $0.union($1.value.freeNames) }
    case .comprehension(_, let range, let names, let filter, let body, _):
      let inner = body.freeNames.union(filter?.freeNames ?? []).subtracting(names)
      return range.freeNames.union(inner)
    }
  }
}

/// Why an expression can't be compiled, and where.
struct CELProblem: Error, Sendable, CustomStringConvertible {
  var message: String
  /// In characters.
  var offset: Int
  var source: String

  var description: String {
    if source.isEmpty { return "ERROR: <input>:1:0: \(message)" }
    let characters = Array(source)
    let before = characters[..<min(offset, characters.count)]
    let line = before.count { $0 == "\n" }
    let column = before.count - ((before.lastIndex(of: "\n") ?? -1) + 1)
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    let text = line < lines.count ? String(lines[line]) : ""
    return "ERROR: <input>:\(line + 1):\(column + 1): \(message)\n | \(text)\n | "
      + String(repeating: ".", count: column) + "^"
  }
}
