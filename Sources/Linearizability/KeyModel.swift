/// One key of the store, with values that are never written twice.
///
/// So a value names the write it came from, and a revision belongs to one value: what a replica says
/// of either must agree with all others.
public struct KeyModel: SequentialModel {
  public enum Input: Sendable, Hashable {
    case get
    case create(value: Int)
    /// Replaces the value of that revision.
    case update(revision: UInt64, value: Int)
    /// `revision` `nil`: whatever is there.
    case delete(revision: UInt64?)
  }

  public enum Output: Sendable, Hashable {
    case found(value: Int, revision: UInt64)
    /// Written, as that revision; `nil`: the answer did not tell.
    case done(revision: UInt64?)
    case notFound
    case alreadyExists
    case conflict
  }

  public struct State: Sendable, Hashable {
    public var value: Int?
    /// Of the newest write whose revision is known.
    public var newest: UInt64
  }

  public typealias Operation = Linearizability.Operation<Input, Output>

  /// Of the values that anybody has seen.
  public var revisions: [Int: UInt64]
  /// Values that were deleted rather than replaced, where watches have seen all that happened:
  /// then a write of unknown outcome whose value nobody saw was none. `nil`: that is not known.
  public var deleted: Set<Int>?
  public var initial: State { State(value: nil, newest: 0) }

  public init(revisions: [Int: UInt64], deleted: Set<Int>? = nil) {
    self.revisions = revisions
    self.deleted = deleted
  }

  public func step(_ state: State, _ input: Input, _ output: Output?) -> State? {
    switch (input, output) {
    case (.get, .found(let value, let revision)):
      return state.value == value && revisions[value] == revision ? state : nil
    case (.get, .notFound): return state.value == nil ? state : nil
    case (.create(let value), .done), (.create(let value), nil):
      return state.value == nil ? written(value, output, after: state) : nil
    case (.create, .alreadyExists): return state.value != nil ? state : nil
    case (.update(let revision, let value), .done), (.update(let revision, let value), nil):
      return holds(state, revision) ? written(value, output, after: state) : nil
    case (.update(let revision, _), .conflict), (.delete(.some(let revision)), .conflict):
      return state.value != nil && !holds(state, revision) ? state : nil
    case (.update, .notFound), (.delete, .notFound): return state.value == nil ? state : nil
    case (.delete(let revision), .done), (.delete(let revision), nil):
      guard let value = state.value, revision.map({ holds(state, $0) }) ?? true,
        deleted?.contains(value) ?? true
      else { return nil }
      return State(value: nil, newest: state.newest)
    default: return nil
    }
  }

  private func holds(_ state: State, _ revision: UInt64) -> Bool {
    state.value.flatMap { revisions[$0] } == revision
  }

  /// Revisions only grow.
  private func written(_ value: Int, _ output: Output?, after state: State) -> State? {
    let known = revisions[value]
    if deleted != nil, known == nil { return nil }
    if case .done(let told?) = output, told != known { return nil }
    if let known, known <= state.newest { return nil }
    return State(value: value, newest: known ?? state.newest)
  }
}

extension KeyModel {
  /// The revisions that a history tells of.
  ///
  /// - Parameter seen: further ones, such as from watches.
  /// - Returns: also what is contradictory, a sentence each.
  public static func revisions(
    in history: [Operation], seen: [(value: Int, revision: UInt64)] = []
  ) -> (revisions: [Int: UInt64], contradictions: [String]) {
    var revisions: [Int: UInt64] = [:]
    var values: [UInt64: Int] = [:]
    var contradictions: [String] = []
    func note(_ value: Int, _ revision: UInt64) {
      if let known = revisions.updateValue(revision, forKey: value), known != revision {
        contradictions.append("value \(value) has revision \(known), and also \(revision)")
      }
      if let known = values.updateValue(value, forKey: revision), known != value {
        contradictions.append("revision \(revision) has value \(known), and also \(value)")
      }
    }
    for operation in history {
      switch (operation.input, operation.output) {
      case (_, .found(let value, let revision)): note(value, revision)
      case (.create(let value), .done(let revision?)),
        (.update(_, let value), .done(let revision?)):
        note(value, revision)
      default: break
      }
    }
    for (value, revision) in seen { note(value, revision) }
    return (revisions, contradictions)
  }
}
