import KubernetesAPI
import NIOCore
import NIOHTTP1

/// Answers a request; the seam between the event loops and everything else.
typealias RequestResponder = @Sendable (APIRequest) async -> APIResponse

/// Reads requests of one HTTP/1.1 connection or one HTTP/2 stream, with bounds on size and time,
/// and writes what the responder answers. Crosses into a task once for each request.
final class HTTPRequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    case idle
    case receiving(HTTPRequestHead, ByteBuffer)
    /// The request is too large and was answered; the rest is dropped.
    case discarding
    case responding(keepAlive: Bool)
    case closed
  }

  private let responder: RequestResponder
  private let limits: HTTPLimits
  private let peer: EventLoopFuture<PeerIdentity>
  private let isHTTP2: Bool
  private let connections: OpenConnections
  private var state = State.idle
  private var timeout: Scheduled<Void>?
  private var task: Task<Void, Never>?
  private var stream: ResponseStream?
  private var pieces: ResponsePieces?
  private var isKeptAlive = false
  /// While pieces wait for the client to take those before.
  private var stallTimer: Scheduled<Void>?
  /// Answers for a request that takes too long.
  private var deadline: Scheduled<Void>?

  init(
    responder: @escaping RequestResponder, peer: EventLoopFuture<PeerIdentity>, isHTTP2: Bool,
    limits: HTTPLimits, connections: OpenConnections
  ) {
    self.responder = responder
    self.peer = peer
    self.isHTTP2 = isHTTP2
    self.limits = limits
    self.connections = connections
  }

  func channelActive(context: ChannelHandlerContext) {
    schedule(seconds: limits.headSeconds, context)
    context.fireChannelActive()
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { schedule(seconds: limits.headSeconds, context) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), state) {
    case (.head(let head), .idle):
      timeout?.cancel()
      guard headerBytes(head) <= limits.maximumHeaderBytes else {
        refuse(.tooLargeHeaders(limit: limits.maximumHeaderBytes), context)
        return
      }
      let declared = head.headers.first(name: "content-length").flatMap(Int.init) ?? 0
      if declared > limits.maximumBodyBytes {
        refuse(.tooLargeBody(limit: limits.maximumBodyBytes), context)
        return
      }
      // A body that trickles in must end at some time as well.
      schedule(seconds: limits.bodySeconds, context)
      if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
        context.writeAndFlush(
          wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))),
          promise: nil)
      }
      state = .receiving(head, context.channel.allocator.buffer(capacity: min(declared, 65_536)))
    case (.body(var part), .receiving(let head, var body)):
      state = .idle  // Gives up the reference, so that appending does not copy.
      guard body.readableBytes + part.readableBytes <= limits.maximumBodyBytes else {
        refuse(.tooLargeBody(limit: limits.maximumBodyBytes), context)
        return
      }
      body.writeBuffer(&part)
      state = .receiving(head, body)
    case (.end, .receiving(let head, let body)):
      timeout?.cancel()
      respond(to: head, body: body, context)
    default: break
    }
  }

  private func respond(to head: HTTPRequestHead, body: ByteBuffer, _ context: ChannelHandlerContext)
  {
    let keepAlive = isHTTP2 || head.isKeepAlive
    state = .responding(keepAlive: keepAlive)
    let responder = self.responder
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    let channel = context.channel
    let pendingLimit = limits.maximumPendingStreamBytes
    peer.hop(to: context.eventLoop).whenComplete { result in
      let (handler, context) = bound.value
      guard case .responding = handler.state else { return }
      let identity: PeerIdentity =
        switch result {
        case .success(let identity): identity
        case .failure(let error): PeerIdentity(.rejected("\(error)"))
        }
      let request = APIRequest(head: head, body: body, peer: identity)
      let version = head.version
      let isHead = head.method == .HEAD
      do throws(APIStatus) {
        try handler.setDeadline(request, version: version, keepAlive: keepAlive, context)
      } catch {
        handler.write(
          APIResponse(error), stream: nil, version: version, isHead: isHead,
          keepAlive: keepAlive, context)
        return
      }
      let connections = handler.connections
      guard connections.beginTask() else {
        context.close(promise: nil)
        return
      }
      let executor =
        LoopExecutor.takes(request) ? connections.executors.executor(of: context.eventLoop) : nil
      handler.task = Task(executorPreference: executor) {
        defer { connections.endTask() }
        let response = await responder(request)
        let stream: ResponseStream? =
          if case .stream = response.body {
            ResponseStream(
              channel: channel, maximumPendingBytes: pendingLimit, closesAfterEnd: !keepAlive)
          } else { nil }
        let write: @Sendable () -> Void = {
          let (handler, context) = bound.value
          handler.write(
            response, stream: stream, version: version, isHead: isHead, keepAlive: keepAlive,
            context)
        }
        if channel.eventLoop.inEventLoop { write() } else { channel.eventLoop.execute(write) }
        if let stream, case .stream(let run) = response.body { await run(stream) }
      }
    }
  }

  /// - Throws: 400 where the client asks for a time that is none.
  private func setDeadline(
    _ request: APIRequest, version: HTTPVersion, keepAlive: Bool,
    _ context: ChannelHandlerContext
  ) throws(APIStatus) {
    guard !request.info.isLongRunning else { return }
    let milliseconds = try RequestDeadline.milliseconds(request.query["timeout"])
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    deadline = context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
      let (handler, context) = bound.value
      guard case .responding = handler.state, handler.pieces == nil else { return }
      // What the task still comes to has nobody to read it.
      handler.task?.cancel()
      handler.write(
        APIResponse(RequestDeadline.timeout), stream: nil, version: version, isHead: false,
        keepAlive: false, context)
    }
  }

  private func write(
    _ response: APIResponse, stream: ResponseStream?, version: HTTPVersion, isHead: Bool,
    keepAlive: Bool, _ context: ChannelHandlerContext
  ) {
    guard case .responding = state else {
      stream?.closed()
      return
    }
    deadline?.cancel()
    var headers = response.headers
    if !keepAlive, !isHTTP2 { headers.replaceOrAdd(name: "Connection", value: "close") }
    if case .bytes(let bytes) = response.body {
      headers.replaceOrAdd(name: "Content-Length", value: String(bytes.count))
    }
    let head = HTTPResponseHead(version: version, status: response.status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    switch response.body {
    case .bytes(let bytes):
      if !isHead, !bytes.isEmpty {
        context.write(
          wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
      }
      end(keepAlive: keepAlive, context)
    case .pieces(let pieces):
      if isHead { return end(keepAlive: keepAlive, context) }
      isKeptAlive = keepAlive
      self.pieces = pieces
      writePieces(context)
    case .stream:
      context.flush()
      self.stream = stream
      let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
      let eventLoop = context.eventLoop
      let ended: @Sendable () -> Void = {
        let (handler, context) = bound.value
        guard case .responding = handler.state else { return }
        handler.stream = nil
        handler.finished(keepAlive: keepAlive, context)
      }
      stream?.onClose {
        if eventLoop.inEventLoop { ended() } else { eventLoop.execute(ended) }
      }
    }
  }

  private func end(keepAlive: Bool, _ context: ChannelHandlerContext) {
    // Before the end is written, which may bring in the connection's next request.
    finished(keepAlive: keepAlive, context)
    let channel = context.channel
    let closes = !keepAlive && !isHTTP2
    guard closes || !channel.isWritable else {
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      return
    }
    // A client that takes nothing must not hold the answer for ever.
    let stall = context.eventLoop.scheduleTask(in: .seconds(limits.stallSeconds)) {
      channel.close(promise: nil)
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in
      stall.cancel()
      if closes { channel.close(mode: .output, promise: nil) }
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
  }

  /// Writes as long as the client takes; goes on when the channel is writable again.
  private func writePieces(_ context: ChannelHandlerContext) {
    guard let pieces else { return }
    while context.channel.isWritable {
      guard let piece = pieces.next() else {
        self.pieces = nil
        stallTimer?.cancel()
        return end(keepAlive: isKeptAlive, context)
      }
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
      // Writing may have ended the connection.
      if self.pieces == nil { return }
    }
    // A client that takes nothing for so long holds a state of the store for nobody.
    stallTimer?.cancel()
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    stallTimer = context.eventLoop.scheduleTask(in: .seconds(limits.stallSeconds)) {
      bound.value.close(promise: nil)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if pieces != nil, context.channel.isWritable { writePieces(context) }
    context.fireChannelWritabilityChanged()
  }

  private func finished(keepAlive: Bool, _ context: ChannelHandlerContext) {
    task = nil
    guard keepAlive, !isHTTP2 else {
      state = .closed
      // An HTTP/2 stream closes by itself once both sides have ended. A client of HTTP/1.1 gets a
      // moment to read the answer.
      if !isHTTP2 { schedule(seconds: 2, context) }
      return
    }
    state = .idle
    schedule(seconds: limits.idleSeconds, context)
  }

  private func headerBytes(_ head: HTTPRequestHead) -> Int {
    head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
  }

  /// Answers before the request is complete, and drops the rest of it.
  private func refuse(_ failure: APIStatus, _ context: ChannelHandlerContext) {
    timeout?.cancel()
    state = .discarding
    for part in HTTPRefusal.parts(failure, closes: !isHTTP2) {
      context.write(wrapOutboundOut(part), promise: nil)
    }
    context.flush()
    // The client may still be sending: closing at once could reset the connection before the
    // answer is read.
    schedule(seconds: 2, context)
  }

  private func schedule(seconds: Int64, _ context: ChannelHandlerContext) {
    timeout?.cancel()
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    timeout = context.eventLoop.scheduleTask(in: .seconds(seconds)) {
      bound.value.close(promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    state = .closed
    timeout?.cancel()
    deadline?.cancel()
    stallTimer?.cancel()
    pieces = nil
    task?.cancel()
    stream?.closed()
    stream = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Whatever broke the connection (a reset, a protocol violation) ends it, and nothing else.
    context.close(promise: nil)
  }
}
