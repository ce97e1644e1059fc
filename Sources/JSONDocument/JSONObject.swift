/// The members of a JSON object, in the order in which they were written.
///
/// One reference, which copies share until one of them is changed. Lookup scans, since objects of the
/// Kubernetes API have few members; past `indexThreshold` members an index takes over. Equality
/// ignores the order.
public struct JSONObject: Sendable {
  // Members are changed only by an object that holds the sole reference; what is shared never changes
  // again, so several threads may look at it.
  /// `nil`: none.
  private nonisolated(unsafe) var members: JSONMembers?

  static let indexThreshold = 24
  /// What the first member makes room for.
  private static let firstCapacity = 4

  public init() {}

  /// Of several members with one key the last wins, in the place of the first.
  public init(_ members: some Sequence<(String, JSONValue)>) {
    reserveCapacity(members.underestimatedCount)
    for (key, value) in members { self[key] = value }
  }

  public var count: Int { members?.info.pointee.count ?? 0 }
  public var isEmpty: Bool { count == 0 }

  public mutating func reserveCapacity(_ capacity: Int) {
    guard capacity > members?.info.pointee.capacity ?? 0 else { return }
    _ = unique(capacity: capacity)
  }

  /// The members, referenced by this object alone and with room for `capacity` of them.
  private mutating func unique(capacity: Int) -> JSONMembers {
    let isUnique = isKnownUniquelyReferenced(&members)
    guard let current = members else {
      let made = JSONMembers(capacity: capacity)
      members = made
      return made
    }
    let room = current.info.pointee.capacity
    if isUnique, room >= capacity { return current }
    let made = JSONMembers(capacity: room >= capacity ? capacity : Swift.max(capacity, 2 * room))
    if isUnique { made.take(current) } else { made.copy(current) }
    members = made
    return made
  }

  private mutating func unique() -> JSONMembers { unique(capacity: count) }

  private func position(of key: String) -> Int? { members?.position(of: key) }

  /// The same as long as this object is held and not changed; `nil` for one without members that never
  /// had any.
  public var identity: ObjectIdentifier? { members.map(ObjectIdentifier.init) }

  /// Whether both are one and the same reference, so that they are equal at no cost; `false` says
  /// nothing.
  public func isIdentical(to other: JSONObject) -> Bool {
    members === other.members || isEmpty && other.isEmpty
  }

  public func contains(_ key: String) -> Bool { position(of: key) != nil }

  /// Setting `nil` removes the member.
  public subscript(key: String) -> JSONValue? {
    get {
      guard let members, let position = members.position(of: key) else { return nil }
      return members.start[position].value
    }
    set {
      if let position = position(of: key) {
        let members = unique()
        if let newValue {
          members.start[position].value = newValue
        } else {
          _ = members.remove(at: position)
          if members.info.pointee.index != nil { members.rebuildIndex(above: Self.indexThreshold) }
        }
      } else if let newValue {
        append(new: key, newValue)
      }
    }
  }

  /// Sets a member, and gives what was there before.
  mutating func replaceValue(of key: String, by value: JSONValue) -> JSONValue? {
    guard let position = position(of: key) else {
      append(new: key, value)
      return nil
    }
    var earlier = value
    swap(&earlier, &unique().start[position].value)
    return earlier
  }

  /// Adds what an earlier object under the same name had and the present one lacks; objects inside
  /// are united in the same way.
  mutating func mergeEarlier(_ earlier: consuming JSONValue, under key: String) {
    guard case .object(let later)? = self[key], case .object(var united) = consume earlier else {
      return
    }
    for (name, value) in later {
      if let before = united.replaceValue(of: name, by: value) {
        united.mergeEarlier(before, under: name)
      }
    }
    self[key] = .object(united)
  }

  /// Visits the members in their order, edits their values in place, and leaves out those for
  /// which the body says `false`. Where the body throws, the object is left half edited.
  public mutating func editAll<Failure: Error>(
    _ body: (_ key: String, _ value: inout JSONValue) throws(Failure) -> Bool
  ) throws(Failure) {
    guard !isEmpty else { return }
    let members = unique()
    let before = count
    defer {
      if count < before, members.info.pointee.index != nil {
        members.rebuildIndex(above: Self.indexThreshold)
      }
    }
    try members.filter(body)
  }

