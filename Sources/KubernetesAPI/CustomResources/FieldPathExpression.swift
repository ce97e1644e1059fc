import JSONDocument

/// The JSONPath dialect of printer columns and of the scale subresource.
///
/// Members, positions and slices of lists, `*`, `..`, unions and filters such as
/// `[?(@.type=="Ready")]`.
public struct FieldPathExpression: Sendable, Hashable {
  indirect enum Step: Sendable, Hashable {
    case members([String])
    case indices([Int])
    case slice(start: Int?, end: Int?, step: Int)
    case all
    case descend
    case filter(left: Operand, Comparison, right: Operand?)
  }

  enum Comparison: String, Sendable, Hashable {
    case equal = "=="
    case notEqual = "!="
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case less = "<"
    case greater = ">"
    case exists = ""
  }

  enum Operand: Sendable, Hashable {
    case path([Step])
    case value(JSONValue)
  }

  public let text: String
  let steps: [Step]

  /// `nil` where the text is no such path.
  public init?(_ text: String) {
    self.text = text
    var parser = Parser(text)
    guard let steps = parser.steps(until: nil) else { return nil }
    self.steps = steps
  }

  /// All values that the path leads to, in order.
  public func values(in root: JSONValue) -> [JSONValue] { Self.walk(steps, from: root) }

  private static func walk(_ steps: [Step], from root: JSONValue) -> [JSONValue] {
    var current = [root]
    for step in steps { current = current.flatMap { apply(step, to: $0) } }
    return current
  }

  private static func apply(_ step: Step, to value: JSONValue) -> [JSONValue] {
    switch step {
    case .members(let names): return names.compactMap { value[$0] }
    case .indices(let indices):
      guard let elements = value.arrayValue else { return [] }
      return indices.compactMap { index in
        let position = index < 0 ? elements.count + index : index
        return elements.indices.contains(position) ? elements[position] : nil
      }
    case .slice(let start, let end, let step):
      guard let elements = value.arrayValue, step > 0 else { return [] }
      func position(_ index: Int) -> Int {
        min(max(index < 0 ? elements.count + index : index, 0), elements.count)
      }
      let first = position(start ?? 0)
      let last = position(end ?? elements.count)
      return first < last ? stride(from: first, to: last, by: step).map { elements[$0] } : []
    case .all:
      if let elements = value.arrayValue { return elements }
      return value.objectValue.map { Array($0.values) } ?? []
    case .descend:
      var found = [value]
      switch value {
      case .array(let elements): found += elements.flatMap { apply(.descend, to: $0) }
      case .object(let members): found += members.values.flatMap { apply(.descend, to: $0) }
      default: break
      }
      return found
    case .filter(let left, let comparison, let right):
      guard let elements = value.arrayValue else { return [] }
      return elements.filter { holds(left, comparison, right, for: $0) }
    }
  }

  private static func holds(
    _ left: Operand, _ comparison: Comparison, _ right: Operand?, for element: JSONValue
  ) -> Bool {
    func value(_ operand: Operand) -> JSONValue? {
      switch operand {
      case .path(let steps): walk(steps, from: element).first
      case .value(let value): value
      }
    }
    guard let first = value(left) else { return false }
    if comparison == .exists { return true }
    guard let right, let second = value(right) else { return false }
    if let a = first.doubleValue, let b = second.doubleValue {
      return holds(a, comparison, b)
    }
    if let a = first.stringValue, let b = second.stringValue { return holds(a, comparison, b) }
    switch comparison {
    case .equal: return first == second
    case .notEqual: return first != second
    default: return false
    }
  }

  private static func holds<T: Comparable>(_ left: T, _ comparison: Comparison, _ right: T)
    -> Bool
  {
    switch comparison {
    case .equal: left == right
    case .notEqual: left != right
    case .less: left < right
    case .lessOrEqual: left <= right
    case .greater: left > right
    case .greaterOrEqual: left >= right
    case .exists: true
    }
  }

  private struct Parser {
    let characters: [Character]
    var position = 0

    init(_ text: String) { characters = Array(text) }

