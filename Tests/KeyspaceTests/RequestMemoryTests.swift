import SeededRuns
import Testing

@testable import Keyspace

@Suite struct RequestMemoryTests {
  /// What it is to do, plainly.
  private struct Model {
    var results: [UInt64: TransactionResult] = [:]
    var order: [UInt64] = []
    var first = 0

    mutating func remember(_ id: UInt64, _ result: TransactionResult) {
      guard id != 0, results[id] == nil else { return }
      results[id] = result
      order.append(id)
      if order.count - first > RequestMemory.capacity {
        results[order[first]] = nil
        first += 1
      }
    }

    var hash: UInt64 {
      order[first...].reduce(0) { sum, id in
        results[id].map { sum &+ StateHash.hash(requestID: id, $0) } ?? sum
      }
    }
  }

  /// Ids at random, one after the other, and such that differ only where the table does not look.
  @Test(arguments: ["random", "ascending", "high bits"])
  func remembersTheLastOnes(kind: String) {
    var random = SplitMix64(seed: 7)
    var memory = RequestMemory()
    var model = Model()
    for number in 1...(RequestMemory.capacity * 5 / 2) {
      let revision = Revision(number)
      var id: UInt64 =
        switch kind {
        case "random": random.next()
        case "ascending": UInt64(number)
        default: UInt64(number) << 40
        }
      // Some come again, of which the older ones are forgotten.
      if random.next(below: 10) == 0, number > 1 {
        id = model.order[random.next(below: model.order.count)]
      }
      if random.next(below: 5_000) == 0 { id = 0 }
      let result: TransactionResult =
        random.next(below: 20) == 0
        ? .conflict(key: Key("k\(number % 97)"), actual: revision)
        : .committed(revision: revision)
      memory.remember(id, result)
      model.remember(id, result)
      if number % 1_000 == 0 {
        for _ in 0..<20 {
          let known = model.order[random.next(below: model.order.count)]
          #expect(memory[known] == model.results[known])
          let unknown = random.next()
          #expect(memory[unknown] == model.results[unknown])
        }
      }
    }
    #expect(memory.hash == model.hash)
    let all = memory.all
    #expect(all.map(\.0) == Array(model.order[model.first...]))
    #expect(all.allSatisfy { model.results[$0.0] == $0.1 })
    #expect(memory[0] == nil)
  }
}
