import Keyspace

/// The rows of a batch of events, in the order of their keys.
struct ChangedRows {
  private struct Place {
    /// Of the key, the eight bytes behind what all keys begin with.
    var bytes: UInt64
    var index: Int
  }

  private struct Row {
    var key: Key
    var id: Int64
    var kind: Event.Kind
  }

  private var rows: [Row] = []

  init(capacity: Int = 0) { rows.reserveCapacity(capacity) }

  /// A row; those of one key come in the order of their ids.
  mutating func add(_ key: Key, id: Int64, kind: Event.Kind) {
    rows.append(Row(key: key, id: id, kind: kind))
  }

  /// By key, then by id, so that each page of an index is visited once.
  func forEachRow(
    _ body: (Key, Int64, Event.Kind) throws(ProjectionError) -> Void
  ) throws(ProjectionError) {
    for place in sorted() {
      let row = rows[place.index]
      try body(row.key, row.id, row.kind)
    }
  }

  /// By key, then by age. Most comparisons are of one word each, without a look at the keys.
  private func sorted() -> [Place] {
    let common = commonPrefix
    var places = rows.indices.map { index in
      Place(bytes: rows[index].key.word(at: common), index: index)
    }
    places.sort { left, right in
      if left.bytes != right.bytes { return left.bytes < right.bytes }
      let (leftKey, rightKey) = (rows[left.index].key, rows[right.index].key)
      return leftKey == rightKey ? left.index < right.index : leftKey < rightKey
    }
    return places
  }

  private var commonPrefix: Int {
    guard let first = rows.first?.key.bytes else { return 0 }
    var length = first.count
    for row in rows.dropFirst() {
      var same = 0
      let bytes = row.key.bytes
      while same < length, same < bytes.count, bytes[same] == first[same] { same += 1 }
      length = same
    }
    return length
  }
}
