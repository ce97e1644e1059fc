import NIOCore
import Raft

extension PeerFrame {
  private enum Kind: UInt8 {
    case hello = 1
    case welcome, refusal, messages, snapshotHeader, snapshotBlock, snapshotEnd, snapshotResult
    case snapshotResume, snapshotStart, snapshotTaken
  }

  func encode(into buffer: inout ByteBuffer) {
    let start = buffer.writerIndex
    buffer.writeInteger(UInt32(0))
    switch self {
    case .hello(let hello):
      buffer.writeKind(Kind.hello.rawValue)
      buffer.writeMultipleIntegers(
        PeerFrame.magic, hello.version, hello.clusterID, hello.from, hello.to,
        hello.purpose.rawValue)
    case .welcome: buffer.writeKind(Kind.welcome.rawValue)
    case .refusal(let reason):
      buffer.writeKind(Kind.refusal.rawValue)
      buffer.writeBlock(Array(reason.utf8.prefix(1024)))
    case .messages(let messages):
      buffer.writeKind(Kind.messages.rawValue)
      buffer.writeInteger(UInt32(messages.count))
      for message in messages { PeerMessageCodec.encode(message, into: &buffer) }
    case .snapshotHeader(let header):
      buffer.writeKind(Kind.snapshotHeader.rawValue)
      buffer.writeMultipleIntegers(
        header.leaderTerm, header.identity.index, header.identity.term,
        header.identity.byteCount, header.identity.checksum)
    case .snapshotResume(let offset, let checksum):
      buffer.writeKind(Kind.snapshotResume.rawValue)
      buffer.writeMultipleIntegers(offset, checksum)
    case .snapshotStart(let offset):
      buffer.writeKind(Kind.snapshotStart.rawValue)
      buffer.writeInteger(offset)
    case .snapshotTaken(let offset):
      buffer.writeKind(Kind.snapshotTaken.rawValue)
      buffer.writeInteger(offset)
    case .snapshotBlock(let block):
      buffer.writeKind(Kind.snapshotBlock.rawValue)
      buffer.writeMultipleIntegers(UInt32(block.originalCount), block.checksum)
      buffer.writeBlock(block.compressed)
    case .snapshotEnd: buffer.writeKind(Kind.snapshotEnd.rawValue)
    case .snapshotResult(let problem):
      buffer.writeKind(Kind.snapshotResult.rawValue)
      buffer.writeBlock(Array(problem.utf8.prefix(1024)))
    }
    buffer.setInteger(UInt32(buffer.writerIndex - start - 4), at: start)
  }

  /// Decodes a frame without its length; all of `buffer` must belong to it.
  static func decode(_ buffer: inout ByteBuffer) throws(PeerFrameError) -> PeerFrame {
    let raw: UInt8 = try buffer.take()
    guard let kind = Kind(rawValue: raw) else {
      throw PeerFrameError("\(raw) is not a kind of frame")
    }
    let frame = try body(kind, &buffer)
    guard buffer.readableBytes == 0 else {
      throw PeerFrameError("\(buffer.readableBytes) bytes follow a complete frame")
    }
    return frame
  }

  private static func body(
    _ kind: Kind, _ buffer: inout ByteBuffer
  ) throws(PeerFrameError) -> PeerFrame {
    switch kind {
    case .hello: return .hello(try hello(&buffer))
    case .welcome: return .welcome
    case .refusal: return .refusal(String(decoding: try buffer.takeBlock(), as: UTF8.self))
    case .messages:
      let count: UInt32 = try buffer.take()
      guard count <= UInt32(clamping: buffer.readableBytes) else {
        throw PeerFrameError("\(count) messages don't fit into the frame")
      }
      var messages: [PeerMessage] = []
      messages.reserveCapacity(Int(count))
      for _ in 0..<count { messages.append(try PeerMessageCodec.decode(&buffer)) }
      return .messages(messages)
    case .snapshotHeader:
      return .snapshotHeader(
        SnapshotHeader(
          leaderTerm: try buffer.take(),
          identity: SnapshotIdentity(
            index: try buffer.take(), term: try buffer.take(), byteCount: try buffer.take(),
            checksum: try buffer.take())))
    case .snapshotResume:
      return .snapshotResume(offset: try buffer.take(), checksum: try buffer.take())
    case .snapshotStart: return .snapshotStart(try buffer.take())
    case .snapshotTaken: return .snapshotTaken(try buffer.take())
    case .snapshotBlock:
      let count: UInt32 = try buffer.take()
      return .snapshotBlock(
        SnapshotBlock(
          originalCount: Int(count), checksum: try buffer.take(),
          compressed: try buffer.takeBlock()))
    case .snapshotEnd: return .snapshotEnd
    case .snapshotResult:
      return .snapshotResult(String(decoding: try buffer.takeBlock(), as: UTF8.self))
    }
  }

  private static func hello(_ buffer: inout ByteBuffer) throws(PeerFrameError) -> PeerHello {
    let magic: UInt64 = try buffer.take()
    guard magic == PeerFrame.magic else {
      throw PeerFrameError("what connects is not a taffrail replica")
    }
    let version: UInt16 = try buffer.take()
    let clusterID: UInt64 = try buffer.take()
    let from: UInt64 = try buffer.take()
    let to: UInt64 = try buffer.take()
    let rawPurpose: UInt8 = try buffer.take()
    guard let purpose = PeerHello.Purpose(rawValue: rawPurpose) else {
      throw PeerFrameError("\(rawPurpose) is not a purpose of a connection")
    }
    return PeerHello(
      version: version, clusterID: clusterID, from: from, to: to, purpose: purpose)
  }
}

extension ByteBuffer {
  mutating func writeKind(_ kind: UInt8) { writeInteger(kind) }

  mutating func writeBlock(_ bytes: [UInt8]) {
    writeInteger(UInt32(bytes.count))
    writeBytes(bytes)
  }

  mutating func take<Value: FixedWidthInteger>() throws(PeerFrameError) -> Value {
    guard let value = readInteger(as: Value.self) else {
      throw PeerFrameError("the frame ends too soon")
    }
    return value
  }

  mutating func takeBlock() throws(PeerFrameError) -> [UInt8] {
    let count: UInt32 = try take()
    guard count <= UInt32(clamping: readableBytes), let bytes = readBytes(length: Int(count))
    else { throw PeerFrameError("the frame ends too soon") }
    return bytes
  }
}
