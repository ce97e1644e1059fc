/// Reads the grammar of label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`.
struct LabelSelectorParser {
  enum Token: Equatable {
    case end
    case identifier(String)
    case symbol(String)

    var text: String {
      switch self {
      case .end: ""
      case .identifier(let text), .symbol(let text): text
      }
    }
  }

  private var tokens: [Token]
  private var position = 0
  private let symbols: Set<String> = ["=", "==", "!=", "!", "(", ")", ",", ">", "<"]

  init(_ text: String) {
    tokens = []
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.first {
      if " \t\r\n".unicodeScalars.contains(scalar) {
        rest = rest.dropFirst()
      } else if symbols.contains(String(scalar)) {
        // `==` and `!=` are the only symbols of two characters.
        let pair = String(String.UnicodeScalarView(rest.prefix(2)))
        let symbol = symbols.contains(pair) ? pair : String(scalar)
        tokens.append(.symbol(symbol))
        rest = rest.dropFirst(symbol.unicodeScalars.count)
      } else {
        let word = rest.prefix {
          !symbols.contains(String($0)) && !" \t\r\n".unicodeScalars.contains($0)
        }
        tokens.append(.identifier(String(String.UnicodeScalarView(word))))
        rest = rest.dropFirst(word.count)
      }
    }
  }

  private var next: Token { position < tokens.count ? tokens[position] : .end }

  private mutating func consume() -> Token {
    defer { position += 1 }
    return next
  }

  private func failure(_ message: String) -> APIStatus {
    .badRequest("unable to parse requirement: \(message)")
  }

  mutating func parse() throws(APIStatus) -> [LabelSelector.Requirement] {
    var requirements: [LabelSelector.Requirement] = []
    while true {
      switch next {
      case .end: return requirements
      case .identifier, .symbol("!"):
        requirements.append(try parseRequirement())
        let token = consume()
        switch token {
        case .end: return requirements
        case .symbol(","):
          switch next {
          case .identifier, .symbol("!"): continue
          default:
            throw .badRequest("found '\(next.text)', expected: identifier after ','")
          }
        default:
          throw .badRequest("found '\(token.text)', expected: ',' or 'end of string'")
        }
      case .symbol(let text):
        throw .badRequest("found '\(text)', expected: !, identifier, or 'end of string'")
      }
    }
  }

  private mutating func parseRequirement() throws(APIStatus) -> LabelSelector.Requirement {
    var negated = false
    if next == .symbol("!") {
      negated = true
      position += 1
    }
    let token = consume()
    guard case .identifier(let key) = token else {
      throw failure("found '\(token.text)', expected: identifier")
    }
    if let problem = NameRules.labelKey(key).first {
      throw failure("<nil>: Invalid value: \(GoFormat.quoted(key)): \(problem)")
    }
    if negated { return LabelSelector.Requirement(key: key, operator: .doesNotExist) }
    if next == .end || next == .symbol(",") {
      return LabelSelector.Requirement(key: key, operator: .exists)
    }
    let `operator` = try parseOperator()
    let values: [String]
    switch `operator` {
    case .in, .notIn: values = try parseValues()
    default: values = [try parseValue()]
    }
    if `operator` == .greaterThan || `operator` == .lessThan {
      for (index, value) in values.enumerated() where Int64(value) == nil {
        throw failure(
          "values[\(index)]: Invalid value: \(GoFormat.quoted(value)): for 'Gt', 'Lt' operators, "
            + "the value must be an integer")
      }
    }
    for (index, value) in values.enumerated() {
      if let problem = NameRules.labelValue(value).first {
        throw failure(
          "values[\(index)][\(key)]: Invalid value: \(GoFormat.quoted(value)): \(problem)")
      }
    }
    return LabelSelector.Requirement(key: key, operator: `operator`, values: values)
  }

  private mutating func parseOperator() throws(APIStatus) -> LabelSelector.Operator {
    let token = consume()
    switch token {
    case .identifier("in"): return .in
    case .identifier("notin"): return .notIn
    case .symbol("="): return .equals
    case .symbol("=="): return .doubleEquals
    case .symbol("!="): return .notEquals
    case .symbol(">"): return .greaterThan
    case .symbol("<"): return .lessThan
    default:
      throw failure("found '\(token.text)', expected: in, notin, =, ==, !=, gt, lt")
    }
  }

  private mutating func parseValue() throws(APIStatus) -> String {
    if next == .end || next == .symbol(",") { return "" }
    let token = consume()
    guard case .identifier(let value) = token else {
      throw failure("found '\(token.text)', expected: identifier")
    }
    return value
  }

  /// `(a,b)`; an empty place between commas is an empty value.
  private mutating func parseValues() throws(APIStatus) -> [String] {
    let opening = consume()
    guard opening == .symbol("(") else {
      throw failure("found '\(opening.text)' expected: '('")
    }
    var values: Set<String> = []
    if next == .symbol(")") {
      position += 1
      throw failure(
        "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    }
    while true {
      switch next {
      case .identifier(let value):
        position += 1
        values.insert(value)
      case .symbol(","), .symbol(")"): values.insert("")
      default: throw failure("found '\(next.text)', expected: ',', or identifier")
      }
      let token = consume()
      switch token {
      case .symbol(","): continue
      case .symbol(")"): return values.sorted()
      default: throw failure("found '\(token.text)', expected: ',' or ')'")
      }
    }
  }
}
