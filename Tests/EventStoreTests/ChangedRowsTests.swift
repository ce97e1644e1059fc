import Keyspace
import SeededRuns
import Testing

@testable import EventStore

@Suite struct ChangedRowsTests {
  private func newest(_ changes: [(String, Int64)]) throws -> [String] {
    var rows = ChangedRows()
    for (key, row) in changes { rows.add(Key(key), row: row) }
    var found: [String] = []
    try rows.forEachNewest { key, row in found.append("\(key)=\(row)") }
    return found
  }

  @Test func eachKeyComesOnceWithItsNewestRowInOrder() throws {
    #expect(try newest([]) == [])
    #expect(try newest([("a", 1)]) == ["a=1"])
    #expect(try newest([("a", 1), ("a", 2), ("a", 0)]) == ["a=0"])
    #expect(try newest([("b", 1), ("a", 2), ("b", 3)]) == ["a=2", "b=3"])
    // One is what the other begins with; behind that, zeros are bytes too.
    #expect(
      try newest([("pods/a\0b", 1), ("pods/a", 2), ("pods/a\0", 3), ("pods/a", 4)])
        == ["pods/a=4", "pods/a\0=3", "pods/a\0b=1"])
  }

  @Test(arguments: 1...20)
  func itIsTheOrderOfTheKeys(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var expected: [Key: Int64] = [:]
    var rows = ChangedRows()
    let common = String(repeating: "p", count: Int(random.next() % 12))
    for row in 1...Int64(300) {
      let tail = (0..<Int(random.next() % 14)).map { _ in UInt8(random.next() % 3) }
      let key = Key(bytes: Array(common.utf8) + tail)
      rows.add(key, row: row)
      expected[key] = row
    }
    var found: [(Key, Int64)] = []
    try rows.forEachNewest { key, row in found.append((key, row)) }
    let sorted = expected.sorted { $0.key < $1.key }
    #expect(found.map(\.0) == sorted.map(\.key))
    #expect(found.map(\.1) == sorted.map(\.value))
  }
}
