/// Results of the last requests, in the order in which they were applied, so that a retry gets
/// the first one's result. Every replica forgets the same ones at the same point of the log.
///
/// A ring of ids and revisions, and a table that leads from an id to its place in the ring: 24 bytes a
/// request, a quarter of what a dictionary of results takes.
struct RequestMemory: Sendable {
  static let capacity = 100_000

  /// A ring once it is full; `oldest` is then the next to be replaced.
  private var identifiers: [UInt64] = []
  /// Of each: that which it committed at, or found in the way.
  private var revisions: [Revision] = []
  /// By place in the ring: the key that another write was faster with.
  private var conflicts: [UInt32: Key] = [:]
  private var oldest = 0
  private var table = PlaceTable()
  private(set) var hash: UInt64 = 0

  subscript(_ requestID: UInt64) -> TransactionResult? {
    table.place(of: requestID, in: identifiers).map { result(at: $0) }
  }

  private func result(at place: Int) -> TransactionResult {
    conflicts[UInt32(place)].map { .conflict(key: $0, actual: revisions[place]) }
      ?? .committed(revision: revisions[place])
  }

  /// An id that is already known keeps its first result.
  mutating func remember(_ requestID: UInt64, _ result: TransactionResult) {
    guard requestID != 0, table.place(of: requestID, in: identifiers) == nil else { return }
    let place: Int
    if identifiers.count < Self.capacity {
      place = identifiers.count
      identifiers.append(requestID)
      revisions.append(0)
    } else {
      place = oldest
      let forgotten = identifiers[place]
      hash &-= StateHash.hash(requestID: forgotten, self.result(at: place))
      table.remove(forgotten, in: identifiers)
      conflicts[UInt32(place)] = nil
      identifiers[place] = requestID
      oldest = (oldest + 1) % Self.capacity
    }
    switch result {
    case .committed(let revision): revisions[place] = revision
    case .conflict(let key, let actual):
      revisions[place] = actual
      conflicts[UInt32(place)] = key
    }
    table.insert(place, in: identifiers)
    hash &+= StateHash.hash(requestID: requestID, result)
  }

  var all: [(UInt64, TransactionResult)] {
    let places = Array(oldest..<identifiers.count) + Array(0..<oldest)
    return places.map { (identifiers[$0], result(at: $0)) }
  }
}

/// Where identifiers stand in a list: a table with open addressing, whose gaps are closed where one goes
/// (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R).
private struct PlaceTable: Sendable {
  private static let empty = UInt32.max

  private var slots: [UInt32] = Array(repeating: empty, count: 64)
  private var count = 0

  private var mask: Int { slots.count - 1 }

  /// Identifiers are mostly random, but need not be: the upper bits of a product with the golden ratio are
  /// spread also where they differ in few places (Knuth, section 6.4).
  private func home(_ identifier: UInt64) -> Int {
    let bits = UInt64(slots.count.trailingZeroBitCount)
    return Int(truncatingIfNeeded: (identifier &* 0x9E37_79B9_7F4A_7C15) >> (64 - bits))
  }

  func place(of identifier: UInt64, in list: [UInt64]) -> Int? {
    slot(of: identifier, in: list).map { Int(slots[$0]) }
  }

  private func slot(of identifier: UInt64, in list: [UInt64]) -> Int? {
    var slot = home(identifier)
    while slots[slot] != Self.empty {
      if list[Int(slots[slot])] == identifier { return slot }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// - Parameter place: of an identifier that the table does not have.
  mutating func insert(_ place: Int, in list: [UInt64]) {
    if 2 * (count + 1) > slots.count { grow(list) }
    put(UInt32(place), in: list)
    count += 1
  }

  private mutating func put(_ place: UInt32, in list: [UInt64]) {
    var slot = home(list[Int(place)])
    while slots[slot] != Self.empty { slot = (slot + 1) & mask }
    slots[slot] = place
  }

  private mutating func grow(_ list: [UInt64]) {
    let before = slots
    slots = Array(repeating: Self.empty, count: 2 * before.count)
    for place in before where place != Self.empty { put(place, in: list) }
  }

  mutating func remove(_ identifier: UInt64, in list: [UInt64]) {
    guard var gap = slot(of: identifier, in: list) else { return }
    slots[gap] = Self.empty
    count -= 1
    var slot = (gap + 1) & mask
    while slots[slot] != Self.empty {
      let home = home(list[Int(slots[slot])])
      // One that may not stand before its home stays.
      if (slot - home) & mask >= (slot - gap) & mask {
        slots[gap] = slots[slot]
        slots[slot] = Self.empty
        gap = slot
      }
      slot = (slot + 1) & mask
    }
  }
}
