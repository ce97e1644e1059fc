extension RegularExpression {
  /// Whether the expression is found anywhere in the text.
  public func isFound(in text: String) -> Bool {
    firstMatch(in: Array(text.unicodeScalars), from: 0) != nil
  }

  /// The first place where the expression is found; of several ends the one that the expression
  /// prefers.
  public func firstMatch(in scalars: [Unicode.Scalar], from start: Int) -> Range<Int>? {
    var current = Threads(program.count)
    var next = Threads(program.count)
    var found: Range<Int>?
    var position = start
    while true {
      if found == nil { add(0, begin: position, at: position, scalars, to: &current) }
      if current.entries.isEmpty {
        // Nothing is under way; a match may begin further on.
        guard found == nil, position < scalars.count else { break }
        current.clear()
        position += 1
        continue
      }
      let scalar = position < scalars.count ? scalars[position].value : nil
      next.clear()
      for entry in current.entries {
        switch program[entry.instruction] {
        case .match: found = entry.begin..<position
        case .one(let set):
          if let scalar, set.contains(scalar) {
            add(entry.instruction + 1, begin: entry.begin, at: position + 1, scalars, to: &next)
          }
          continue
        default: continue
        }
        // Whatever comes behind a match counts for less.
        break
      }
      swap(&current, &next)
      if position >= scalars.count { break }
      position += 1
    }
    return found
  }

  /// The states that are alive at one position, in the order of preference.
  private struct Threads {
    struct Entry {
      var instruction: Int
      var begin: Int
    }
    var entries: [Entry] = []
    private var seen: [Bool]
    private var marked: [Int] = []

    init(_ count: Int) { seen = Array(repeating: false, count: count) }

    mutating func clear() {
      entries.removeAll(keepingCapacity: true)
      for index in marked { seen[index] = false }
      marked.removeAll(keepingCapacity: true)
    }

    mutating func mark(_ instruction: Int) -> Bool {
      guard !seen[instruction] else { return false }
      seen[instruction] = true
      marked.append(instruction)
      return true
    }
  }

  private func add(
    _ instruction: Int, begin: Int, at position: Int, _ scalars: [Unicode.Scalar],
    to threads: inout Threads
  ) {
    var pending = [instruction]
    while let index = pending.popLast() {
      guard threads.mark(index) else { continue }
      switch program[index] {
      case .jump(let target): pending.append(target)
      case .split(let first, let second):
        pending.append(second)
        pending.append(first)
      case .assert(let assertion):
        if holds(assertion, at: position, scalars) { pending.append(index + 1) }
      case .one, .match: threads.entries.append(.init(instruction: index, begin: begin))
      }
    }
  }

  private func holds(_ assertion: Assertion, at position: Int, _ scalars: [Unicode.Scalar]) -> Bool
  {
    func isWord(_ index: Int) -> Bool {
      guard scalars.indices.contains(index) else { return false }
      let value = scalars[index].value
      return (0x30...0x39).contains(value) || (0x41...0x5A).contains(value) || value == 0x5F
        || (0x61...0x7A).contains(value)
    }
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == scalars.count
    case .lineStart: return position == 0 || scalars[position - 1] == "\n"
    case .lineEnd: return position == scalars.count || scalars[position] == "\n"
    case .wordBoundary: return isWord(position - 1) != isWord(position)
    case .noWordBoundary: return isWord(position - 1) == isWord(position)
    }
  }
}
