import NIOCore
import NIOHTTP1
import NIOTLS

/// Runs one exchange at a time on one connection.
///
/// Confined to its event loop; `HTTPConnection` is what other threads hold.
final class HTTPExchangeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// The largest body that is collected: a full list of a big cluster.
  static let maximumBodyBytes = 512 << 20

  private enum State {
    /// Until the connection (and the TLS handshake) stands.
    case connecting(EventLoopPromise<Void>)
    case idle
    case awaitingHead(HTTPExchange)
    case collecting(HTTPExchange, HTTPAnswer, ByteBuffer)
    case streaming(HTTPExchange, HTTPAnswer)
    case closed
  }

  private var state: State
  private var timeout: Scheduled<Void>?
  private var context: ChannelHandlerContext?
  private let usesTLS: Bool

  init(ready: EventLoopPromise<Void>, usesTLS: Bool) {
    state = .connecting(ready)
    self.usesTLS = usesTLS
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    if !usesTLS { becomeReady() }
    context.fireChannelActive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event { becomeReady() }
    context.fireUserInboundEventTriggered(event)
  }

  private func becomeReady() {
    guard case .connecting(let ready) = state else { return }
    state = .idle
    ready.succeed(())
  }

  /// Sends the request. Fails its promise with `neverSent` where the connection is gone.
  func start(_ exchange: HTTPExchange) {
    guard case .idle = state, let context, context.channel.isActive else {
      exchange.promise.fail(HTTPFailure.neverSent("the connection was closed"))
      return
    }
    state = .awaitingHead(exchange)
    let seconds = exchange.timeout.nanoseconds / 1_000_000_000
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    timeout = context.eventLoop.scheduleTask(in: exchange.timeout) {
      bound.value.fail(HTTPFailure.timedOut(seconds: seconds))
    }
    context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
    if let body = exchange.body {
      let buffer = context.channel.allocator.buffer(bytes: body)
      context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): received(head, context: context)
    case .body(let buffer): received(buffer)
    case .end: receivedEnd(context: context)
    }
  }

  private func received(_ head: HTTPResponseHead, context: ChannelHandlerContext) {
    guard case .awaitingHead(let exchange) = state else { return }
    // 1xx answers announce the real one.
    if head.status.code < 200 { return }
    let answer = HTTPAnswer(
      status: Int(head.status.code), headers: head.headers.map { ($0.name, $0.value) }, body: [],
      keepsAlive: head.isKeepAlive)
    if exchange.receive != nil, (200..<300).contains(answer.status) {
      state = .streaming(exchange, answer)
    } else {
      state = .collecting(exchange, answer, context.channel.allocator.buffer(capacity: 0))
    }
  }

  private func received(_ buffer: ByteBuffer) {
    switch state {
    case .collecting(let exchange, let answer, var collected):
      state = .idle  // Gives up the reference, so that the append happens in place.
      guard collected.readableBytes + buffer.readableBytes <= Self.maximumBodyBytes else {
        state = .collecting(exchange, answer, collected)
        fail(HTTPFailure.tooLarge(limitBytes: Self.maximumBodyBytes))
        return
      }
      if collected.readableBytes == 0 {
        collected = buffer
      } else {
        collected.writeImmutableBuffer(buffer)
      }
      state = .collecting(exchange, answer, collected)
    case .streaming(let exchange, _):
      do { try exchange.receive?(buffer) } catch { fail(error) }
    case .connecting, .idle, .awaitingHead, .closed: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if case .streaming(let exchange, _) = state {
      do { try exchange.receive?(nil) } catch { fail(error) }
    }
    context.fireChannelReadComplete()
  }

  private func receivedEnd(context: ChannelHandlerContext) {
    let exchange: HTTPExchange
    var answer: HTTPAnswer
    switch state {
    case .collecting(let collected, let head, let buffer):
      (exchange, answer) = (collected, head)
      answer.body = Array(buffer.readableBytesView)
    case .streaming(let streamed, let head):
      (exchange, answer) = (streamed, head)
      do { try exchange.receive?(nil) } catch {
        fail(error)
        return
      }
    case .connecting, .idle, .awaitingHead, .closed: return
    }
    timeout?.cancel()
    timeout = nil
    state = .idle
    exchange.promise.succeed(answer)
    if !answer.keepsAlive { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(HTTPFailure.lost("\(error)"))
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(HTTPFailure.lost("the server closed it"))
    context.fireChannelInactive()
  }

  /// Ends what runs with `error` and closes the connection.
  func fail(_ error: any Error) {
    let previous = state
    state = .closed
    timeout?.cancel()
    timeout = nil
    switch previous {
    case .connecting(let ready): ready.fail(error)
    case .awaitingHead(let exchange), .collecting(let exchange, _, _),
      .streaming(let exchange, _):
      exchange.promise.fail(error)
    case .idle, .closed: break
    }
    context?.close(promise: nil)
  }
}

/// One connection to the server, as every thread may hold it.
struct HTTPConnection: Sendable {
  let channel: any Channel
  private let handler: NIOLoopBound<HTTPExchangeHandler>

  /// On the channel's event loop only.
  init(channel: any Channel, handler: HTTPExchangeHandler) {
    self.channel = channel
    self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
  }

  var isActive: Bool { channel.isActive }

  func close() { channel.close(promise: nil) }

  /// Runs one exchange; cancelling the task closes the connection.
  func perform(
    head: HTTPRequestHead, body: [UInt8]?, timeout: TimeAmount,
    receive: (@Sendable (ByteBuffer?) throws -> Void)? = nil
  ) async throws -> HTTPAnswer {
    let promise = channel.eventLoop.makePromise(of: HTTPAnswer.self)
    let exchange = HTTPExchange(
      head: head, body: body, receive: receive, timeout: timeout, promise: promise)
    return try await withTaskCancellationHandler {
      channel.eventLoop.execute { handler.value.start(exchange) }
      return try await promise.futureResult.get()
    } onCancel: {
      channel.eventLoop.execute { handler.value.fail(CancellationError()) }
    }
  }
}
