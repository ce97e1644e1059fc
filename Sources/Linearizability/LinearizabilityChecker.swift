/// Decides whether a concurrent history could have come from operations that took effect one after
/// the other, each between its call and its return.
///
/// The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's
/// pruning ("Testing for linearizability", 2017): what was tried once, as the set of operations that
/// took effect and the state they led to, is not tried again. Operations of unknown outcome may be
/// left out.
public struct LinearizabilityChecker<Model: SequentialModel>: Sendable {
  public typealias Operation = Linearizability.Operation<Model.Input, Model.Output>

  public enum Verdict: Sendable, Hashable {
    case linearizable
    /// No order explains the answers. `explained` is the longest order that was found, as positions
    /// in the history, and `unexplained` the operation that had returned and fitted nowhere after it.
    case violated(explained: [Int], unexplained: Int)
    /// The bound on the work was reached first.
    case undecided
  }

  public var model: Model
  /// Applications of the model, at most.
  public var maximumSteps: Int

  public init(model: Model, maximumSteps: Int = 10_000_000) {
    self.model = model
    self.maximumSteps = maximumSteps
  }

  public func check(_ history: [Operation]) -> Verdict {
    var search = Search(history, model)
    return search.run(maximumSteps: maximumSteps)
  }

  /// Checks each part by itself: operations on different objects can't contradict each other
  /// (Herlihy and Wing 1990, locality).
  ///
  /// - Returns: the parts that are not linearizable, or undecided.
  public func check<Part: Hashable>(
    _ history: [Operation], partitionedBy part: (Operation) -> Part
  ) -> [Part: (history: [Operation], verdict: Verdict)] {
    var failures: [Part: (history: [Operation], verdict: Verdict)] = [:]
    for (part, history) in Dictionary(grouping: history, by: part) {
      let verdict = check(history)
      if verdict != .linearizable { failures[part] = (history, verdict) }
    }
    return failures
  }

  /// Which operations have taken effect, and what came of it.
  private struct Configuration: Hashable {
    var applied: [UInt64]
    var state: Model.State
  }

  /// Calls and returns stand in a list in the order of their times; an operation that has taken
  /// effect is taken out. Node 0 is the list's head; `2 * i + 1` is the call of operation `i` and
  /// `2 * i + 2` its return.
  private struct Search {
    let history: [Operation]
    let model: Model
    var next: [Int]
    var previous: [Int]
    var state: Model.State
    var applied: [UInt64]
    /// The order so far, with the state before each.
    var order: [(operation: Int, before: Model.State)] = []
    var seen: Set<Configuration> = []
    /// Operations that returned and are not in the order.
    var missing: Int
    var longest: [Int] = []
    var stuckAt = 0

    init(_ history: [Operation], _ model: Model) {
      self.history = history
      self.model = model
      state = model.initial
      applied = Array(repeating: 0, count: (history.count + 63) / 64)
      missing = history.count { $0.returned != nil }
      // At the same time, calls first: then the operations overlap, which excuses more.
      var nodes: [(time: Int64, isReturn: Bool, node: Int)] = []
      for (position, operation) in history.enumerated() {
        nodes.append((operation.called, false, 2 * position + 1))
        if let returned = operation.returned {
          nodes.append((max(returned, operation.called), true, 2 * position + 2))
        }
      }
      nodes.sort {
        ($0.time, $0.isReturn ? 1 : 0, $0.node) < ($1.time, $1.isReturn ? 1 : 0, $1.node)
      }
      next = Array(repeating: -1, count: 2 * history.count + 1)
      previous = next
      var last = 0
      for (_, _, node) in nodes {
        next[last] = node
        previous[node] = last
        last = node
      }
    }

    mutating func run(maximumSteps: Int) -> Verdict {
      var steps = 0
      var node = next[0]
      while missing > 0 {
        // A return that is still in the list ends the search for what may come first.
        guard node >= 0, !node.isMultiple(of: 2) else {
          if node >= 0, order.count >= longest.count {
            longest = order.map(\.operation)
            stuckAt = node / 2 - 1
          }
          guard let last = order.popLast() else {
            return .violated(explained: longest, unexplained: stuckAt)
          }
          state = last.before
          restore(last.operation)
          node = next[2 * last.operation + 1]
          continue
        }
        let operation = node / 2
        steps += 1
        if steps > maximumSteps { return .undecided }
        let asked = history[operation]
        if let after = model.step(state, asked.input, asked.returned == nil ? nil : asked.output) {
          applied[operation / 64] |= 1 << UInt64(operation % 64)
          if seen.insert(Configuration(applied: applied, state: after)).inserted {
            order.append((operation, state))
            state = after
            takeOut(operation)
            node = next[0]
            continue
          }
          applied[operation / 64] &= ~(1 << UInt64(operation % 64))
        }
        node = next[node]
      }
      return .linearizable
    }

    private mutating func takeOut(_ operation: Int) {
      unlink(2 * operation + 1)
      guard history[operation].returned != nil else { return }
      unlink(2 * operation + 2)
      missing -= 1
    }

    /// In the opposite order of `takeOut`, so that neighbours are what they were.
    private mutating func restore(_ operation: Int) {
      applied[operation / 64] &= ~(1 << UInt64(operation % 64))
      if history[operation].returned != nil {
        link(2 * operation + 2)
        missing += 1
      }
      link(2 * operation + 1)
    }

    private mutating func unlink(_ node: Int) {
      next[previous[node]] = next[node]
      if next[node] >= 0 { previous[next[node]] = previous[node] }
    }

    private mutating func link(_ node: Int) {
      next[previous[node]] = node
      if next[node] >= 0 { previous[next[node]] = node }
    }
  }
}
