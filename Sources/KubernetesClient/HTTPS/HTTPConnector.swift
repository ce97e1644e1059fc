import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Opens connections to one server.
struct HTTPConnector: Sendable {
  let host: String
  let port: Int
  let tls: NIOSSLContext?
  let tlsServerName: String?
  let group: any EventLoopGroup

  /// A living server of the neighbourhood answers a SYN at once.
  static let connectTimeout = TimeAmount.seconds(3)

  init(configuration: KubeConfiguration, group: any EventLoopGroup) throws {
    host = configuration.host
    port = configuration.port
    self.group = group
    guard configuration.usesTLS else {
      tls = nil
      tlsServerName = nil
      return
    }
    var settings = TLSConfiguration.makeClientConfiguration()
    settings.applicationProtocols = ["http/1.1"]
    settings.minimumTLSVersion = .tlsv12
    // A server that is busy streaming does not answer a close; nobody should wait for it.
    settings.shutdownTimeout = .milliseconds(100)
    do {
      if let authority = configuration.certificateAuthority {
        settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
      }
      if let certificate = configuration.clientCertificate {
        settings.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate)
          .map { .certificate($0) }
      }
      if let key = configuration.clientKey {
        settings.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
      }
      if configuration.skipsVerification { settings.certificateVerification = .none }
      tls = try NIOSSLContext(configuration: settings)
    } catch {
      throw KubeConfigurationError(
        "the certificates for \(configuration.server) cannot be used: \(error)")
    }
    // Without a name the certificate is verified against the address that was connected to.
    let name = configuration.tlsServerName ?? host
    let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
    tlsServerName = isAddress ? nil : name
  }

  /// Returns when the connection stands, TLS included. Failures are `HTTPFailure.neverSent`.
  func connect() async throws -> HTTPConnection {
    let usesTLS = tls != nil
    let loop = group.next()
    let ready = loop.makePromise(of: Void.self)
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(Self.connectTimeout)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls {
            try pipeline.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: tlsServerName))
          }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(HTTPExchangeHandler(ready: ready, usesTLS: usesTLS))
        }
      }
    do {
      return try await bootstrap.connect(host: host, port: port).flatMapThrowing { channel in
        HTTPConnection(
          channel: channel,
          handler: try channel.pipeline.syncOperations.handler(type: HTTPExchangeHandler.self))
      }.flatMap { connection in
        let limit = connection.channel.eventLoop.scheduleTask(in: Self.connectTimeout) {
          connection.close()
        }
        return ready.futureResult.map { connection }.always { _ in limit.cancel() }
      }.flatMapErrorThrowing { error in
        ready.fail(error)
        throw error
      }.get()
    } catch {
      throw HTTPFailure.neverSent("\(host):\(port): \(error)")
    }
  }
}
