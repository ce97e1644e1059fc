// Trees that were edited share what was not edited with those they were before. Whoever has checked the
// one need not look at the shared parts of the other.
extension JSONValue {
  /// Whether both are one and the same piece of memory, or equal plain values; `false` says nothing of
  /// lists and objects.
  public func isIdentical(to other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let left), .object(let right)): left.isIdentical(to: right)
    case (.array(let left), .array(let right)): Self.isIdentical(left, right)
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.int(let left), .int(let right)): left == right
    case (.double(let left), .double(let right)): left == right
    case (.string(let left), .string(let right)): left == right
    default: false
    }
  }

  private static func isIdentical(_ left: [JSONValue], _ right: [JSONValue]) -> Bool {
    guard left.count == right.count else { return false }
    return left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        left.isEmpty || left.baseAddress == right.baseAddress
      }
    }
  }

  /// Takes the place of every part that is equal to what stands there in an earlier tree by that very
  /// part, so that the two share it. Members then have the order that they had before.
  ///
  /// - Returns: whether all of it is as before.
  @discardableResult
  public mutating func share(with earlier: JSONValue) -> Bool {
    if isIdentical(to: earlier) { return true }
    switch (self, earlier) {
    case (.object(var object), .object(let before)):
      self = .null  // The tree gives up its reference, so that the edit happens in place.
      let isSame = object.share(with: before)
      self = isSame ? earlier : .object(object)
      return isSame
    case (.array(var elements), .array(let before)):
      self = .null
      var isSame = elements.count == before.count
      for index in elements.indices where index < before.count {
        if !elements[index].share(with: before[index]) { isSame = false }
      }
      self = isSame ? earlier : .array(elements)
      return isSame
    default: return false
    }
  }
}

extension JSONObject {
  /// As for values.
  fileprivate mutating func share(with earlier: JSONObject) -> Bool {
    var isSame = count == earlier.count
    for position in 0..<count {
      guard let before = earlier[keys[position]] else {
        isSame = false
        continue
      }
      edit(at: position) { value in
        if !value.share(with: before) { isSame = false }
      }
    }
    return isSame
  }
}
