import ClusterConfiguration
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks one API server over and over whether it is ready: `GET /readyz` over TLS, on a connection
/// that is kept while it works. At most one question is under way.
final class HealthCheck: Sendable {
  /// For connection, handshake and answer together, unless told otherwise.
  static let timeoutMilliseconds: Int64 = 500
  /// From one check's end to the next one's beginning, with jitter, so that a server that falls
  /// silent is known within a second.
  static let pauseMilliseconds: ClosedRange<Int> = 300...500
  /// A readiness answer is a few lines.
  static let maximumAnswerBytes = 64 << 10

  private let address: HostPort
  private let eventLoop: any EventLoop
  private let tls: NIOSSLContext
  private let timeoutMilliseconds: Int64
  /// Touched on `eventLoop` only.
  private let channel: NIOLoopBoundBox<(any Channel)?>

  /// The server's certificate is not verified: nothing secret is sent, and the clients whose
  /// connections are relayed verify it themselves.
  static func makeTLS() throws -> NIOSSLContext {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    tls.applicationProtocols = ["http/1.1"]
    return try NIOSSLContext(configuration: tls)
  }

  init(
    address: HostPort, eventLoop: any EventLoop, tls: NIOSSLContext,
    timeoutMilliseconds: Int64 = HealthCheck.timeoutMilliseconds
  ) {
    self.timeoutMilliseconds = timeoutMilliseconds
    self.address = address
    self.eventLoop = eventLoop
    self.tls = tls
    channel = NIOLoopBoundBox.makeBoxSendingValue(nil, eventLoop: eventLoop)
  }

  /// Checks until the task is cancelled.
  func run(report: @Sendable (BackendTable.CheckResult) -> Void) async {
    while !Task.isCancelled {
      report(await check())
      try? await Task.sleep(for: .milliseconds(Int.random(in: Self.pauseMilliseconds)))
    }
    eventLoop.execute { self.drop() }
  }

  /// One question; always answered within the timeout.
  func check() async -> BackendTable.CheckResult {
    let promise = eventLoop.makePromise(of: BackendTable.CheckResult.self)
    eventLoop.execute { self.begin(ProbeAnswer(promise)) }
    return (try? await promise.futureResult.get()) ?? .silent
  }

  private func drop() {
    channel.value?.close(promise: nil)
    channel.value = nil
  }

  private func begin(_ answer: ProbeAnswer) {
    let bound = NIOLoopBound(answer, eventLoop: eventLoop)
    let deadline = eventLoop.scheduleTask(in: .milliseconds(timeoutMilliseconds)) {
      if bound.value.give(.silent) { self.drop() }
    }
    answer.whenGiven { deadline.cancel() }
    if let open = channel.value, open.isActive {
      ask(open, answer)
      return
    }
    ClientBootstrap(group: eventLoop)
      .connectTimeout(.milliseconds(timeoutMilliseconds))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { [tls] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(ProbeHandler())
        }
      }
      .connect(host: address.host, port: address.port)
      .whenComplete { [self] result in
        let answer = bound.value
        switch result {
        case .success(let open):
          // A check that has timed out leaves nothing behind.
          guard !answer.isGiven else { return open.close(promise: nil) }
          channel.value = open
          ask(open, answer)
        case .failure(let error):
          answer.give(error is ChannelError ? .silent : .refused)
        }
      }
  }

  private func ask(_ channel: any Channel, _ answer: ProbeAnswer) {
    do {
      let handler = try channel.pipeline.syncOperations.handler(type: ProbeHandler.self)
      handler.ask(host: "\(address)", answer)
    } catch {
      answer.give(.refused)
    }
  }
}

/// What becomes of one question: given once, whoever comes first. Used on one event loop.
private final class ProbeAnswer {
  private let promise: EventLoopPromise<BackendTable.CheckResult>
  private(set) var isGiven = false
  private var action: (() -> Void)?

  init(_ promise: EventLoopPromise<BackendTable.CheckResult>) { self.promise = promise }

  func whenGiven(_ action: @escaping () -> Void) { self.action = action }

  /// Whether this was the first.
  @discardableResult
  func give(_ result: BackendTable.CheckResult) -> Bool {
    guard !isGiven else { return false }
    isGiven = true
    action?()
    action = nil
    promise.succeed(result)
    return true
  }
}

/// Asks and reads the answers of one connection.
private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private var context: ChannelHandlerContext?
  private var answer: ProbeAnswer?
  private var status: HTTPResponseStatus?
  private var receivedBytes = 0

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func ask(host: String, _ answer: ProbeAnswer) {
    guard let context, self.answer == nil else {
      answer.give(.refused)
      return
    }
    self.answer = answer
    status = nil
    receivedBytes = 0
    let headers: HTTPHeaders = ["Host": host, "User-Agent": "taffrail-endpoint"]
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/readyz", headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): status = head.status
    case .body(let part):
      receivedBytes += part.readableBytes
      if receivedBytes > HealthCheck.maximumAnswerBytes { end(context, .notReady) }
    case .end:
      answer?.give(status == .ok ? .ready : .notReady)
      answer = nil
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer?.give(.refused)
    answer = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Somebody answers, but not as an API server does.
    end(context, error is IOError ? .refused : .notReady)
  }

  private func end(_ context: ChannelHandlerContext, _ result: BackendTable.CheckResult) {
    answer?.give(result)
    answer = nil
    context.close(promise: nil)
  }
}
