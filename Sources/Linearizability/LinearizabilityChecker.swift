/// Decides whether a concurrent history could have come from operations that took effect one after
/// the other, each between its call and its return.
///
/// The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's
/// pruning ("Testing for linearizability", 2017): what was tried once, as the set of operations that
/// took effect and the state they led to, is not tried again. Operations of unknown outcome may be
/// left out, and are tried only where no other can come next.
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

  /// Calls and returns of operations that returned stand in a list in the order of their times; an
  /// operation that has taken effect is taken out. Node 0 is the list's head; `2 * i + 1` is the call
  /// of operation `i` and `2 * i + 2` its return.
  private struct Search {
    let history: [Operation]
    let model: Model
    /// Operations of unknown outcome, in the order of their calls.
    let open: [Int]
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
        guard let returned = operation.returned else { continue }
        nodes.append((operation.called, false, 2 * position + 1))
        nodes.append((max(returned, operation.called), true, 2 * position + 2))
      }
      open = history.indices.filter { history[$0].returned == nil }
        .sorted { (history[$0].called, $0) < (history[$1].called, $1) }
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
      // Who may come next: first those whose call stands before the first return that is left in
      // the list, then those of unknown outcome that were called before it.
      var node = next[0]
      var candidate = 0
      while missing > 0 {
        let operation: Int
        if node >= 0, !node.isMultiple(of: 2) {
          operation = node / 2
          node = next[node]
        } else if candidate < open.count, isCalled(open[candidate], before: node) {
          operation = open[candidate]
          candidate += 1
        } else {
          if order.count >= longest.count {
            longest = order.map(\.operation)
            stuckAt = max(0, node / 2 - 1)
          }
          guard let last = order.popLast() else {
            return .violated(explained: longest, unexplained: stuckAt)
          }
          state = last.before
          restore(last.operation)
          if history[last.operation].returned != nil {
            node = next[2 * last.operation + 1]
            candidate = 0
          } else {
            node = firstReturn
            candidate = (open.firstIndex(of: last.operation) ?? open.count) + 1
          }
          continue
        }
        guard !isApplied(operation) else { continue }
        steps += 1
        if steps > maximumSteps { return .undecided }
        let asked = history[operation]
        let output = asked.returned == nil ? nil : asked.output
        guard let after = model.step(state, asked.input, output) else { continue }
        applied[operation / 64] |= 1 << UInt64(operation % 64)
        guard seen.insert(Configuration(applied: applied, state: after)).inserted else {
          applied[operation / 64] &= ~(1 << UInt64(operation % 64))
          continue
        }
        order.append((operation, state))
        state = after
        takeOut(operation)
        node = next[0]
        candidate = 0
      }
      return .linearizable
    }

    private func isApplied(_ operation: Int) -> Bool {
      applied[operation / 64] & 1 << UInt64(operation % 64) != 0
    }

    /// A return that is still in the list ends the search for what may come first.
    private var firstReturn: Int {
      var node = next[0]
      while node >= 0, !node.isMultiple(of: 2) { node = next[node] }
      return node
    }

    private func isCalled(_ operation: Int, before node: Int) -> Bool {
      guard node > 0 else { return true }
      let other = history[node / 2 - 1]
      return history[operation].called <= max(other.returned ?? .max, other.called)
    }

    private mutating func takeOut(_ operation: Int) {
      guard history[operation].returned != nil else { return }
      unlink(2 * operation + 1)
      unlink(2 * operation + 2)
      missing -= 1
    }

    /// In the opposite order of `takeOut`, so that neighbours are what they were.
    private mutating func restore(_ operation: Int) {
      applied[operation / 64] &= ~(1 << UInt64(operation % 64))
      guard history[operation].returned != nil else { return }
      link(2 * operation + 2)
      link(2 * operation + 1)
      missing += 1
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
