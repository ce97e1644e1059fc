/// Builds the bytes of a message.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func fixed(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func block(_ block: [UInt8]) {
    varint(UInt64(block.count))
    bytes += block
  }

  mutating func text(_ text: String) {
    varint(UInt64(text.utf8.count))
    bytes += text.utf8
  }
}

/// Reads bytes that may come from anywhere: checks every bound, and allocates nothing that the
/// bytes don't hold.
struct ByteReader {
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() throws(CodecError) -> UInt8 {
    guard offset < bytes.count else { throw .truncated(offset: offset) }
    offset += 1
    return bytes[offset - 1]
  }

  mutating func fixed() throws(CodecError) -> UInt64 {
    guard bytes.count - offset >= 8 else { throw .truncated(offset: bytes.count) }
    let value = bytes.withUnsafeBytes {
      $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    offset += 8
    return UInt64(littleEndian: value)
  }

  mutating func varint() throws(CodecError) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      if shift == 63, byte > 1 { throw .malformed(offset: start, reason: "a number is too large") }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
  }

  mutating func count(limit: Int, of what: String) throws(CodecError) -> Int {
    let start = offset
    let count = try varint()
    // Each takes at least two bytes, so a count beyond what is left is a lie.
    guard count <= UInt64(limit), count <= UInt64(bytes.count - offset) else {
      throw .malformed(offset: start, reason: "\(count) \(what) are too many")
    }
    return Int(count)
  }

  mutating func block(limit: Int) throws(CodecError) -> [UInt8] {
    let length = try length(limit: limit)
    defer { offset += length }
    return Array(bytes[offset..<(offset + length)])
  }

  private mutating func length(limit: Int) throws(CodecError) -> Int {
    let start = offset
    let length = try varint()
    guard length <= UInt64(limit) else {
      throw .malformed(offset: start, reason: "a length of \(length) is over \(limit)")
    }
    guard length <= UInt64(bytes.count - offset) else { throw .truncated(offset: bytes.count) }
    return Int(length)
  }

  mutating func text() throws(CodecError) -> String {
    let start = offset
    let length = try length(limit: TransactionLimits.textBytes)
    if length == 0 { return "" }
    defer { offset += length }
    guard let text = String(validating: bytes[offset..<(offset + length)], as: UTF8.self) else {
      throw .malformed(offset: start, reason: "a text is not UTF-8")
    }
    return text
  }

  func end() throws(CodecError) {
    if offset != bytes.count { throw .malformed(offset: offset, reason: "bytes after the end") }
  }
}
