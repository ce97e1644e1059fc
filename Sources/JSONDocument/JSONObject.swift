/// The members of a JSON object, in the order in which they were written.
///
/// Lookup scans, since objects of the Kubernetes API have few members; past
/// `indexThreshold` members an index takes over. Equality ignores the order.
public struct JSONObject: Sendable {
  public private(set) var keys: [String]
  public private(set) var values: [JSONValue]
  private var index: [String: Int]?

  static let indexThreshold = 24

  public init() {
    keys = []
    values = []
  }

  /// Of several members with one key the last wins, in the place of the first.
  public init(_ members: some Sequence<(String, JSONValue)>) {
    self.init()
    for (key, value) in members { self[key] = value }
  }

  public var count: Int { keys.count }
  public var isEmpty: Bool { keys.isEmpty }

  public mutating func reserveCapacity(_ capacity: Int) {
    keys.reserveCapacity(capacity)
    values.reserveCapacity(capacity)
  }

  private func position(of key: String) -> Int? {
    if let index { return index[key] }
    return keys.firstIndex(of: key)
  }

  public func contains(_ key: String) -> Bool { position(of: key) != nil }

  /// Setting `nil` removes the member.
  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { values[$0] } }
    set {
      if let position = position(of: key) {
        if let newValue {
          values[position] = newValue
        } else {
          keys.remove(at: position)
          values.remove(at: position)
          if index != nil { rebuildIndex() }
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
    swap(&earlier, &values[position])
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
    var kept = 0
    for position in keys.indices {
      guard try body(keys[position], &values[position]) else { continue }
      if kept != position {
        keys[kept] = keys[position]
        values.swapAt(kept, position)
      }
      kept += 1
    }
    guard kept < keys.count else { return }
    keys.removeLast(keys.count - kept)
    values.removeLast(values.count - kept)
    if index != nil { rebuildIndex() }
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
    var value = JSONValue.null
    swap(&value, &values[position])
    body(&value)
    swap(&value, &values[position])
  }

  /// Edits the member at a position in place, without a copy of what is below it.
  public mutating func edit(at position: Int, _ body: (inout JSONValue) -> Void) {
    var value = JSONValue.null
    swap(&value, &values[position])
    body(&value)
    swap(&value, &values[position])
  }

  /// Adds a member whose key is known not to be there yet.
  public mutating func append(new key: String, _ value: JSONValue) {
    assert(!contains(key), "\(key) is there already")
    keys.append(key)
    values.append(value)
    if index != nil {
      index?[key] = keys.count - 1
    } else if keys.count > Self.indexThreshold {
      rebuildIndex()
    }
  }

  private mutating func rebuildIndex() {
    guard keys.count > Self.indexThreshold else {
      index = nil
      return
    }
    index = Dictionary(uniqueKeysWithValues: zip(keys, keys.indices))
  }
}

extension JSONObject: Sequence, ExpressibleByDictionaryLiteral, Hashable {
  public func makeIterator() -> Zip2Sequence<[String], [JSONValue]>.Iterator {
    zip(keys, values).makeIterator()
  }

  public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

  public static func == (left: JSONObject, right: JSONObject) -> Bool {
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
