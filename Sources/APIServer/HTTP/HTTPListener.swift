import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// Listens for TLS connections that speak HTTP/2 or HTTP/1.1, as ALPN decides.
final class HTTPListener: Sendable {
  private let channels: [any Channel]

  private let connections: OpenConnections

  private init(channels: [any Channel], connections: OpenConnections) {
    self.channels = channels
    self.connections = connections
  }

  var boundAddresses: [SocketAddress] { channels.compactMap(\.localAddress) }

  static func start(
    addresses: [(host: String, port: Int)], tls: NIOSSLContext, verifier: ClientCertificates,
    group: any EventLoopGroup, limits: HTTPLimits,
    responder: @escaping RequestResponder
  ) async throws -> HTTPListener {
    let connections = OpenConnections(
      maximum: limits.maximumConnections, executors: LoopExecutors(group))
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // Next to nothing waits here, but in the system's buffer of the socket: of a thousand clients that
      // list at once each has one piece in memory, not three.
      .childChannelOption(.writeBufferWaterMark, value: .init(low: 1024, high: 4 * 1024))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard connections.add(channel) else { throw ChannelError.ioOnClosedChannel }
          try configure(
            channel, connections: connections, tls: tls, verifier: verifier, limits: limits,
            responder: responder)
        }
      }
    var channels: [any Channel] = []
    do {
      for (host, port) in addresses {
        channels.append(try await bootstrap.bind(host: host, port: port).get())
      }
    } catch {
      for channel in channels { try? await channel.close() }
      throw error
    }
    return HTTPListener(channels: channels, connections: connections)
  }

  private static func configure(
    _ channel: any Channel, connections: OpenConnections, tls: NIOSSLContext,
    verifier: ClientCertificates,
    limits: HTTPLimits, responder: @escaping RequestResponder
  ) throws {
    let peer = channel.eventLoop.makePromise(of: PeerIdentity.self)
    let handler = NIOSSLServerHandler(
      context: tls,
      customVerificationCallback: { chain, promise in
        // Any certificate gets through the handshake, so that a wrong one can be answered with
        // a readable 401; `peer` holds what it is worth.
        verifier.verify(chain, into: peer)
        promise.succeed(.certificateVerified)
      })
    let operations = channel.pipeline.syncOperations
    try operations.addHandler(handler)
    try operations.addHandler(HandshakeDeadline(seconds: limits.handshakeSeconds))
    let identity = peer.futureResult
    channel.closeFuture.whenComplete { _ in peer.succeed(.none) }
    // Without a certificate the callback above never runs.
    let settle: @Sendable (any Channel) throws -> Void = { channel in
      let operations = channel.pipeline.syncOperations
      if try operations.handler(type: NIOSSLServerHandler.self).peerCertificate == nil {
        peer.succeed(.none)
      }
      try operations.handler(type: HandshakeDeadline.self).done()
    }
    channel.configureHTTP2SecureUpgrade(
      h2ChannelConfigurator: { channel in
        channel.eventLoop.makeCompletedFuture {
          try settle(channel)
          try configureHTTP2(
            channel, connections: connections, peer: identity, limits: limits,
            responder: responder)
        }
      },
      http1ChannelConfigurator: { channel in
        channel.eventLoop.makeCompletedFuture {
          try settle(channel)
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: false)
          try channel.pipeline.syncOperations.addHandler(
            HTTPProtocolErrorHandler(maximumHeaderBytes: limits.maximumHeaderBytes))
          try channel.pipeline.syncOperations.addHandler(
            HTTPRequestHandler(
              responder: responder, peer: identity, isHTTP2: false, limits: limits,
              connections: connections))
        }
      }
    ).whenFailure { _ in channel.close(promise: nil) }
  }

  private static func configureHTTP2(
    _ channel: any Channel, connections: OpenConnections, peer: EventLoopFuture<PeerIdentity>,
    limits: HTTPLimits, responder: @escaping RequestResponder
  ) throws {
    // client-go multiplexes every informer over one connection and cancels watches freely: the
    // library's defaults (100 streams, 64 KiB windows, 200 resets in 30 s) are for browsers.
    let window = 1024 * 1024
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.maximumStreams),
      // Far more than is taken: what exceeds this ends the connection, what exceeds only
      // `maximumHeaderBytes` is answered.
      HTTP2Setting(parameter: .maxHeaderListSize, value: 1024 * 1024),
      HTTP2Setting(parameter: .initialWindowSize, value: window),
    ]
    connection.targetWindowSize = window
    connection.controlFrameRateLimit.maximumCount = limits.controlFrames.maximum
    connection.controlFrameRateLimit.windowLength = .seconds(limits.controlFrames.seconds)
    connection.maximumBufferedControlFrames = limits.maximumBufferedControlFrames
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = window
    // What is made of a list ahead of the client: a few pieces.
    stream.outboundBufferSizeHighWatermark = 256 * 1024
    stream.outboundBufferSizeLowWatermark = 128 * 1024
    stream.streamResetFrameRateLimit.maximumCount = limits.streamResets.maximum
    stream.streamResetFrameRateLimit.windowLength = .seconds(limits.streamResets.seconds)
    stream.streamErrorRateLimit.maximumCount = limits.streamErrors.maximum
    stream.streamErrorRateLimit.windowLength = .seconds(limits.streamErrors.seconds)
    let management = NIOHTTP2ServerConnectionManagementHandler(
      eventLoop: channel.eventLoop,
      configuration: .init(
        maxIdleTime: .seconds(limits.idleSeconds), maxAge: nil, maxGraceTime: .seconds(60),
        // Finds out that a client is gone whose machine or network has failed without a word.
        keepalive: .init(
          pingInterval: .seconds(limits.pingSeconds), ackTimeout: .seconds(limits.pingSeconds))))
    try channel.pipeline.syncOperations.addHandler(
      NIOHTTP2Handler(
        mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: connection,
        streamConfiguration: stream, streamDelegate: management.http2StreamDelegate
      ) { stream in
        stream.eventLoop.makeCompletedFuture {
          try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
          try stream.pipeline.syncOperations.addHandler(
            HTTPRequestHandler(
              responder: responder, peer: peer, isHTTP2: true, limits: limits,
              connections: connections))
        }
      })
    try channel.pipeline.syncOperations.addHandler(management)
    try channel.pipeline.syncOperations.addHandler(ConnectionErrorHandler())
  }

  /// Returns once nothing is open and nobody works on an answer any more.
  func stop() async {
    for channel in channels { try? await channel.close() }
    await connections.stop()
  }
}

/// Closes a connection whose TLS handshake does not come to an end.
private final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any

  private let seconds: Int64
  private var timer: Scheduled<Void>?

  init(seconds: Int64) { self.seconds = seconds }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: .seconds(seconds)) { channel.close(promise: nil) }
  }

  func done() { timer?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Garbage instead of a handshake, or a client that gave up.
    timer?.cancel()
    context.close(promise: nil)
  }
}

/// Closes an HTTP/2 connection that broke the protocol.
private final class ConnectionErrorHandler: ChannelInboundHandler {
  typealias InboundIn = Any

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is NIOHTTP2Errors.StreamClosed || error is NIOHTTP2Errors.NoSuchStream { return }
    context.close(promise: nil)
  }
}
