import NIOCore

/// The decoder as a channel handler.
///
/// It keeps no reference to what it was given: TLS decrypts into one buffer over and over, and copies
/// all of it (32 KB, and more after a long read) before each read while somebody else has it.
final class PeerFrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = PeerFrame

  private var decoder = PeerFrameDecoder()
  /// The beginning of a frame, the rest of which has yet to come.
  private var partial: ByteBuffer?
  private var hasFailed = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasFailed else { return }
    var given = unwrapInboundIn(data)
    do throws(PeerFrameError) {
      guard var joined = partial.take() else {
        try decode(&given, context)
        partial = try copy(given, context)
        return
      }
      joined.writeBuffer(&given)
      let start = joined.readerIndex
      try decode(&joined, context)
      partial = joined.readerIndex == start ? joined : try copy(joined, context)
    } catch {
      hasFailed = true
      context.fireErrorCaught(error)
    }
  }

  private func decode(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext)
    throws(PeerFrameError)
  {
    while let frame = try decoder.decode(buffer: &buffer) {
      context.fireChannelRead(wrapInboundOut(frame))
    }
  }

  /// What is left, in a buffer with room for the frame that it begins; nil if nothing is.
  private func copy(_ rest: ByteBuffer, _ context: ChannelHandlerContext) throws(PeerFrameError)
    -> ByteBuffer?
  {
    guard rest.readableBytes > 0 else { return nil }
    let byteCount = try decoder.byteCount(rest) ?? 0
    var copy = context.channel.allocator.buffer(capacity: max(byteCount, rest.readableBytes))
    copy.writeImmutableBuffer(rest)
    return copy
  }
}
