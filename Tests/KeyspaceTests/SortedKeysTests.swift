import SeededRuns
import Testing

@testable import Keyspace

@Suite struct SortedKeysTests {
  /// Keys that begin alike for more or less than a word, end early, and have zeros.
  private static func key(_ random: inout SplitMix64, alike: Int) -> Key {
    let tail = (0..<Int(random.next() % 12)).map { _ in [0, 1, 0x7F, 0xFF][Int(random.next() % 4)] }
    let start = random.next() % 20 == 0 ? Int(random.next() % UInt64(alike + 1)) : alike
    return Key(bytes: Array(repeating: 7, count: start) + tail.map { UInt8($0) })
  }

  @Test(arguments: 1...24)
  func theyAreASortedArray(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let alike = [0, 3, 8, 20][Int(seed % 4)]
    var keys = SortedKeys()
    var model: [Key] = []
    func check(_ key: Key) {
      let index = model.firstIndex { $0 >= key } ?? model.count
      let found = keys.find(key)
      #expect(found.index == index)
      #expect(found.isThere == (index < model.count && model[index] == key))
    }
    for _ in 0..<400 {
      let key = Self.key(&random, alike: alike)
      check(key)
      let (index, isThere) = keys.find(key)
      switch random.next() % 10 {
      case 0..<6 where !isThere:
        keys.insert(key, at: index)
        model.insert(key, at: index)
      case 6 where !isThere && index < model.count:
        // Still between its neighbours.
        keys.replace(at: index, by: key)
        model[index] = key
      case 7 where isThere:
        keys.remove(at: index)
        model.remove(at: index)
      case 8 where model.count > 20:
        let half = model.count / 2
        let right = SortedKeys(keys[half...])
        #expect(Array(right) == Array(model[half...]))
        if random.next() % 2 == 0 {
          keys.removeFrom(half)
          model.removeSubrange(half...)
        } else {
          keys = right
          model.removeSubrange(..<half)
        }
      default: break
      }
      #expect(Array(keys) == model)
      for _ in 0..<5 { check(Self.key(&random, alike: alike)) }
    }
  }

  @Test func theSameWordIsNotTheSameKey() {
    let keys = SortedKeys(["pods/a", "pods/a\0", "pods/a\0\0", "pods/b"].map { Key($0) })
    #expect(keys.find(Key("pods/a\0")) == (1, true))
    #expect(keys.find(Key("pods/a\0\0\0")) == (3, false))
    #expect(keys.find(Key("pods")) == (0, false))
    #expect(keys.find(Key("pods/")) == (0, false))
    #expect(keys.find(Key("q")) == (4, false))
    #expect(keys.find(Key("")) == (0, false))
    #expect(SortedKeys().find(Key("a")) == (0, false))
    #expect(SortedKeys([Key("")]).find(Key("")) == (0, true))
  }
}
