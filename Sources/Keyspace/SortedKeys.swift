#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Some keys in their order, with what tells most of them apart beside each other.
///
/// Each key is bytes elsewhere in memory, so that comparing it means to wait for these. Keys that
/// are neighbours begin alike; of what comes behind that, eight bytes of each are kept here as a
/// number, and a search compares those: it looks at the bytes of one key to see that the sought one
/// begins alike, and at those of the keys that have the same number. (Prefix truncation and poor
/// man's normalized keys: Graefe, "Modern B-Tree Techniques", 2011, §3.5.)
struct SortedKeys: Sendable {
  private struct Slot {
    /// The bytes from `shared` on, see `Key.word`.
    var head: UInt64
    var key: Key
  }

  private var slots: [Slot]
  /// So many bytes all keys have alike. May be less than there are.
  private var shared = 0

  /// - Parameter keys: in their order.
  init(_ keys: some Collection<Key> = []) {
    slots = keys.map { Slot(head: 0, key: $0) }
    index()
  }

  /// The first index whose key is not below `key`, and whether it is that very key.
  func find(_ key: Key) -> (index: Int, isThere: Bool) {
    guard let first = slots.first else { return (0, false) }
    switch Self.order(key, first.key, bytes: shared) {
    case ..<0: return (0, false)
    case 1...: return (slots.count, false)
    default: break
    }
    let head = key.word(at: shared)
    return slots.withUnsafeBufferPointer { slots in
      var low = 0
      var high = slots.count
      while low < high {
        let middle = (low + high) / 2
        let isBelow =
          slots[middle].head != head ? slots[middle].head < head : slots[middle].key < key
        if isBelow { low = middle + 1 } else { high = middle }
      }
      return (low, low < slots.count && slots[low].head == head && slots[low].key == key)
    }
  }

  mutating func insert(_ key: Key, at position: Int) {
    let isAlike = slots.first.map { Self.order(key, $0.key, bytes: shared) == 0 } ?? false
    slots.insert(Slot(head: isAlike ? key.word(at: shared) : 0, key: key), at: position)
    if !isAlike { index() }
  }

  mutating func remove(at position: Int) { slots.remove(at: position) }

  /// Puts another key, which keeps the order, in place of one.
  mutating func replace(at position: Int, by key: Key) {
    slots.remove(at: position)
    insert(key, at: position)
  }

  mutating func removeFrom(_ position: Int) {
    slots.removeSubrange(position...)
    index()
  }

  private mutating func index() {
    shared = 0
    guard let first = slots.first, let last = slots.last else { return }
    // What the outermost keys have alike, those between them have too.
    let common = Swift.min(first.key.bytes.count, last.key.bytes.count)
    while shared < common, first.key.bytes[shared] == last.key.bytes[shared] { shared += 1 }
    for position in slots.indices {
      slots[position].head = slots[position].key.word(at: shared)
    }
  }

  /// How the first bytes of `left` compare with those of `right`, which has as many; a key that
  /// ends before comes first.
  private static func order(_ left: Key, _ right: Key, bytes count: Int) -> Int32 {
    left.bytes.withUnsafeBufferPointer { left in
      right.bytes.withUnsafeBufferPointer { right in
        let common = Swift.min(left.count, count)
        if common > 0, let left = left.baseAddress, let right = right.baseAddress {
          let order = memcmp(left, right, common)
          if order != 0 { return order }
        }
        return left.count < count ? -1 : 0
      }
    }
  }
}

extension SortedKeys: RandomAccessCollection {
  var startIndex: Int { 0 }
  var endIndex: Int { slots.count }
  subscript(position: Int) -> Key { slots[position].key }
}
