/// The members of a JSON object: what an object is a single reference to.
///
/// Header and members stand in one piece of memory that is reached through constants, since each look at
/// a variable of a class would be noted and checked against others.
final class JSONMembers {
  struct Header {
    var count = 0
    var capacity: Int
    /// The places of the keys, for objects of very many.
    var index: [String: Int]?
  }

  struct Member {
    var key: String
    var value: JSONValue
  }

  /// Valid while this object is held, as is `start`.
  let info: UnsafeMutablePointer<Header>
  /// The first member; the memory of `info.pointee.count` of them is initialized.
  let start: UnsafeMutablePointer<Member>

  /// Members begin behind the header, where both are aligned.
  private static let headerBytes = (MemoryLayout<Header>.stride + 15) & ~15

  init(capacity: Int) {
    let block = UnsafeMutableRawPointer.allocate(
      byteCount: Self.headerBytes + capacity * MemoryLayout<Member>.stride, alignment: 16)
    info = block.initializeMemory(as: Header.self, to: Header(capacity: capacity))
    start = (block + Self.headerBytes).bindMemory(to: Member.self, capacity: capacity)
  }

  deinit {
    start.deinitialize(count: info.pointee.count)
    info.deinitialize(count: 1)
    UnsafeMutableRawPointer(info).deallocate()
  }

  /// Takes what another has and nobody else sees, and leaves it empty.
  func take(_ other: JSONMembers) {
    start.moveInitialize(from: other.start, count: makeRoom(as: other))
    other.info.pointee.count = 0
  }

  func copy(_ other: JSONMembers) {
    start.initialize(from: other.start, count: makeRoom(as: other))
  }

  /// Counts the members of another as its own, though they are still to be put here.
  private func makeRoom(as other: JSONMembers) -> Int {
    let count = other.info.pointee.count
    precondition(
      info.pointee.count == 0 && count <= info.pointee.capacity, "there is room for all members")
    info.pointee.count = count
    info.pointee.index = other.info.pointee.index
    return count
  }

  func append(_ member: Member) {
    precondition(info.pointee.count < info.pointee.capacity, "there is room for one more member")
    (start + info.pointee.count).initialize(to: member)
    info.pointee.count += 1
  }

  /// The members from `position` on move down.
  func insert(_ member: Member, at position: Int) {
    let count = info.pointee.count
    precondition(position <= count && count < info.pointee.capacity, "there is room for it")
    (start + position + 1).moveInitialize(from: start + position, count: count - position)
    (start + position).initialize(to: member)
    info.pointee.count += 1
  }

  /// The members from `position` on move up.
  func remove(at position: Int) -> JSONValue {
    precondition(position < info.pointee.count, "there is a member \(position)")
    let removed = (start + position).move()
    let after = info.pointee.count - position - 1
    (start + position).moveInitialize(from: start + position + 1, count: after)
    info.pointee.count -= 1
    return removed.value
  }

  /// Edits the values in order, and leaves out the members for which the body says `false`. Where it
  /// throws, what it has not come to stays.
  func filter<Failure: Error>(
    _ body: (_ key: String, _ value: inout JSONValue) throws(Failure) -> Bool
  ) throws(Failure) {
    let count = info.pointee.count
    var kept = 0
    var position = 0
    // The members between the two are gone: what comes after moves up.
    defer {
      if kept != position {
        (start + kept).moveInitialize(from: start + position, count: count - position)
      }
      info.pointee.count = kept + count - position
    }
    while position < count {
      let member = start + position
      if try body(member.pointee.key, &member.pointee.value) {
        if kept != position { (start + kept).moveInitialize(from: member, count: 1) }
        kept += 1
      } else {
        member.deinitialize(count: 1)
      }
      position += 1
    }
  }

  func position(of key: String) -> Int? {
    if let index = info.pointee.index { return index[key] }
    for position in 0..<info.pointee.count where start[position].key == key { return position }
    return nil
  }

  func rebuildIndex(above threshold: Int) {
    guard info.pointee.count > threshold else {
      info.pointee.index = nil
      return
    }
    let start = start
    info.pointee.index = Dictionary(
      uniqueKeysWithValues: (0..<info.pointee.count).lazy.map { (start[$0].key, $0) })
  }
}
