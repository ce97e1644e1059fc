/// Finds values in serialized JSON without building a tree. What is not well formed reads as
/// absent: callers that must know parse it.
public enum JSONScan {
  /// Where the value at a path of object keys stands in `bytes`; `nil` where there is none. Of
  /// members with one key the first counts. Keys are compared as bytes, so escaped ones never
  /// match.
  public static func range(of path: [[UInt8]], in bytes: [UInt8]) -> Range<Int>? {
    bytes.withUnsafeBufferPointer { buffer in
      var cursor = Cursor(bytes: buffer, position: 0)
      for (depth, key) in path.enumerated() {
        guard cursor.enter(key) else { return nil }
        if depth == path.count - 1 {
          let start = cursor.position
          return cursor.skipValue() ? start..<cursor.position : nil
        }
      }
      return nil
    }
  }

  /// What a member of an object was found to be.
  public enum Member: Sendable, Hashable {
    case absent
    /// A string without escapes, as an index into the candidates; `nil`: none of them.
    case text(candidate: Int?)
    /// Something that only a parser can compare.
    case other
  }

  /// Compares a member of the object that stands in `range` with texts, without allocating.
  public static func member(
    _ key: [UInt8], of range: Range<Int>, in bytes: [UInt8], candidates: [[UInt8]]
  ) -> Member {
    bytes.withUnsafeBufferPointer { buffer in
      guard range.upperBound <= buffer.count else { return .other }
      var cursor = Cursor(
        bytes: UnsafeBufferPointer(rebasing: buffer[..<range.upperBound]),
        position: range.lowerBound)
      return cursor.member(key, candidates)
    }
  }

  /// The same for a member of the object at a path, in one pass.
  public static func member(
    _ key: [UInt8], below path: [[UInt8]], in bytes: [UInt8], candidates: [[UInt8]]
  ) -> Member {
    bytes.withUnsafeBufferPointer { buffer in
      var cursor = Cursor(bytes: buffer, position: 0)
      for name in path {
        guard cursor.enter(name) else { return .absent }
      }
      return cursor.member(key, candidates)
    }
  }

  struct Cursor {
    let bytes: UnsafeBufferPointer<UInt8>
    var position: Int
    private var sawEscape = false

    init(bytes: UnsafeBufferPointer<UInt8>, position: Int) {
      self.bytes = bytes
      self.position = position
    }

    private mutating func skipSpace() {
      while position < bytes.count {
        switch bytes[position] {
        case 0x20, 0x09, 0x0A, 0x0D: position += 1
        default: return
        }
      }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      skipSpace()
      guard position < bytes.count, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    /// At an object: moves to the value of `key`.
    mutating func enter(_ key: [UInt8]) -> Bool {
      guard take(UInt8(ascii: "{")) else { return false }
      while true {
        skipSpace()
        let start = position + 1
        guard skipString() else { return false }
        let end = position - 1
        guard take(UInt8(ascii: ":")) else { return false }
        if end - start == key.count, isEqual(start, key) {
          skipSpace()
          return true
        }
        guard skipValue(), take(UInt8(ascii: ",")) else { return false }
      }
    }

    /// At an object: what its member is.
    mutating func member(_ key: [UInt8], _ candidates: [[UInt8]]) -> Member {
      sawEscape = false
      guard enter(key) else { return sawEscape ? .other : .absent }
      guard let text = plainString() else { return .other }
      return .text(candidate: candidates.firstIndex { $0.elementsEqual(text) })
    }

    private func isEqual(_ start: Int, _ key: [UInt8]) -> Bool {
      for index in 0..<key.count where bytes[start + index] != key[index] { return false }
      return true
    }

    /// The content of the string at the cursor; `nil` for what is no string or has escapes.
    mutating func plainString() -> UnsafeBufferPointer<UInt8>.SubSequence? {
      let start = position + 1
      sawEscape = false
      guard skipString(), !sawEscape else { return nil }
      return bytes[start..<(position - 1)]
    }

    private mutating func skipString() -> Bool {
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return false }
      var index = position + 1
      while index < bytes.count {
        let byte = bytes[index]
        if byte == UInt8(ascii: "\"") {
          position = index + 1
          return true
        }
        if byte == UInt8(ascii: "\\") {
          sawEscape = true
          index += 1
        }
        index += 1
      }
      return false
    }

    /// Moves behind the value at the cursor, however deep it is, without recursion.
    mutating func skipValue() -> Bool {
      skipSpace()
      guard position < bytes.count else { return false }
      var depth = 0
      while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: "\""):
          guard skipString() else { return false }
          if depth == 0 { return true }
        case UInt8(ascii: "{"), UInt8(ascii: "["):
          depth += 1
          position += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          // The end of what holds a number or a literal is not part of it.
          if depth == 0 { return true }
          depth -= 1
          position += 1
          if depth == 0 { return true }
        case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
          if depth == 0 { return true }
          position += 1
        default: position += 1
        }
      }
      return depth == 0
    }
  }
}
