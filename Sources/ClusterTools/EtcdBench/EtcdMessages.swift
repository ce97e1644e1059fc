import NIOCore

/// The few messages of etcd's protocol that a comparison needs, written and read by hand: protobuf
/// (https://protobuf.dev/programming-guides/encoding) in gRPC's framing, a zero byte and four
/// bytes of length before each message. Names and numbers of fields are those of
/// etcdserverpb/rpc.proto and mvccpb/kv.proto.
enum EtcdMessages {
  /// `KV.Put`.
  static func put(key: String, value: [UInt8]) -> LoadRequest {
    request("KV/Put", field(1, Array(key.utf8)) + field(2, value))
  }

  /// `KV.Range` of one key; a serializable one asks no leader.
  static func range(key: String, isSerializable: Bool) -> LoadRequest {
    request("KV/Range", field(1, Array(key.utf8)) + (isSerializable ? [7 << 3, 1] : []))
  }

  /// `Maintenance.Status`.
  static let status = request("Maintenance/Status", [])

  /// `Watch.Watch` of the keys from `start` to `end`; the stream stays open.
  static func watch(from start: String, to end: String) -> LoadRequest {
    let create = field(1, Array(start.utf8)) + field(2, Array(end.utf8))
    var request = request("Watch/Watch", field(1, create))
    request.keepsOpen = true
    return request
  }

  private static func request(_ method: String, _ message: [UInt8]) -> LoadRequest {
    var body = ByteBuffer()
    body.writeInteger(UInt8(0))
    body.writeInteger(UInt32(message.count))
    body.writeBytes(message)
    return LoadRequest(
      method: "POST", path: "/etcdserverpb.\(method)", contentType: "application/grpc",
      body: body, isPlain: true)
  }

  /// A field of bytes.
  static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(bytes.count)) + bytes
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  enum Value: Hashable {
    case number(UInt64)
    case bytes([UInt8])
  }

  /// The fields of a message; `nil` for bytes that are none.
  static func fields(_ message: some Collection<UInt8>) -> [(number: UInt64, value: Value)]? {
    var rest = message[...]
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 { return value }
      }
      return nil
    }
    var fields: [(UInt64, Value)] = []
    while !rest.isEmpty {
      guard let tag = varint() else { return nil }
      switch tag & 7 {
      case 0:
        guard let value = varint() else { return nil }
        fields.append((tag >> 3, .number(value)))
      case 2:
        guard let count = varint(), count <= UInt64(rest.count) else { return nil }
        fields.append((tag >> 3, .bytes(Array(rest.prefix(Int(count))))))
        rest = rest.dropFirst(Int(count))
      default: return nil
      }
    }
    return fields
  }
}

/// Counts the events in a stream of etcd's watch answers, however the stream is cut.
struct EtcdEventCounter {
  private var input = ByteBuffer()
  private(set) var events = 0
  /// The watch stands.
  private(set) var isCreated = false
  private(set) var isBroken = false

  mutating func take(_ part: ByteBuffer) {
    var part = part
    input.writeBuffer(&part)
    while let length = input.getInteger(at: input.readerIndex + 1, as: UInt32.self),
      input.readableBytes >= 5 + Int(length)
    {
      input.moveReaderIndex(forwardBy: 5)
      guard let message = input.readSlice(length: Int(length)),
        let fields = EtcdMessages.fields(message.readableBytesView)
      else {
        isBroken = true
        return
      }
      for (number, value) in fields {
        switch (number, value) {
        case (11, .bytes): events += 1
        case (3, .number(1)): isCreated = true
        // Canceled, or its beginning was compacted.
        case (4, .number(1)), (5, .number): isBroken = true
        default: break
        }
      }
    }
    input.discardReadBytes()
  }
}
