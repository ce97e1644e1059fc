import Crypto
import Foundation
import KubernetesClient
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SwiftASN1
import X509

/// Throw-away certificates: an authority, a server's for 127.0.0.1, and a client's.
struct TestCertificates: Sendable {
  let authority: [UInt8]
  let server: [UInt8]
  let serverKey: [UInt8]
  let client: [UInt8]
  let clientKey: [UInt8]

  init() throws {
    let authorityKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let authorityName = try DistinguishedName { CommonName("test authority") }
    func certificate(
      _ name: DistinguishedName, key: Certificate.PrivateKey, isAuthority: Bool
    ) throws -> Certificate {
      try Certificate(
        version: .v3, serialNumber: .init(), publicKey: key.publicKey,
        notValidBefore: Date.now - 60, notValidAfter: Date.now + 3600, issuer: authorityName,
        subject: name, signatureAlgorithm: .ecdsaWithSHA256,
        extensions: try Certificate.Extensions {
          if isAuthority {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
          } else {
            Critical(BasicConstraints.notCertificateAuthority)
            SubjectAlternativeNames([.ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1]))])
          }
        }, issuerPrivateKey: authorityKey)
    }
    func pem(_ certificate: Certificate) throws -> [UInt8] {
      Array(try certificate.serializeAsPEM().pemString.utf8)
    }
    let serverKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let clientKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
    authority = try pem(certificate(authorityName, key: authorityKey, isAuthority: true))
    server = try pem(
      certificate(DistinguishedName { CommonName("server") }, key: serverKey, isAuthority: false))
    client = try pem(
      certificate(DistinguishedName { CommonName("tester") }, key: clientKey, isAuthority: false))
    self.serverKey = Array(try serverKey.serializeAsPEM().pemString.utf8)
    self.clientKey = Array(try clientKey.serializeAsPEM().pemString.utf8)
  }
}

struct TestRequest: Sendable {
  var method: String
  var uri: String
  var headers: HTTPHeaders
  var body: String
  var connection: Int
}

enum TestAnswer: Sendable {
  case whole(Int, String)
  /// Pieces of a 200, flushed one by one; then the answer ends, or stays open.
  case pieces([String], ends: Bool)
  /// The connection is closed without an answer.
  case hangUp
}

/// A TLS server that demands a client certificate and answers by a function.
final class TestServer: Sendable {
  let port: Int
  let requests = NIOLockedValueBox<[TestRequest]>([])
  /// Yields for each connection that closes.
  let closed: AsyncStream<Int>
  private let listener: any Channel
  private let children: NIOLockedValueBox<[any Channel]>

  init(
    _ certificates: TestCertificates, port: Int = 0,
    answer: @escaping @Sendable (TestRequest) -> TestAnswer
  ) async throws {
    var tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(certificates.server).map {
        .certificate($0)
      },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: certificates.serverKey, format: .pem)))
    tls.certificateVerification = .noHostnameVerification
    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(certificates.authority))
    let context = try NIOSSLContext(configuration: tls)
    let children = NIOLockedValueBox<[any Channel]>([])
    let (closed, closing) = AsyncStream.makeStream(of: Int.self)
    let requests = requests
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        let number = children.withLockedValue { children in
          children.append(channel)
          return children.count
        }
        channel.closeFuture.whenComplete { _ in closing.yield(number) }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(
            Handler(number: number, requests: requests, answer: answer))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    guard let bound = listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
    self.port = bound
    self.children = children
    self.closed = closed
  }

  /// As a process that is killed: the port and all connections are gone at once.
  func kill() async throws {
    try await listener.close()
    for child in children.withLockedValue({ $0 }) { try? await child.close() }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    let number: Int
    let requests: NIOLockedValueBox<[TestRequest]>
    let answer: @Sendable (TestRequest) -> TestAnswer
    var head: HTTPRequestHead?
    var body = ""

    init(
      number: Int, requests: NIOLockedValueBox<[TestRequest]>,
      answer: @escaping @Sendable (TestRequest) -> TestAnswer
    ) {
      self.number = number
      self.requests = requests
      self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        self.head = head
        body = ""
      case .body(let buffer): body += String(buffer: buffer)
      case .end:
        guard let head else { return }
        let request = TestRequest(
          method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body,
          connection: number)
        requests.withLockedValue { $0.append(request) }
        send(answer(request), context: context)
      }
    }

    func send(_ answer: TestAnswer, context: ChannelHandlerContext) {
      switch answer {
      case .hangUp: context.close(promise: nil)
      case .whole(let status, let text):
        let headers: HTTPHeaders = ["Content-Length": "\(text.utf8.count)"]
        context.write(
          wrapOutboundOut(
            .head(
              HTTPResponseHead(
                version: .http1_1, status: .init(statusCode: status), headers: headers))),
          promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      case .pieces(let pieces, let ends):
        context.writeAndFlush(
          wrapOutboundOut(
            .head(
              HTTPResponseHead(
                version: .http1_1, status: .ok, headers: ["Transfer-Encoding": "chunked"]))),
          promise: nil)
        for piece in pieces {
          context.writeAndFlush(
            wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: piece)))), promise: nil)
        }
        if ends { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

extension TestServer {
  func client(
    _ certificates: TestCertificates,
    // A loaded machine may take long over a reconnection, which no test is about.
    options: HTTPSClient.Options = .init(userAgent: "tester/1", retryBudgetMilliseconds: 60_000)
  ) throws -> HTTPSClient {
    try HTTPSClient(
      configuration: KubeConfiguration(
        server: "https://127.0.0.1:\(port)", certificateAuthority: certificates.authority,
        clientCertificate: certificates.client, clientKey: certificates.clientKey, token: "secret"),
      options: options)
  }
}
