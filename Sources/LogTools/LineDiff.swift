/// A unified diff of two texts, for people.
public enum LineDiff {
  public enum Line: Sendable, Hashable {
    case same(String)
    case removed(String)
    case added(String)
  }

  /// The shortest edit script by the greedy algorithm of Myers, "An O(ND) Difference Algorithm
  /// and Its Variations" (1986), §4. Past `maximumEdits` it gives up on being shortest and
  /// replaces the rest whole.
  public static func lines(from old: [String], to new: [String], maximumEdits: Int = 2_000)
    -> [Line]
  {
    var prefix = 0
    while prefix < old.count, prefix < new.count, old[prefix] == new[prefix] { prefix += 1 }
    var suffix = 0
    while suffix < old.count - prefix, suffix < new.count - prefix,
      old[old.count - 1 - suffix] == new[new.count - 1 - suffix]
    { suffix += 1 }
    let middle = script(
      Array(old[prefix..<(old.count - suffix)]), Array(new[prefix..<(new.count - suffix)]),
      maximumEdits: maximumEdits)
    return old[..<prefix].map(Line.same) + middle + old[(old.count - suffix)...].map(Line.same)
  }

  private static func script(_ old: [String], _ new: [String], maximumEdits: Int) -> [Line] {
    let replaced = old.map(Line.removed) + new.map(Line.added)
    if old.isEmpty || new.isEmpty { return replaced }
    let limit = min(old.count + new.count, maximumEdits)
    var frontier = [Int](repeating: 0, count: 2 * limit + 2)
    var trace: [[Int]] = []
    func at(_ diagonal: Int) -> Int { diagonal + limit }
    for edits in 0...limit {
      trace.append(frontier)
      for diagonal in stride(from: -edits, through: edits, by: 2) {
        var x: Int
        if diagonal == -edits
          || (diagonal != edits && frontier[at(diagonal - 1)] < frontier[at(diagonal + 1)])
        {
          x = frontier[at(diagonal + 1)]
        } else {
          x = frontier[at(diagonal - 1)] + 1
        }
        var y = x - diagonal
        while x < old.count, y < new.count, old[x] == new[y] {
          x += 1
          y += 1
        }
        frontier[at(diagonal)] = x
        if x >= old.count, y >= new.count {
          return backtrack(old, new, trace: trace, limit: limit)
        }
      }
      if edits == limit { break }
    }
    return replaced
  }

  private static func backtrack(_ old: [String], _ new: [String], trace: [[Int]], limit: Int)
    -> [Line]
  {
    var lines: [Line] = []
    var x = old.count
    var y = new.count
    for edits in trace.indices.reversed() {
      let frontier = trace[edits]
      let diagonal = x - y
      let goesDown =
        diagonal == -edits
        || (diagonal != edits
          && frontier[diagonal - 1 + limit] < frontier[diagonal + 1 + limit])
      let previous = goesDown ? diagonal + 1 : diagonal - 1
      let previousX = edits == 0 ? 0 : frontier[previous + limit]
      let previousY = edits == 0 ? 0 : previousX - previous
      while x > previousX, y > previousY {
        lines.append(.same(old[x - 1]))
        x -= 1
        y -= 1
      }
      if edits == 0 { break }
      if goesDown {
        lines.append(.added(new[y - 1]))
        y -= 1
      } else {
        lines.append(.removed(old[x - 1]))
        x -= 1
      }
    }
    return lines.reversed()
  }

  /// With `context` unchanged lines around each change, `…` where more are left out.
  public static func render(_ lines: [Line], context: Int = 3, color: Bool) -> String {
    var keep = [Bool](repeating: false, count: lines.count)
    for (position, line) in lines.enumerated() {
      if case .same = line { continue }
      for near in max(0, position - context)...min(lines.count - 1, position + context) {
        keep[near] = true
      }
    }
    var output = ""
    var skipped = false
    for (position, line) in lines.enumerated() {
      guard keep[position] else {
        skipped = true
        continue
      }
      if skipped { output += color ? "\u{1B}[36m  …\u{1B}[0m\n" : "  …\n" }
      skipped = false
      switch line {
      case .same(let text): output += "  \(text)\n"
      case .removed(let text): output += color ? "\u{1B}[31m- \(text)\u{1B}[0m\n" : "- \(text)\n"
      case .added(let text): output += color ? "\u{1B}[32m+ \(text)\u{1B}[0m\n" : "+ \(text)\n"
      }
    }
    return output
  }
}
