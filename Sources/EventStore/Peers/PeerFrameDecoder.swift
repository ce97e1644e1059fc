import NIOCore

/// Cuts the stream into frames; what is too long or unreadable is an error, which closes the
/// connection.
struct PeerFrameDecoder: NIOSingleStepByteToMessageDecoder {
  typealias InboundOut = PeerFrame

  private var isGreeted = false

  mutating func decode(buffer: inout ByteBuffer) throws -> PeerFrame? {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
      return nil
    }
    let limit = isGreeted ? PeerFrame.maximumBytes : PeerFrame.maximumHandshakeBytes
    guard length >= 1, Int(length) <= limit else {
      throw PeerFrameError(
        "a frame of \(length) bytes is not within 1 and \(limit): this is no replica's protocol")
    }
    guard buffer.readableBytes >= 4 + Int(length) else { return nil }
    buffer.moveReaderIndex(forwardBy: 4)
    guard var body = buffer.readSlice(length: Int(length)) else { return nil }
    let frame = try PeerFrame.decode(&body)
    isGreeted = true
    return frame
  }

  mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> PeerFrame? {
    try decode(buffer: &buffer)
  }
}

/// The decoder as a channel handler.
final class PeerFrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = PeerFrame

  private let processor = NIOSingleStepByteToMessageProcessor(PeerFrameDecoder())

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    do {
      try processor.process(buffer: unwrapInboundIn(data)) { frame in
        context.fireChannelRead(wrapInboundOut(frame))
      }
    } catch {
      context.fireErrorCaught(error)
    }
  }
}
