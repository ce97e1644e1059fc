import NIOCore

/// A request of the load generator: headers and body are bytes made before the clock runs.
struct LoadRequest: Sendable {
  var method: String
  var path: String
  var contentType = ""
  var body = ByteBuffer()
  /// Over plain TCP.
  var isPlain = false
  /// More of the body could follow: the stream stays open.
  var keepsOpen = false

  var isGRPC: Bool { contentType == "application/grpc" }

  static func get(_ path: String) -> LoadRequest { LoadRequest(method: "GET", path: path) }
}

/// What the load generator needs of HTTP/2 (RFC 9113) and of HPACK (RFC 7541): its own requests
/// written without a dynamic table, and of an answer nothing but the status.
enum LoadFrames {
  static let headerLength = 9
  static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  static let largestWindow = 0x7fff_ffff

  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
  }

  enum Flag {
    static let endStream: UInt8 = 1
    static let acknowledged: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 32
  }

  static func writeHeader(
    length: Int, kind: UInt8, flags: UInt8, stream: UInt32, into output: inout ByteBuffer
  ) {
    output.writeInteger(UInt8(truncatingIfNeeded: length >> 16))
    output.writeInteger(UInt16(truncatingIfNeeded: length))
    output.writeInteger(kind)
    output.writeInteger(flags)
    output.writeInteger(stream)
  }

  /// The preface, settings (no table for HPACK, no push, windows that never fill) and the
  /// connection's window.
  static func writeStart(into output: inout ByteBuffer) {
    output.writeString(preface)
    let settings: [(UInt16, UInt32)] = [
      (1, 0), (2, 0), (4, UInt32(largestWindow)), (5, 1 << 20),
    ]
    writeHeader(
      length: settings.count * 6, kind: Kind.settings, flags: 0, stream: 0, into: &output)
    for (name, value) in settings {
      output.writeInteger(name)
      output.writeInteger(value)
    }
    writeWindowUpdate(largestWindow - 65_535, stream: 0, into: &output)
  }

  static func writeWindowUpdate(_ bytes: Int, stream: UInt32, into output: inout ByteBuffer) {
    writeHeader(length: 4, kind: Kind.windowUpdate, flags: 0, stream: stream, into: &output)
    output.writeInteger(UInt32(bytes))
  }

  static func write(
    _ request: LoadRequest, authority: String, stream: UInt32, maximumFrame: Int,
    into output: inout ByteBuffer
  ) {
    let start = output.writerIndex
    let hasBody = request.body.readableBytes > 0
    writeHeader(
      length: 0, kind: Kind.headers,
      flags: Flag.endHeaders | (hasBody ? 0 : Flag.endStream), stream: stream, into: &output)
    switch request.method {
    case "GET": output.writeInteger(UInt8(0x82))
    case "POST": output.writeInteger(UInt8(0x83))
    default: writeField(2, request.method, into: &output)
    }
    output.writeInteger(UInt8(request.isPlain ? 0x86 : 0x87))  // :scheme http or https
    writeField(1, authority, into: &output)
    writeField(4, request.path, into: &output)
    writeField(19, "application/json", into: &output)
    writeField(58, "taffrail-bench", into: &output)
    if hasBody {
      writeField(31, request.contentType, into: &output)
      if request.isGRPC {
        // RFC 9110: without it a server may leave out the trailers that carry gRPC's status.
        output.writeInteger(UInt8(0))
        writeText("te", into: &output)
        writeText("trailers", into: &output)
      } else {
        writeField(28, String(request.body.readableBytes), into: &output)
      }
    }
    let length = output.writerIndex - start - headerLength
    output.setInteger(UInt8(truncatingIfNeeded: length >> 16), at: start)
    output.setInteger(UInt16(truncatingIfNeeded: length), at: start + 1)
    var body = request.body
    while let part = body.readSlice(length: min(body.readableBytes, maximumFrame)),
      part.readableBytes > 0
    {
      writeHeader(
        length: part.readableBytes, kind: Kind.data,
        flags: body.readableBytes == 0 && !request.keepsOpen ? Flag.endStream : 0, stream: stream,
        into: &output)
      output.writeImmutableBuffer(part)
    }
  }

  /// A literal without indexing, its name from the static table.
  private static func writeField(_ name: Int, _ value: String, into output: inout ByteBuffer) {
    writeInteger(name, prefixBits: 4, into: &output)
    writeText(value, into: &output)
  }

  private static func writeText(_ value: String, into output: inout ByteBuffer) {
    writeInteger(value.utf8.count, prefixBits: 7, into: &output)
    output.writeString(value)
  }

  private static func writeInteger(_ value: Int, prefixBits: Int, into output: inout ByteBuffer) {
    let limit = (1 << prefixBits) - 1
    guard value >= limit else {
      output.writeInteger(UInt8(value))
      return
    }
    output.writeInteger(UInt8(limit))
    var rest = value - limit
    while rest >= 128 {
      output.writeInteger(UInt8(rest & 0x7f | 0x80))
      rest >>= 7
    }
    output.writeInteger(UInt8(rest))
  }

  /// The status of an answer: the first field of its header block. 0 where it can't be told.
  static func status(_ block: some Collection<UInt8>) -> Int {
    var bytes = block[...]
    while let first = bytes.first, first & 0xe0 == 0x20 { bytes = bytes.dropFirst() }
    guard let first = bytes.first else { return 0 }
    // The static table's statuses, RFC 7541 appendix A.
    let known = [200, 204, 206, 304, 400, 404, 500]
    if first & 0x80 != 0 {
      let index = Int(first & 0x7f) - 8
      return known.indices.contains(index) ? known[index] : 0
    }
    let name = first & 0xc0 == 0x40 ? first & 0x3f : first & 0x0f
    guard (8...14).contains(name), let length = bytes.dropFirst().first else { return 0 }
    let value = bytes.dropFirst(2).prefix(Int(length & 0x7f))
    guard length & 0x80 != 0 else {
      return value.reduce(0) { $0 * 10 + Int($1) - 48 }
    }
    // Huffman's codes of digits: five bits for 0 to 2, six for 3 to 9.
    var bits = value.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    var count = value.count * 8
    bits <<= UInt64(64 - count)
    var status = 0
    for _ in 0..<3 where count >= 5 {
      let five = Int(bits >> 59)
      if five <= 2 {
        status = status * 10 + five
        bits <<= 5
        count -= 5
      } else {
        status = status * 10 + Int(bits >> 58) - 0x19 + 3
        bits <<= 6
        count -= 6
      }
    }
    return status
  }
}
