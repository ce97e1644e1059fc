import NIOCore

/// One side of a relayed connection; the other side's handler is on the same event loop.
///
/// A side is read only while the other takes what is written, so at most a buffer's worth waits
/// between them. An end of one direction is passed on after everything before it.
final class RelayHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long the other direction may go on after the server has ended its own.
  static let lingerSeconds: Int64 = 2

  private weak var partner: RelayHandler?
  private var context: ChannelHandlerContext?
  private var isReadPending = false
  /// What came before the other side was there: NIO delivers what is left when a peer ends, asked
  /// for or not. Bounded by the socket's receive buffer.
  private var early: [ByteBuffer] = []
  private var isPaired = false
  private var endedEarly = false
  private let closesAfterEnd: Bool
  private var whenActive: (() -> Void)?

  /// `closesAfterEnd`: this side is the server, whose end soon closes all.
  init(closesAfterEnd: Bool, whenActive: (() -> Void)? = nil) {
    self.closesAfterEnd = closesAfterEnd
    self.whenActive = whenActive
  }

  /// Begins to relay, once both handlers are in their pipelines.
  func pair(with other: RelayHandler) {
    precondition(!isPaired && !other.isPaired && context != nil && other.context != nil)
    partner = other
    other.partner = self
    for handler in [self, other] {
      handler.isPaired = true
      for buffer in handler.early { handler.partner?.write(buffer) }
      handler.early = []
      handler.partner?.context?.flush()
      if handler.endedEarly { handler.partner?.end() }
    }
    for handler in [self, other] {
      if let context = handler.context { handler.read(context: context) }
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    whenActive?()
    whenActive = nil
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    if isPaired { partner?.write(buffer) } else { early.append(buffer) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    partner?.context?.flush()
    if isPaired { read(context: context) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    partner?.closeAfterWriting()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed? = event as? ChannelEvent else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    if isPaired { partner?.end() } else { endedEarly = true }
    if closesAfterEnd {
      // A dead server's clients are to reconnect now, and not when they next write.
      let partner = partner
      let other = NIOLoopBound(partner, eventLoop: context.eventLoop)
      context.eventLoop.scheduleTask(in: .seconds(Self.lingerSeconds)) {
        other.value?.closeAfterWriting()
      }
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { partner?.resumeReading() }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  func read(context: ChannelHandlerContext) {
    guard isPaired else { return }
    if let other = partner?.context, other.channel.isWritable {
      context.read()
    } else {
      isReadPending = true
    }
  }

  private func resumeReading() {
    guard isReadPending, let context else { return }
    isReadPending = false
    context.read()
  }

  private func write(_ buffer: ByteBuffer) {
    context?.write(wrapOutboundOut(buffer), promise: nil)
  }

  /// Ends the output when all that was written has gone.
  private func end() {
    finish(.output)
  }

  private func closeAfterWriting() {
    finish(.all)
  }

  /// Closing drops what is not written yet, so it waits for an empty last write.
  private func finish(_ mode: CloseMode) {
    guard let context else { return }
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
      channel.close(mode: mode, promise: nil)
    }
  }
}
