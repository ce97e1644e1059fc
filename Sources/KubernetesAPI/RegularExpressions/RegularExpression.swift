/// A regular expression in the syntax of RE2, which Kubernetes' schemas use.
///
/// It is matched by following all alternatives at once (Thompson 1968), so that the time is at most
/// the product of the lengths of expression and text, whoever wrote either.
public struct RegularExpression: Sendable, Hashable {
  /// Why a text is no regular expression, in upstream's words.
  public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    public var reason: String
    /// The part at fault.
    public var part: String
    public var description: String { "error parsing regexp: \(reason): `\(part)`" }
  }

  enum Assertion: Sendable, Hashable {
    case lineStart, lineEnd, textStart, textEnd, wordBoundary, noWordBoundary
  }

  enum Instruction: Sendable, Hashable {
    case one(ScalarSet)
    /// Both are followed; the first counts for more.
    case split(Int, Int)
    case jump(Int)
    case assert(Assertion)
    case match
  }

  public let pattern: String
  let program: [Instruction]

  /// - Throws: what is wrong with the expression.
  public init(_ pattern: String) throws(Problem) {
    self.pattern = pattern
    var parser = Parser(pattern)
    let node = try parser.parse()
    var compiler = Compiler()
    try compiler.compile(node, pattern)
    program = compiler.program + [.match]
  }

  public static func == (left: Self, right: Self) -> Bool { left.pattern == right.pattern }
  public func hash(into hasher: inout Hasher) { hasher.combine(pattern) }

  /// How many instructions an expression may come to; repetitions count as often as they repeat.
  static let maximumInstructions = 20_000

  private struct Compiler {
    var program: [Instruction] = []

    mutating func compile(_ node: Node, _ pattern: String) throws(Problem) {
      guard program.count < maximumInstructions else {
        throw Problem(reason: "expression too large", part: pattern)
      }
      switch node {
      case .empty: break
      case .set(let set): program.append(.one(set))
      case .assert(let assertion): program.append(.assert(assertion))
      case .sequence(let nodes):
        for node in nodes { try compile(node, pattern) }
      case .alternatives(let nodes):
        var jumps: [Int] = []
        for (position, node) in nodes.enumerated() {
          guard position < nodes.count - 1 else {
            try compile(node, pattern)
            break
          }
          let split = program.count
          program.append(.jump(0))
          try compile(node, pattern)
          jumps.append(program.count)
          program.append(.jump(0))
          program[split] = .split(split + 1, program.count)
        }
        for jump in jumps { program[jump] = .jump(program.count) }
      case .repeated(let node, let minimum, let maximum, let lazy):
        for _ in 0..<minimum { try compile(node, pattern) }
        if let maximum {
          var splits: [Int] = []
          for _ in minimum..<max(minimum, maximum) {
            splits.append(program.count)
            program.append(.jump(0))
            try compile(node, pattern)
          }
          for split in splits {
            program[split] =
              lazy ? .split(program.count, split + 1) : .split(split + 1, program.count)
          }
        } else {
          let split = program.count
          program.append(.jump(0))
          try compile(node, pattern)
          program.append(.jump(split))
          program[split] =
            lazy ? .split(program.count, split + 1) : .split(split + 1, program.count)
        }
      }
    }
  }
}

/// The characters that one place of an expression takes.
struct ScalarSet: Sendable, Hashable {
  /// Sorted, without overlaps.
  private(set) var ranges: [ClosedRange<UInt32>] = []

  static let all = ScalarSet([0...0x10FFFF])
  static let notNewline = ScalarSet([0...9, 11...0x10FFFF])

  init(_ ranges: [ClosedRange<UInt32>] = []) { self.ranges = Self.merged(ranges) }

  init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  private static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, range.lowerBound <= last.upperBound &+ 1 {
        result[result.count - 1] =
          last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  mutating func insert(_ other: ScalarSet) { ranges = Self.merged(ranges + other.ranges) }

  var inverted: ScalarSet {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { result.append(next...0x10FFFF) }
    return ScalarSet(result)
  }

  /// With the other case of each letter, as far as case is one to one.
  var foldingCase: ScalarSet {
    var extra: [ClosedRange<UInt32>] = []
    // Beyond these ranges letters have no case.
    for range in ranges where range.lowerBound < 0x1_E944 {
      for value in range.clamped(to: 0...0x1_E943) {
        guard let scalar = Unicode.Scalar(value) else { continue }
        for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
          if text.unicodeScalars.count == 1, let other = text.unicodeScalars.first?.value,
            other != value
          {
            extra.append(other...other)
          }
        }
      }
    }
    return ScalarSet(ranges + extra)
  }

  func contains(_ scalar: UInt32) -> Bool {
    if ranges.count <= 4 {
      for range in ranges where range.contains(scalar) { return true }
      return false
    }
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(scalar)
  }
}
