import Keyspace

/// Which row holds each key's value after a batch of events.
struct ChangedRows {
  private struct Place {
    /// Of the key, the eight bytes behind what all keys begin with.
    var bytes: UInt64
    var index: Int
  }

  private var keys: [Key] = []
  private var rows: [Int64] = []

  /// The newest change of `key`.
  ///
  /// - Parameter row: the id of the row with its value; 0: it is deleted.
  mutating func add(_ key: Key, row: Int64) {
    keys.append(key)
    rows.append(row)
  }

  /// Each key once, with its newest row, in the order of the keys, so that each page of an index is
  /// visited once.
  func forEachNewest(
    _ body: (Key, Int64) throws(ProjectionError) -> Void
  ) throws(ProjectionError) {
    let places = sorted()
    for (position, place) in places.enumerated() {
      let key = keys[place.index]
      let isNewest = position + 1 == places.count || keys[places[position + 1].index] != key
      if isNewest { try body(key, rows[place.index]) }
    }
  }

  /// By key, then by age. Most comparisons are of one word each, without a look at the keys.
  private func sorted() -> [Place] {
    let common = commonPrefix
    var places = keys.indices.map { index in
      Place(bytes: Self.word(keys[index].bytes, at: common), index: index)
    }
    places.sort { left, right in
      if left.bytes != right.bytes { return left.bytes < right.bytes }
      let (leftKey, rightKey) = (keys[left.index], keys[right.index])
      return leftKey == rightKey ? left.index < right.index : leftKey < rightKey
    }
    return places
  }

  private var commonPrefix: Int {
    guard let first = keys.first?.bytes else { return 0 }
    var length = first.count
    for key in keys.dropFirst() {
      var same = 0
      let bytes = key.bytes
      while same < length, same < bytes.count, bytes[same] == first[same] { same += 1 }
      length = same
    }
    return length
  }

  /// Eight bytes as a number that sorts as they do; a key that ends sooner sorts like one with zeros
  /// there, and so has to be compared in full.
  private static func word(_ bytes: [UInt8], at offset: Int) -> UInt64 {
    if bytes.count - offset >= 8 {
      return bytes.withUnsafeBytes {
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      }
    }
    var word: UInt64 = 0
    for index in offset..<(offset + 8) {
      word = word << 8 | UInt64(index < bytes.count ? bytes[index] : 0)
    }
    return word
  }
}