  /// Edits a member in place, without a copy of what is below it. One that is absent is made an
  /// empty object first, if `makes`, and else left absent.
  mutating func edit(_ key: String, makes: Bool, _ body: (inout JSONValue) -> Void) {
    guard let position = position(of: key) else {
      guard makes else { return }
      var value = JSONValue.object([:])
      body(&value)
      self[key] = value
      return
    }
    edit(at: position, body)
  }

  /// Edits the member at a position in place, without a copy of what is below it.
  public mutating func edit(at position: Int, _ body: (inout JSONValue) -> Void) {
    precondition(position >= 0 && position < count, "there is a member \(position)")
    body(&unique().start[position].value)
  }

  /// Adds a member whose key is known not to be there yet, before the one at a position.
  public mutating func insert(new key: String, _ value: JSONValue, at position: Int) {
    assert(!contains(key), "\(key) is there already")
    let members = unique(capacity: count == 0 ? Self.firstCapacity : count + 1)
    members.insert(JSONMembers.Member(key: key, value: value), at: position)
    if count > Self.indexThreshold { members.rebuildIndex(above: Self.indexThreshold) }
  }

  /// Adds a member whose key is known not to be there yet.
  public mutating func append(new key: String, _ value: JSONValue) {
    assert(!contains(key), "\(key) is there already")
    let place = count
    let members = unique(capacity: place == 0 ? Self.firstCapacity : place + 1)
    members.append(JSONMembers.Member(key: key, value: value))
    if members.info.pointee.index != nil {
      members.info.pointee.index?[key] = place
    } else if place >= Self.indexThreshold {
      members.rebuildIndex(above: Self.indexThreshold)
    }
  }
}

extension JSONObject {
  /// The keys in the order of the members.
  public struct Keys: RandomAccessCollection, Sendable {
    let object: JSONObject

    public var startIndex: Int { 0 }
    public var endIndex: Int { object.count }
    public subscript(position: Int) -> String { object.member(position).key }
  }

  /// The values in the order of the members.
  public struct Values: RandomAccessCollection, Sendable {
    let object: JSONObject

    public var startIndex: Int { 0 }
    public var endIndex: Int { object.count }
    public subscript(position: Int) -> JSONValue { object.member(position).value }
  }

  public var keys: Keys { Keys(object: self) }
  public var values: Values { Values(object: self) }

  /// The places of the members in the order of their keys.
  public var sortedPositions: [Int] {
    guard let members else { return [] }
    let (start, count) = (members.start, count)
    var isOrdered = true
    for position in 1..<Swift.max(1, count)
    where !(start[position - 1].key < start[position].key) {
      isOrdered = false
      break
    }
    // Most clients write them in that order.
    return isOrdered
      ? Array(0..<count) : (0..<count).sorted { start[$0].key < start[$1].key }
  }

  /// Visits the members in their order without a copy of them.
  func forEachMember(_ body: (_ key: String, _ value: JSONValue) -> Void) {
    guard let members else { return }
    let start = members.start
    for position in 0..<members.info.pointee.count {
      body(start[position].key, start[position].value)
    }
  }

  fileprivate func member(_ position: Int) -> JSONMembers.Member {
    guard let members, position >= 0, position < members.info.pointee.count else {
      preconditionFailure("there is no member \(position)")
    }
    return members.start[position]
  }
}

extension JSONObject: Sequence, ExpressibleByDictionaryLiteral, Hashable {
  public struct Iterator: IteratorProtocol {
    fileprivate let object: JSONObject
    fileprivate var position = 0

    public mutating func next() -> (key: String, value: JSONValue)? {
      guard position < object.count else { return nil }
      defer { position += 1 }
      let member = object.member(position)
      return (member.key, member.value)
    }
  }

  public func makeIterator() -> Iterator { Iterator(object: self) }

  public var underestimatedCount: Int { count }

  public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    if left.isIdentical(to: right) { return true }
    guard left.count == right.count else { return false }
    for (key, value) in left where right[key] != value { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    var combined = 0
    for (key, value) in self {
      var member = Hasher()
      member.combine(key)
      member.combine(value)
      combined ^= member.finalize()
    }
    hasher.combine(combined)
  }
}
