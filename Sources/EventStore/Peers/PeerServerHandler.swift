import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Raft

/// The accepting side of a connection: knows who speaks before it listens.
///
/// Used on its channel's event loop only.
final class PeerServerHandler: ChannelInboundHandler {
  typealias InboundIn = PeerFrame
  typealias OutboundOut = ByteBuffer

  private enum State {
    case awaitingHello(Scheduled<Void>?)
    case messages(from: ReplicaID)
    case snapshot(any SnapshotStream)
    case closed
  }

  private let transport: PeerTransport
  private let logger: Logger
  private var state = State.awaitingHello(nil)

  init(transport: PeerTransport, logger: Logger) {
    self.transport = transport
    self.logger = logger
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    state = .awaitingHello(
      context.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) })
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch (state, frame) {
    case (.awaitingHello(let timeout), .hello(let hello)):
      timeout?.cancel()
      greet(context, hello)
    case (.messages(let peer), .messages(let messages)): transport.received(messages, from: peer)
    case (.snapshot(let stream), .snapshotHeader), (.snapshot(let stream), .snapshotBlock),
      (.snapshot(let stream), .snapshotEnd), (.snapshot(let stream), .snapshotStart):
      stream.receive(frame)
    case (.closed, _): break
    default:
      logger.warning(
        "a connection is closed: the peer sends what does not belong here",
        metadata: ["address": "\(context.remoteAddress?.description ?? "?")"])
      close(context)
    }
  }

  private func greet(_ context: ChannelHandlerContext, _ hello: PeerHello) {
    let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
    if let reason = transport.refusal(of: hello, certificate: certificate) {
      logger.warning(
        "a connection is refused",
        metadata: [
          "reason": "\(reason)", "address": "\(context.remoteAddress?.description ?? "?")",
        ])
      write(context, .refusal(reason))
      close(context)
      return
    }
    switch hello.purpose {
    case .messages:
      write(context, .welcome)
      state = .messages(from: hello.from)
      transport.accepted(context.channel, from: hello.from)
    case .snapshot:
      guard let stream = transport.snapshotStream(from: hello.from, channel: context.channel)
      else {
        write(context, .refusal("it is receiving another state at the moment"))
        return close(context)
      }
      write(context, .welcome)
      state = .snapshot(stream)
    }
  }

  private func write(_ context: ChannelHandlerContext, _ frame: PeerFrame) {
    var buffer = context.channel.allocator.buffer(capacity: 256)
    frame.encode(into: &buffer)
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
  }

  private func close(_ context: ChannelHandlerContext) {
    if case .snapshot(let stream) = state { stream.interrupted() }
    state = .closed
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch state {
    case .messages(let peer): transport.lostInbound(context.channel, from: peer)
    case .snapshot(let stream): stream.interrupted()
    case .awaitingHello(let timeout): timeout?.cancel()
    case .closed: break
    }
    state = .closed
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A peer that dies is no surprise; one that sends garbage, or has no certificate, is.
    if error is IOError || error as? NIOSSLError == .uncleanShutdown {
      logger.debug("a connection broke", metadata: ["error": "\(error)"])
    } else {
      var metadata: Logger.Metadata = [
        "error": "\(error)", "address": "\(context.remoteAddress?.description ?? "?")",
      ]
      if case .handshakeFailed? = error as? NIOSSLError {
        metadata["reason"] = """
          it does not speak TLS, or shows no certificate that this cluster's peer authority has \
          signed; only replicas belong here
          """
      }
      logger.warning("a connection to the peer port is closed", metadata: metadata)
    }
    context.close(promise: nil)
  }
}

/// Receives the frames of one streamed state, on the event loop.
protocol SnapshotStream: AnyObject {
  func receive(_ frame: PeerFrame)
  /// The connection is gone.
  func interrupted()
}
