import NIOCore

/// One HTTP/2 connection of the load generator, on its event loop alone. It decodes no more than
/// frame headers and statuses, so that what is measured is the server.
final class LoadConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Answer {
    var status = 0
    var bytes = 0
    /// The first bytes of the body, as many as were asked for.
    var beginning = ByteBuffer()
  }

  private struct Stream {
    var answer = Answer()
    var keptBytes: Int
    /// Bytes taken since the stream's window was last opened.
    var consumed = 0
    var onData: ((ByteBuffer) -> Void)?
    var onEnd: (Answer) -> Void
  }

  private let authority: String
  private let ready: EventLoopPromise<Void>
  private var context: ChannelHandlerContext?
  private var input = ByteBuffer()
  private var output = ByteBuffer()
  private var streams: [UInt32: Stream] = [:]
  private var nextStream: UInt32 = 1
  private var consumed = 0
  private var isReading = false
  private var isReady = false

  init(authority: String, ready: EventLoopPromise<Void>) {
    self.authority = authority
    self.ready = ready
  }

  /// Sends a request. `onEnd` gets a status of 0 where the connection or the stream broke.
  func send(
    _ request: LoadRequest, keptBytes: Int = 0, onData: ((ByteBuffer) -> Void)? = nil,
    onEnd: @escaping (Answer) -> Void
  ) {
    guard context != nil else { return onEnd(Answer()) }
    let id = nextStream
    nextStream += 2
    streams[id] = Stream(keptBytes: keptBytes, onData: onData, onEnd: onEnd)
    LoadFrames.write(
      request, authority: authority, stream: id, maximumFrame: 16_384, into: &output)
    if !isReading { flush() }
  }

  func close() { context?.close(promise: nil) }

  private func flush() {
    guard output.readableBytes > 0, let context else { return }
    let bytes = output
    output = context.channel.allocator.buffer(capacity: 4096)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func channelActive(context: ChannelHandlerContext) {
    LoadFrames.writeStart(into: &output)
    flush()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    var bytes = unwrapInboundIn(data)
    if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
    while readFrame() {}
    if input.readableBytes > 0 { input.discardReadBytes() }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    flush()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    if !isReady { ready.fail(ChannelError.eof) }
    let open = streams.values
    streams = [:]
    for stream in open { stream.onEnd(Answer()) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func readFrame() -> Bool {
    let start = input.readerIndex
    guard let high = input.getInteger(at: start, as: UInt8.self),
      let low = input.getInteger(at: start + 1, as: UInt16.self)
    else { return false }
    let length = Int(high) << 16 | Int(low)
    guard input.readableBytes >= LoadFrames.headerLength + length,
      let kind = input.getInteger(at: start + 3, as: UInt8.self),
      let flags = input.getInteger(at: start + 4, as: UInt8.self),
      let id = input.getInteger(at: start + 5, as: UInt32.self)
    else { return false }
    input.moveReaderIndex(forwardBy: LoadFrames.headerLength)
    guard let payload = input.readSlice(length: length) else { return false }
    frame(kind, flags, stream: id & 0x7fff_ffff, payload)
    return true
  }

  private func frame(_ kind: UInt8, _ flags: UInt8, stream id: UInt32, _ payload: ByteBuffer) {
    switch kind {
    case LoadFrames.Kind.data: data(payload, stream: id)
    case LoadFrames.Kind.headers:
      var bytes = payload.readableBytesView
      if flags & LoadFrames.Flag.padded != 0 { bytes = bytes.dropFirst() }
      if flags & LoadFrames.Flag.priority != 0 { bytes = bytes.dropFirst(5) }
      if streams[id]?.answer.status == 0 {
        streams[id]?.answer.status = LoadFrames.status(bytes)
      }
    case LoadFrames.Kind.settings where flags & LoadFrames.Flag.acknowledged == 0:
      LoadFrames.writeHeader(
        length: 0, kind: LoadFrames.Kind.settings, flags: LoadFrames.Flag.acknowledged,
        stream: 0, into: &output)
      if !isReady {
        isReady = true
        ready.succeed()
      }
    case LoadFrames.Kind.ping where flags & LoadFrames.Flag.acknowledged == 0:
      LoadFrames.writeHeader(
        length: payload.readableBytes, kind: LoadFrames.Kind.ping,
        flags: LoadFrames.Flag.acknowledged, stream: 0, into: &output)
      output.writeImmutableBuffer(payload)
    case LoadFrames.Kind.reset:
      if let stream = streams.removeValue(forKey: id) { stream.onEnd(Answer()) }
    case LoadFrames.Kind.goAway: context?.close(promise: nil)
    default: break
    }
    if kind == LoadFrames.Kind.data || kind == LoadFrames.Kind.headers,
      flags & LoadFrames.Flag.endStream != 0, let stream = streams.removeValue(forKey: id)
    {
      stream.onEnd(stream.answer)
    }
  }

  private func data(_ payload: ByteBuffer, stream id: UInt32) {
    let length = payload.readableBytes
    consumed += length
    if consumed > LoadFrames.largestWindow / 2 {
      LoadFrames.writeWindowUpdate(consumed, stream: 0, into: &output)
      consumed = 0
    }
    guard let index = streams.index(forKey: id) else { return }
    streams.values[index].answer.bytes += length
    streams.values[index].consumed += length
    let kept = streams.values[index].answer.beginning.readableBytes
    let wanted = min(streams.values[index].keptBytes - kept, length)
    if wanted > 0, let part = payload.getSlice(at: payload.readerIndex, length: wanted) {
      streams.values[index].answer.beginning.writeImmutableBuffer(part)
    }
    if streams.values[index].consumed > LoadFrames.largestWindow / 2 {
      LoadFrames.writeWindowUpdate(streams.values[index].consumed, stream: id, into: &output)
      streams.values[index].consumed = 0
    }
    if let onData = streams.values[index].onData { onData(payload) }
  }
}
