/// Reads the wire format of protocol buffers, field by field, without trusting it.
struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field; nil at the end.
  mutating func next() throws(ProtobufError) -> (number: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let tag = try varint()
    let number = Int(truncatingIfNeeded: tag >> 3)
    guard number > 0, number < 1 << 29 else { throw ProtobufError("a field has no valid number") }
    switch tag & 7 {
    case 0: return (number, .varint(try varint()))
    case 1: return (number, .fixed64(try fixed(8)))
    case 2:
      let count = try varint()
      guard count <= UInt64(rest.count) else { throw ProtobufError("a field is cut short") }
      return (number, .bytes(take(Int(count))))
    case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw ProtobufError("a field has an unknown wire type")
    }
  }

  /// The next number of a packed list; nil at the end.
  mutating func packedNumber() throws(ProtobufError) -> UInt64? {
    rest.isEmpty ? nil : try varint()
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return taken
  }

  private mutating func fixed(_ count: Int) throws(ProtobufError) -> UInt64 {
    guard rest.count >= count else { throw ProtobufError("a field is cut short") }
    var value: UInt64 = 0
    for (position, byte) in take(count).enumerated() { value |= UInt64(byte) << (8 * position) }
    return value
  }

  private mutating func varint() throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw ProtobufError("a number is cut short") }
      // Of the tenth byte only one bit fits.
      if shift == 63, byte > 1 { throw ProtobufError("a number is too large") }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw ProtobufError("a number is too long")
  }
}

/// Why bytes are no object in protobuf.
public struct ProtobufError: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}
