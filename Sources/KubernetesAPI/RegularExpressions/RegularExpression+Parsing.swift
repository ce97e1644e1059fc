extension RegularExpression {
  indirect enum Node {
    case empty
    case set(ScalarSet)
    case assert(Assertion)
    case sequence([Node])
    case alternatives([Node])
    case repeated(Node, minimum: Int, maximum: Int?, lazy: Bool)
  }

  struct Parser {
    struct Flags {
      var ignoresCase = false
      var isMultiline = false
      var dotMatchesNewline = false
      var isUngreedy = false
    }

    let text: [Unicode.Scalar]
    var position = 0
    var flags = Flags()
    var depth = 0
    static let maximumDepth = 250
    /// RE2's bound on one counted repetition.
    static let maximumRepetitions = 1000

    init(_ pattern: String) { text = Array(pattern.unicodeScalars) }

    var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    func part(from start: Int, to end: Int? = nil) -> String {
      String(String.UnicodeScalarView(text[start..<min(end ?? position, text.count)]))
    }

    func problem(_ reason: String, from start: Int, to end: Int? = nil) -> Problem {
      Problem(reason: reason, part: part(from: start, to: end))
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      guard next == scalar else { return false }
      position += 1
      return true
    }

    mutating func parse() throws(Problem) -> Node {
      let node = try alternatives()
      guard position == text.count else {
        throw problem("unexpected )", from: 0, to: text.count)
      }
      return node
    }

    private mutating func alternatives() throws(Problem) -> Node {
      var nodes = [try sequence()]
      while take("|") { nodes.append(try sequence()) }
      return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(Problem) -> Node {
      var nodes: [Node] = []
      while let scalar = next, scalar != "|", scalar != ")" {
        let start = position
        let node = try atom()
        nodes.append(try repetitions(of: node, from: start))
      }
      return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repetitions(of node: Node, from start: Int) throws(Problem) -> Node {
      var node = node
      var before: Int?
      while let scalar = next {
        let operatorStart = position
        let bounds: (Int, Int?)
        switch scalar {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
          guard let counted = try count() else { return node }
          bounds = counted
        default: return node
        }
        if scalar != "{" { position += 1 }
        if let before { throw problem("invalid nested repetition operator", from: before) }
        let lazy = take("?") != flags.isUngreedy
        node = .repeated(node, minimum: bounds.0, maximum: bounds.1, lazy: lazy)
        before = operatorStart
      }
      return node
    }

    /// `{2}`, `{2,}` or `{2,5}`; anything else is plain text.
    private mutating func count() throws(Problem) -> (Int, Int?)? {
      let start = position
      var index = position + 1
      func number() -> (Int, Int)? {
        var end = index
        while end < text.count, ("0"..."9").contains(text[end]) { end += 1 }
        guard end > index else { return nil }
        let digits = part(from: index, to: end)
        return (Int(digits) ?? Int.max, end)
      }
      guard let (minimum, afterMinimum) = number() else { return nil }
      index = afterMinimum
      var maximum: Int? = minimum
      if index < text.count, text[index] == "," {
        index += 1
        if let (bound, end) = number() {
          maximum = bound
          index = end
        } else {
          maximum = nil
        }
      }
      guard index < text.count, text[index] == "}" else { return nil }
      position = index + 1
      if minimum > Self.maximumRepetitions || (maximum ?? 0) > Self.maximumRepetitions
        || maximum.map({ $0 < minimum }) ?? false
      {
        throw problem("invalid repeat count", from: start)
      }
      return (minimum, maximum)
    }

    private mutating func atom() throws(Problem) -> Node {
      guard let scalar = next else { return .empty }
      let start = position
      position += 1
      switch scalar {
      case "(": return try group(from: start)
      case "[": return .set(folded(try bracket(from: start)))
      case ".": return .set(flags.dotMatchesNewline ? .all : .notNewline)
      case "^": return .assert(flags.isMultiline ? .lineStart : .textStart)
      case "$": return .assert(flags.isMultiline ? .lineEnd : .textEnd)
      case "*", "+", "?":
        throw problem("missing argument to repetition operator", from: start)
      case "\\": return try escape(from: start)
      default: return .set(folded(ScalarSet(scalar)))
      }
    }

    func folded(_ set: ScalarSet) -> ScalarSet { flags.ignoresCase ? set.foldingCase : set }

    private mutating func group(from start: Int) throws(Problem) -> Node {
      depth += 1
      defer { depth -= 1 }
      guard depth <= Self.maximumDepth else {
        throw problem("expression nests too deeply", from: 0, to: text.count)
      }
      let outer = flags
      if take("?") {
        if take("P") || next == "<" {
          guard take("<") else {
            throw problem("invalid named capture", from: start, to: text.count)
          }
          let nameStart = position
          while let scalar = next, scalar != ">" {
            guard scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_"
            else { throw problem("invalid named capture", from: start) }
            position += 1
          }
          guard position > nameStart, take(">") else {
            throw problem("invalid named capture", from: start, to: text.count)
          }
        } else {
          guard try readFlags(from: start) else { return .empty }
        }
      }
      let node = try alternatives()
      guard take(")") else { throw problem("missing closing )", from: 0, to: text.count) }
      flags = outer
      return node
    }

    /// - Returns: whether a group follows; otherwise the flags hold until the group around ends.
    private mutating func readFlags(from start: Int) throws(Problem) -> Bool {
      var value = true
      while let scalar = next {
        position += 1
        switch scalar {
        case "i": flags.ignoresCase = value
        case "m": flags.isMultiline = value
        case "s": flags.dotMatchesNewline = value
        case "U": flags.isUngreedy = value
        case "-" where value: value = false
        case ":": return true
        case ")": return false
        default: throw problem("invalid or unsupported Perl syntax", from: start)
        }
      }
      throw problem("missing closing )", from: 0, to: text.count)
    }
  }
}
