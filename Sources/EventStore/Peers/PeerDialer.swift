import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Raft

/// The other side, or this one, won't have the connection.
struct PeerRefusal: Error, CustomStringConvertible {
  var description: String
}

/// Makes connections to peers: TCP, TLS, and the greeting.
struct PeerDialer: Sendable {
  /// Linux' TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged before the connection
  /// counts as broken.
  private static let userTimeout = ChannelOptions.Types.SocketOption(
    level: .tcp, name: .init(rawValue: 18))

  var eventLoop: any EventLoop
  var tls: PeerTLS
  var clusterID: UInt64
  var id: ReplicaID
  /// Called when the peer takes bytes again.
  var becameWritable: @Sendable (ReplicaID) -> Void
  /// Of the protocol; tests greet with others.
  var version = PeerFrame.protocolVersion

  /// Succeeds once the peer has bidden welcome. What it says later goes to `frames`.
  func dial(
    peer: ReplicaID, host: String, port: Int, purpose: PeerHello.Purpose,
    frames: (@Sendable (PeerFrame) -> Void)? = nil
  ) -> EventLoopFuture<any Channel> {
    let welcomed = eventLoop.makePromise(of: (any Channel).self)
    let hello = PeerHello(
      version: version, clusterID: clusterID, from: id, to: peer, purpose: purpose)
    ClientBootstrap(group: eventLoop)
      .connectTimeout(.seconds(2))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(Self.userTimeout, value: 5_000)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(
        .writeBufferWaterMark, value: .init(low: 1 << 20, high: 4 << 20)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLClientHandler(context: tls.client, serverHostname: nil))
          try pipeline.addHandler(
            PeerFrameHandler())
          try pipeline.addHandler(
            PeerClientHandler(
              hello: hello, welcomed: welcomed, frames: frames,
              becameWritable: { becameWritable(peer) }))
        }
      }
      .connect(host: host, port: port)
      .cascadeFailure(to: welcomed)
    eventLoop.scheduleTask(in: .seconds(5)) {
      welcomed.fail(PeerRefusal(description: "peer \(peer) did not answer the greeting"))
    }
    return welcomed.futureResult
  }
}

/// The dialing side of a connection.
final class PeerClientHandler: ChannelInboundHandler {
  typealias InboundIn = PeerFrame
  typealias OutboundOut = ByteBuffer

  private let hello: PeerHello
  private let welcomed: EventLoopPromise<any Channel>
  private let frames: (@Sendable (PeerFrame) -> Void)?
  private let becameWritable: @Sendable () -> Void
  private var isWelcome = false

  init(
    hello: PeerHello, welcomed: EventLoopPromise<any Channel>,
    frames: (@Sendable (PeerFrame) -> Void)?, becameWritable: @escaping @Sendable () -> Void
  ) {
    self.hello = hello
    self.welcomed = welcomed
    self.frames = frames
    self.becameWritable = becameWritable
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted = event as? TLSUserEvent {
      let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
      guard PeerTLS.certificate(certificate, names: hello.to) else {
        fail(context, "its certificate is not that of peer-\(hello.to)")
        return
      }
      var buffer = context.channel.allocator.buffer(capacity: 64)
      PeerFrame.hello(hello).encode(into: &buffer)
      context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .welcome where !isWelcome:
      isWelcome = true
      welcomed.succeed(context.channel)
    case .refusal(let reason): fail(context, "it refuses this replica: \(reason)")
    case let frame where isWelcome && frames != nil: frames?(frame)
    default: fail(context, "it answers what was not asked")
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { becameWritable() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    welcomed.fail(ChannelError.eof)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    welcomed.fail(error)
    context.close(promise: nil)
  }

  private func fail(_ context: ChannelHandlerContext, _ reason: String) {
    welcomed.fail(PeerRefusal(description: reason))
    context.close(promise: nil)
  }
}
