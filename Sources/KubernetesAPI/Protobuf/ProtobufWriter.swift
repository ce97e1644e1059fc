/// Writes the wire format of protocol buffers.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func tag(_ number: Int, wireType: UInt64) {
    varint(UInt64(number) << 3 | wireType)
  }

  mutating func integer(_ value: Int64, field number: Int) {
    tag(number, wireType: 0)
    varint(UInt64(bitPattern: value))
  }

  mutating func boolean(_ value: Bool, field number: Int) {
    tag(number, wireType: 0)
    varint(value ? 1 : 0)
  }

  mutating func double(_ value: Double, field number: Int) {
    tag(number, wireType: 1)
    for shift in stride(from: 0, to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
    }
  }

  mutating func string(_ value: String, field number: Int) {
    tag(number, wireType: 2)
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  mutating func message(_ content: ProtobufWriter, field number: Int) {
    data(content.bytes, field: number)
  }

  mutating func data(_ content: [UInt8], field number: Int) {
    tag(number, wireType: 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }
}
