import Testing

@testable import Linearizability

/// A register that starts at 0.
struct RegisterModel: SequentialModel {
  enum Input: Sendable {
    case read
    case write(Int)
    case swap(from: Int, to: Int)
  }

  var initial: Int { 0 }

  func step(_ state: Int, _ input: Input, _ output: Int?) -> Int? {
    switch input {
    case .read: state == output ? state : nil
    case .write(let value): value
    case .swap(let from, let to): state == from ? to : nil
    }
  }
}

@Suite struct LinearizabilityCheckerTests {
  typealias Checker = LinearizabilityChecker<RegisterModel>

  static func read(_ value: Int, _ called: Int64, _ returned: Int64) -> Checker.Operation {
    .init(client: 0, called: called, returned: returned, input: .read, output: value)
  }

  static func write(_ value: Int, _ called: Int64, _ returned: Int64?)
    -> Checker.Operation
  { .init(client: 0, called: called, returned: returned, input: .write(value), output: nil) }

  static func swap(_ from: Int, _ to: Int, _ called: Int64, _ returned: Int64?)
    -> Checker.Operation
  {
    .init(
      client: 0, called: called, returned: returned, input: .swap(from: from, to: to), output: nil)
  }

  private func verdict(_ history: [Checker.Operation], maximumSteps: Int = 1_000_000)
    -> Checker.Verdict
  { Checker(model: RegisterModel(), maximumSteps: maximumSteps).check(history) }

  @Test(arguments: [
    [],
    [write(1, 0, 10), read(1, 20, 30)],
    // While a write is under way both its value and the one before may be read, in this order.
    [write(1, 0, 100), read(0, 10, 20), read(1, 30, 40)],
    [write(1, 0, 100), write(2, 0, 100), read(2, 110, 120)],
    [write(1, 0, 100), write(2, 0, 100), read(1, 110, 120)],
    // At the same time counts as overlapping.
    [write(1, 0, 10), read(0, 10, 20)],
    // Swaps in an order that no single client knows.
    [swap(2, 3, 0, 100), swap(1, 2, 0, 100), swap(0, 1, 0, 100), read(3, 110, 120)],
    // Of unknown outcome: never, at once, or much later.
    [write(1, 0, nil), read(0, 10, 20)],
    [write(1, 0, nil), read(1, 10, 20)],
    [write(1, 0, nil), read(0, 10, 20), write(2, 30, 40), read(2, 50, 60), read(1, 70, 80)],
    [swap(7, 8, 0, nil), read(0, 10, 20)],
  ])
  func holds(_ history: [Checker.Operation]) {
    #expect(verdict(history) == .linearizable)
    #expect(verdict(history.reversed()) == .linearizable)
  }

  @Test(arguments: [
    [read(1, 0, 10)],
    // A stale read.
    [write(1, 0, 10), read(0, 20, 30)],
    // The new value, then the old one again.
    [write(1, 0, 100), read(1, 10, 20), read(0, 30, 40)],
    // Two readers that disagree on the order of two writes.
    [write(1, 0, 100), write(2, 0, 100), read(1, 110, 120), read(2, 130, 140)],
    // Both swaps can't have found 0.
    [swap(0, 1, 0, 100), swap(0, 2, 0, 100)],
    // What is unknown takes effect once, and not before its call.
    [write(1, 0, nil), read(1, 10, 20), write(2, 30, 40), read(1, 50, 60)]
      + [write(3, 70, 80), read(1, 90, 100)],
    [read(1, 0, 10), write(1, 20, nil)],
  ])
  func isViolated(_ history: [Checker.Operation]) {
    for history in [history, history.reversed()] {
      guard case .violated(let explained, let unexplained) = verdict(history) else {
        Issue.record("\(verdict(history))")
        continue
      }
      #expect(!explained.contains(unexplained))
      #expect(history[unexplained].returned != nil)
    }
  }

  @Test func partsAreCheckedByThemselves() {
    let good = [Self.write(1, 0, 10), Self.read(1, 20, 30)]
    let bad = [Self.write(1, 0, 10), Self.read(0, 20, 30)]
    let history = good.map { operation in
      var operation = operation
      operation.client = 1
      return operation
    }
    let failures = Checker(model: RegisterModel()).check(history + bad, partitionedBy: \.client)
    #expect(Set(failures.keys) == [0])
    #expect(failures[0]?.history.count == 2)
  }

  /// What overlaps everything, and can't be explained, is hard to refute: the bound ends it.
  @Test func workIsBounded() {
    let history =
      (1...20).map { Self.swap($0, $0 + 1, 0, 100) } + (1...20).map { Self.write($0, 0, 100) }
      + [Self.read(99, 110, 120)]
    #expect(verdict(history, maximumSteps: 10_000) == .undecided)
  }

  /// Thousands of operations of several clients, as they were made and with one answer changed.
  @Test func longHistoriesAreDecided() {
    var history: [Checker.Operation] = []
    var value = 0
    for round in 0..<3_000 {
      let start = Int64(round * 10)
      // Each overlaps its neighbours, and takes effect at `start + 5`.
      if round.isMultiple(of: 3) {
        value = round
        history.append(Self.write(value, start - 8, round.isMultiple(of: 30) ? nil : start + 15))
      } else {
        history.append(Self.read(value, start - 8, start + 15))
      }
    }
    #expect(verdict(history) == .linearizable)
    history[2_000] = Self.read(1_500, history[2_000].called, history[2_000].returned ?? 0)
    guard case .violated = verdict(history) else {
      Issue.record("a changed answer was not noticed: \(verdict(history))")
      return
    }
  }
}
