import Testing

@testable import Linearizability

@Suite struct KeyModelTests {
  typealias Input = KeyModel.Input
  typealias Output = KeyModel.Output

  static func operation(
    _ input: Input, _ output: Output?, _ called: Int64, _ returned: Int64?
  ) -> KeyModel.Operation {
    .init(client: 0, called: called, returned: returned, input: input, output: output)
  }

  private func isLinearizable(_ history: [KeyModel.Operation]) -> Bool {
    let (revisions, contradictions) = KeyModel.revisions(in: history)
    return contradictions.isEmpty
      && LinearizabilityChecker(model: KeyModel(revisions: revisions)).check(history)
        == .linearizable
  }

  /// Each happens after the one before, and is right.
  static let life: [(Input, Output)] = [
    (.get, .notFound), (.update(revision: 3, value: 9), .notFound),
    (.delete(revision: nil), .notFound),
    (.create(value: 1), .done(revision: 5)), (.create(value: 2), .alreadyExists),
    (.get, .found(value: 1, revision: 5)), (.update(revision: 5, value: 3), .done(revision: 7)),
    (.update(revision: 5, value: 4), .conflict), (.delete(revision: 5), .conflict),
    (.delete(revision: 7), .done(revision: nil)), (.create(value: 5), .done(revision: 10)),
    (.delete(revision: nil), .done(revision: nil)), (.get, .notFound),
  ]

  static var history: [KeyModel.Operation] {
    life.enumerated().map {
      operation($1.0, $1.1, Int64($0 * 10), Int64($0 * 10 + 5))
    }
  }

  @Test func aRightHistoryHolds() { #expect(isLinearizable(Self.history)) }

  /// No answer can be exchanged for another one.
  @Test func everyWrongAnswerIsNoticed() {
    let outputs: [Output] = [
      .notFound, .alreadyExists, .conflict, .found(value: 1, revision: 5), .done(revision: 6),
      .found(value: 3, revision: 7), .found(value: 1, revision: 6),
    ]
    for (position, step) in Self.life.enumerated() {
      for output in outputs where output != step.1 {
        // A delete does not tell its revision.
        if case (.delete, .done) = (step.0, step.1), case .done = output { continue }
        // A later revision than the one before would do as well.
        if case (.create, .done) = (step.0, step.1), case .done = output, position < 10 { continue }
        var history = Self.history
        history[position].output = output
        #expect(!isLinearizable(history), "\(position): \(output)")
      }
    }
  }

  @Test func revisionsOnlyGrow() {
    let history = [
      Self.operation(.create(value: 1), .done(revision: 5), 0, 1),
      Self.operation(.update(revision: 5, value: 2), .done(revision: 4), 2, 3),
    ]
    #expect(!isLinearizable(history))
  }

  @Test func unknownOutcomesAreTakenAsTheyAreSeen() {
    // The update was never answered, but its value is there, and so was the old one before.
    let base = [
      Self.operation(.create(value: 1), .done(revision: 5), 0, 1),
      Self.operation(.update(revision: 5, value: 2), nil, 2, nil),
      Self.operation(.get, .found(value: 1, revision: 5), 3, 4),
    ]
    #expect(isLinearizable(base))
    let seen = base + [Self.operation(.get, .found(value: 2, revision: 8), 5, 6)]
    #expect(isLinearizable(seen))
    // And then the old one again.
    #expect(
      !isLinearizable(seen + [Self.operation(.get, .found(value: 1, revision: 5), 7, 8)]))
    // It found revision 5, or nothing: after a delete it can't have happened.
    #expect(
      !isLinearizable(
        base + [
          Self.operation(.delete(revision: nil), .done(revision: nil), 5, 6),
          Self.operation(.get, .notFound, 7, 8),
          Self.operation(.get, .found(value: 2, revision: 8), 9, 10),
        ]))
  }

  /// Where watches have seen everything, what nobody saw did not happen.
  @Test func watchesDecideUnknownOutcomes() {
    func isLinearizable(_ history: [KeyModel.Operation], deleted: Set<Int>) -> Bool {
      let (revisions, _) = KeyModel.revisions(in: history)
      let model = KeyModel(revisions: revisions, deleted: deleted)
      return LinearizabilityChecker(model: model).check(history) == .linearizable
    }
    let created = Self.operation(.create(value: 1), .done(revision: 5), 0, 1)
    let history = [
      created, Self.operation(.delete(revision: nil), nil, 2, nil),
      Self.operation(.get, .notFound, 3, 4),
    ]
    #expect(isLinearizable(history, deleted: [1]))
    #expect(!isLinearizable(history, deleted: []))
    // The create that was not answered would explain the refusal, but nobody saw it.
    let refused = [
      Self.operation(.create(value: 1), nil, 0, nil),
      Self.operation(.create(value: 2), .alreadyExists, 1, 2),
    ]
    #expect(!isLinearizable(refused, deleted: []))
    #expect(self.isLinearizable(refused))
  }

  @Test func aRevisionBelongsToOneValue() {
    let history = [
      Self.operation(.get, .found(value: 1, revision: 5), 0, 1),
      Self.operation(.get, .found(value: 2, revision: 5), 0, 1),
    ]
    #expect(KeyModel.revisions(in: history).contradictions.count == 1)
    #expect(
      KeyModel.revisions(in: [history[0]], seen: [(1, 6)]).contradictions.count == 1)
  }
}
