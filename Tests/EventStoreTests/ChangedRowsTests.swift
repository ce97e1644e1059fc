import Keyspace
import SeededRuns
import Testing

@testable import EventStore

@Suite struct ChangedRowsTests {
  private func ordered(_ changes: [(String, Int64)]) throws -> [String] {
    var rows = ChangedRows()
    for (key, id) in changes { rows.add(Key(key), id: id, kind: id % 2 == 0 ? .delete : .put) }
    var found: [String] = []
    try rows.forEachRow { key, id, kind in
      #expect(kind == (id % 2 == 0 ? .delete : .put))
      found.append("\(key)=\(id)")
    }
    return found
  }

  @Test func rowsComeByKeyAndThenByAge() throws {
    #expect(try ordered([]) == [])
    #expect(try ordered([("a", 1)]) == ["a=1"])
    #expect(try ordered([("a", 1), ("a", 2), ("a", 3)]) == ["a=1", "a=2", "a=3"])
    #expect(try ordered([("b", 1), ("a", 2), ("b", 3)]) == ["a=2", "b=1", "b=3"])
    // One is what the other begins with; behind that, zeros are bytes too.
    #expect(
      try ordered([("pods/a\0b", 1), ("pods/a", 2), ("pods/a\0", 3), ("pods/a", 4)])
        == ["pods/a=2", "pods/a=4", "pods/a\0=3", "pods/a\0b=1"])
  }

  @Test(arguments: 1...20)
  func itIsTheOrderOfTheKeys(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var expected: [(Key, Int64)] = []
    var rows = ChangedRows()
    let common = String(repeating: "p", count: Int(random.next() % 12))
    for id in 1...Int64(300) {
      let tail = (0..<Int(random.next() % 14)).map { _ in UInt8(random.next() % 3) }
      let key = Key(bytes: Array(common.utf8) + tail)
      rows.add(key, id: id, kind: .put)
      expected.append((key, id))
    }
    var found: [(Key, Int64)] = []
    try rows.forEachRow { key, id, _ in found.append((key, id)) }
    expected.sort { $0 < $1 }
    #expect(found.map(\.0) == expected.map(\.0))
    #expect(found.map(\.1) == expected.map(\.1))
  }
}
