/// Parses expressions by descent, and takes macros for what they stand for.
struct CELParser {
  private var lexer: CELLexer
  private var token: CELLexer.Token = .end
  private var offset = 0
  private var depth = 0
  static let maximumDepth = 120
  private static let reserved: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while",
  ]

  private init(_ source: String) { lexer = CELLexer(source) }

  static func parse(_ source: String) throws(CELProblem) -> CELExpression {
    var parser = CELParser(source)
    try parser.advance()
    let expression = try parser.expression()
    guard parser.token == .end else { throw parser.unexpected(" expecting <EOF>") }
    return expression
  }

  private mutating func advance() throws(CELProblem) {
    (token, offset) = try lexer.next()
  }

  private func unexpected(_ expected: String = "") -> CELProblem {
    let found =
      switch token {
      case .end: "<EOF>"
      case .symbol(let text), .identifier(let text): text
      case .int(let value): String(value)
      default: "value"
      }
    return lexer.problem(
      token == .end
        ? "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', "
          + "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
        : "Syntax error: extraneous input '\(found)'\(expected)", at: offset)
  }

  private mutating func take(_ symbol: String) throws(CELProblem) -> Bool {
    guard token == .symbol(symbol) else { return false }
    try advance()
    return true
  }

  private mutating func expect(_ symbol: String) throws(CELProblem) {
    guard try take(symbol) else { throw unexpected() }
  }

  private var place: CELExpression.Position { .init(offset: offset) }

  private mutating func expression() throws(CELProblem) -> CELExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw lexer.problem("expression recursion limit exceeded", at: offset)
    }
    let condition = try or()
    let position = place
    guard try take("?") else { return condition }
    let first = try or()
    try expect(":")
    let second = try expression()
    return .call("_?_:_", target: nil, [condition, first, second], position)
  }

  private mutating func or() throws(CELProblem) -> CELExpression {
    var left = try and()
    while token == .symbol("||") {
      let position = place
      try advance()
      left = .call("_||_", target: nil, [left, try and()], position)
    }
    return left
  }

  private mutating func and() throws(CELProblem) -> CELExpression {
    var left = try relation()
    while token == .symbol("&&") {
      let position = place
      try advance()
      left = .call("_&&_", target: nil, [left, try relation()], position)
    }
    return left
  }

  private mutating func relation() throws(CELProblem) -> CELExpression {
    var left = try sum()
    while true {
      let position = place
      switch token {
      case .symbol(let symbol) where ["==", "!=", "<", "<=", ">", ">="].contains(symbol):
        try advance()
        left = .call("_\(symbol)_", target: nil, [left, try sum()], position)
      case .identifier("in"):
        try advance()
        left = .call("@in", target: nil, [left, try sum()], position)
      default: return left
      }
    }
  }

  private mutating func sum() throws(CELProblem) -> CELExpression {
    var left = try product()
    while case .symbol(let symbol) = token, symbol == "+" || symbol == "-" {
      let position = place
      try advance()
      left = .call("_\(symbol)_", target: nil, [left, try product()], position)
    }
    return left
  }

  private mutating func product() throws(CELProblem) -> CELExpression {
    var left = try unary()
    while case .symbol(let symbol) = token, ["*", "/", "%"].contains(symbol) {
      let position = place
      try advance()
      left = .call("_\(symbol)_", target: nil, [left, try unary()], position)
    }
    return left
  }

  private mutating func unary() throws(CELProblem) -> CELExpression {
    let position = place
    if token == .symbol("!") {
      var count = 0
      while try take("!") { count += 1 }
      let operand = try member()
      return count % 2 == 0 ? operand : .call("!_", target: nil, [operand], position)
    }
    if token == .symbol("-") {
      var count = 0
      while try take("-") { count += 1 }
      if token == .intMinimum, count == 1 {
        try advance()
        return try suffixes(of: .literal(.int(.min)))
      }
      if count == 1 {
        if case .int(let value) = token {
          try advance()
          return try suffixes(of: .literal(.int(-value)))
        }
        if case .double(let value) = token {
          try advance()
          return try suffixes(of: .literal(.double(-value)))
        }
      }
      let operand = try member()
      return count % 2 == 0 ? operand : .call("-_", target: nil, [operand], position)
    }
    return try member()
  }

  private mutating func member() throws(CELProblem) -> CELExpression {
    try suffixes(of: try primary())
  }

  private mutating func suffixes(of start: CELExpression) throws(CELProblem) -> CELExpression {
    var operand = start
    var count = 0
    while true {
      let position = place
      count += 1
      guard count < 500 else {
        throw lexer.problem("expression recursion limit exceeded", at: offset)
      }
      if try take(".") {
        let isOptional = try take("?")
        guard case .identifier(let name) = token else { throw unexpected() }
        try advance()
        if !isOptional, try take("(") {
          let arguments = try arguments(until: ")")
          operand = try memberCall(name, operand, arguments, position)
        } else {
          operand = .select(
            operand, field: name, test: false, optional: isOptional, position)
        }
      } else if try take("[") {
        let isOptional = try take("?")
        let index = try expression()
        try expect("]")
        operand = .index(operand, index, optional: isOptional, position)
      } else if token == .symbol("{"), let name = Self.qualifiedName(operand) {
        try advance()
        operand = .structure(name, try fields(), position)
      } else {
        return operand
      }
    }
  }

  /// The name that identifiers with dots between them make.
  private static func qualifiedName(_ expression: CELExpression) -> String? {
    switch expression {
    case .identifier(let name, _): return name
    case .select(let operand, let field, false, false, _):
      return qualifiedName(operand).map { "\($0).\(field)" }
    default: return nil
    }
  }

  private mutating func fields() throws(CELProblem)
    -> [(field: String, value: CELExpression, optional: Bool)]
  {
    var fields: [(field: String, value: CELExpression, optional: Bool)] = []
    while !(try take("}")) {
      let isOptional = try take("?")
      guard case .identifier(let name) = token else { throw unexpected() }
      try advance()
      try expect(":")
      fields.append((name, try expression(), isOptional))
      if try take(",") { continue }
      try expect("}")
      break
    }
    return fields
  }

  private mutating func arguments(until end: String) throws(CELProblem) -> [CELExpression] {
    var arguments: [CELExpression] = []
    if try take(end) { return arguments }
    repeat { arguments.append(try expression()) } while try take(",")
    try expect(end)
    return arguments
  }

  private mutating func primary() throws(CELProblem) -> CELExpression {
    let position = place
    switch token {
    case .int(let value):
      try advance()
      return .literal(.int(value))
    case .uint(let value):
      try advance()
      return .literal(.uint(value))
    case .double(let value):
      try advance()
      return .literal(.double(value))
    case .string(let value):
      try advance()
      return .literal(.string(value))
    case .bytes(let value):
      try advance()
      return .literal(.bytes(value))
    case .symbol("("):
      try advance()
      let inside = try expression()
      try expect(")")
      return inside
    case .symbol("["):
      try advance()
      var elements: [(element: CELExpression, optional: Bool)] = []
      while !(try take("]")) {
        let isOptional = try take("?")
        elements.append((try expression(), isOptional))
        if try take(",") { continue }
        try expect("]")
        break
      }
      return .list(elements, position)
    case .symbol("{"):
      try advance()
      var entries: [(key: CELExpression, value: CELExpression, optional: Bool)] = []
      while !(try take("}")) {
        let isOptional = try take("?")
        let key = try expression()
        try expect(":")
        entries.append((key, try expression(), isOptional))
        if try take(",") { continue }
        try expect("}")
        break
      }
      return .map(entries, position)
    case .symbol("."):
      try advance()
      return try named(position)
    case .identifier: return try named(position)
    default: throw unexpected()
    }
  }

  private mutating func named(_ position: CELExpression.Position) throws(CELProblem)
    -> CELExpression
  {
    guard case .identifier(let name) = token else { throw unexpected() }
    switch name {
    case "true", "false":
      try advance()
      return .literal(.bool(name == "true"))
    case "null":
      try advance()
      return .literal(.null)
    case "in": throw unexpected()
    default: break
    }
    if Self.reserved.contains(name) {
      throw lexer.problem("reserved identifier: \(name)", at: offset)
    }
    try advance()
    guard try take("(") else { return .identifier(name, position) }
    let arguments = try arguments(until: ")")
    if name == "has", arguments.count == 1 {
      guard case .select(let operand, let field, false, false, let place) = arguments[0] else {
        throw lexer.problem("invalid argument to has() macro", at: position.offset)
      }
      return .select(operand, field: field, test: true, optional: false, place)
    }
    return .call(name, target: nil, arguments, position)
  }

  private func name(_ expression: CELExpression) throws(CELProblem) -> String {
    guard case .identifier(let name, _) = expression else {
      throw lexer.problem("argument must be a simple name", at: offset)
    }
    return name
  }

  /// A call on a value: a macro where the name and the number of arguments are those of one.
  private func memberCall(
    _ function: String, _ target: CELExpression, _ arguments: [CELExpression],
    _ position: CELExpression.Position
  ) throws(CELProblem) -> CELExpression {
    func comprehension(
      _ macro: CELExpression.Macro, names: [String], filter: CELExpression? = nil,
      body: CELExpression
    ) -> CELExpression {
      .comprehension(
        macro, range: target, names: names, filter: filter, body: body, position)
    }
    // Functions of namespaces, e.g. `optional.of`, are told apart by their target.
    if case .identifier(let space, _) = target,
      CELSignatures.all["\(space).\(function)"] != nil
    {
      return .call("\(space).\(function)", target: nil, arguments, position)
    }
    if case .identifier("cel", _) = target, function == "bind", arguments.count == 3 {
      return .comprehension(
        .bind, range: arguments[1], names: [try name(arguments[0])], filter: nil,
        body: arguments[2], position)
    }
    switch (function, arguments.count) {
    case ("all", 2), ("exists", 2), ("filter", 2), ("map", 2), ("optMap", 2), ("optFlatMap", 2):
      guard let macro = CELExpression.Macro(rawValue: function) else { break }
      return comprehension(macro, names: [try name(arguments[0])], body: arguments[1])
    case ("exists_one", 2), ("existsOne", 2):
      return comprehension(.existsOne, names: [try name(arguments[0])], body: arguments[1])
    case ("all", 3), ("exists", 3), ("transformList", 3), ("transformMap", 3):
      guard let macro = CELExpression.Macro(rawValue: function) else { break }
      return comprehension(
        macro, names: [try name(arguments[0]), try name(arguments[1])], body: arguments[2])
    case ("existsOne", 3), ("exists_one", 3):
      return comprehension(
        .existsOne, names: [try name(arguments[0]), try name(arguments[1])], body: arguments[2])
    case ("transformList", 4), ("transformMap", 4):
      guard let macro = CELExpression.Macro(rawValue: function) else { break }
      return comprehension(
        macro, names: [try name(arguments[0]), try name(arguments[1])], filter: arguments[2],
        body: arguments[3])
    case ("map", 3):
      return comprehension(
        .map, names: [try name(arguments[0])], filter: arguments[1], body: arguments[2])
    default: break
    }
    return .call(function, target: target, arguments, position)
  }
}