    var next: Character? { position < characters.count ? characters[position] : nil }

    mutating func take(_ text: String) -> Bool {
      let wanted = Array(text)
      guard position + wanted.count <= characters.count,
        Array(characters[position..<position + wanted.count]) == wanted
      else { return false }
      position += wanted.count
      return true
    }

    mutating func skipSpaces() { while next == " " { position += 1 } }

    /// The steps up to the end or to a character that ends an operand.
    mutating func steps(until end: ((Character) -> Bool)?) -> [Step]? {
      var steps: [Step] = []
      while let character = next {
        if let end, end(character) { break }
        if take("..") {
          steps.append(.descend)
          if next != "[", next != ".", let name = name() { steps.append(Self.named(name)) }
        } else if take(".") {
          guard let name = name() else {
            // A path may end with a dot, or have a bracket behind it.
            if next == nil || next == "[" { continue }
            return nil
          }
          steps.append(Self.named(name))
        } else if take("[") {
          guard let step = bracket() else { return nil }
          steps.append(step)
        } else if steps.isEmpty, let name = name() {
          steps.append(Self.named(name))
        } else {
          return nil
        }
      }
      return steps
    }

    private static func named(_ name: String) -> Step {
      name == "*" ? .all : .members([name])
    }

    private mutating func name() -> String? {
      var name = ""
      while let character = next {
        if character == "\\", position + 1 < characters.count {
          name.append(characters[position + 1])
          position += 2
          continue
        }
        if ".[] =!<>)".contains(character) { break }
        name.append(character)
        position += 1
      }
      return name.isEmpty ? nil : name
    }

    private mutating func quoted() -> String? {
      guard let quote = next, quote == "'" || quote == "\"" else { return nil }
      position += 1
      var text = ""
      while let character = next {
        position += 1
        if character == quote { return text }
        if character == "\\", let escaped = next {
          text.append(escaped)
          position += 1
        } else {
          text.append(character)
        }
      }
      return nil
    }

    private mutating func bracket() -> Step? {
      skipSpaces()
      if take("?(") { return filter() }
      if take("*") { return take("]") ? .all : nil }
      if next == "'" || next == "\"" {
        var names: [String] = []
        repeat {
          skipSpaces()
          guard let name = quoted() else { return nil }
          names.append(name)
          skipSpaces()
        } while take(",")
        return take("]") ? .members(names) : nil
      }
      var inside = ""
      while let character = next, character != "]" {
        inside.append(character)
        position += 1
      }
      guard take("]") else { return nil }
      if inside.contains(":") {
        let parts = inside.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 3 else { return nil }
        let numbers = parts.map { Int($0.filter { $0 != " " }) }
        return .slice(
          start: numbers[0], end: numbers[1], step: numbers.count > 2 ? numbers[2] ?? 1 : 1)
      }
      let indices = inside.split(separator: ",").map { Int($0.filter { $0 != " " }) }
      let known = indices.compactMap { $0 }
      return known.count == indices.count && !known.isEmpty ? .indices(known) : nil
    }

    private mutating func operand() -> Operand? {
      skipSpaces()
      if take("@") {
        return steps(until: { " =!<>)".contains($0) }).map { .path($0) }
      }
      if let text = quoted() { return .value(.string(text)) }
      var word = ""
      while let character = next, !" =!<>)".contains(character) {
        word.append(character)
        position += 1
      }
      if let value = try? JSONValue(parsing: word) { return .value(value) }
      return word.isEmpty ? nil : .value(.string(word))
    }

    private mutating func filter() -> Step? {
      guard let left = operand() else { return nil }
      skipSpaces()
      if take(")") { return take("]") ? .filter(left: left, .exists, right: nil) : nil }
      for comparison: Comparison in [
        .equal, .notEqual, .lessOrEqual, .greaterOrEqual, .less, .greater,
      ] where take(comparison.rawValue) {
        guard let right = operand() else { return nil }
        skipSpaces()
        guard take(")"), take("]") else { return nil }
        return .filter(left: left, comparison, right: right)
      }
      return nil
    }
  }
}
