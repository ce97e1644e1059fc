import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// Files of a client certificate.
struct ClientCredential: Sendable {
  var certificate: String
  var key: String
}

/// A connection that sends bytes as they are, over TLS or not, and keeps what comes back.
final class RawConnection: Sendable {
  enum Security: Sendable {
    case none
    /// The other's certificate is not verified.
    case tls(ClientCredential?)
  }

  private struct State {
    var received: [UInt8] = []
    var failure: (any Error)?
  }

  private let channel: any Channel
  private let state = NIOLockedValueBox(State())

  init(port: Int, _ security: Security, protocols: [String] = []) async throws {
    let state = state
    var context: NIOSSLContext?
    if case .tls(let credential) = security {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.certificateVerification = .none
      tls.applicationProtocols = protocols
      if let credential {
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(credential.certificate).map {
          .certificate($0)
        }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: credential.key, format: .pem))
      }
      context = try NIOSSLContext(configuration: tls)
    }
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { [context] channel in
        channel.eventLoop.makeCompletedFuture {
          if let context {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: context, serverHostname: nil))
          }
          try channel.pipeline.syncOperations.addHandler(Keeper(state))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }

  /// Sends without waiting: the other may well close before all is read.
  func send(_ bytes: [UInt8]) {
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  func close() { channel.close(promise: nil) }

  /// Waits until the other side has closed, and returns what it had sent.
  func untilClosed() async throws -> [UInt8] {
    let limit = channel.eventLoop.scheduleTask(in: .seconds(60)) { [channel, state] in
      state.withLockedValue { $0.failure = StillOpen() }
      channel.close(promise: nil)
    }
    try await channel.closeFuture.get()
    limit.cancel()
    return try state.withLockedValue { state in
      if let failure = state.failure as? StillOpen { throw failure }
      return state.received
    }
  }

  struct StillOpen: Error, CustomStringConvertible {
    let description = "the server has kept the connection open"
  }

  private final class Keeper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let state: NIOLockedValueBox<State>
    init(_ state: NIOLockedValueBox<State>) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = unwrapInboundIn(data).readableBytesView
      state.withLockedValue { $0.received.append(contentsOf: bytes) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      state.withLockedValue { $0.failure = error }
      context.close(promise: nil)
    }
  }
}
