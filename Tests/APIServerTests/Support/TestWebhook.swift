import Foundation
import JSONDocument
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A webhook: an HTTPS server that answers as a test wants it.
final class TestWebhook: Sendable {
  /// From a review's request to its response; the uid is added. `nil` never answers.
  typealias Answer = @Sendable (JSONValue) -> JSONValue?

  private let channel: any Channel
  private let answer: Answer
  private let seen = Mutex<[JSONValue]>([])

  var port: Int { channel.localAddress?.port ?? 0 }
  /// The requests of the reviews so far.
  var requests: [JSONValue] { seen.withLock { $0 } }

  /// Runs `body` with a webhook that has the server's own certificate.
  static func run(
    on server: TestServer, _ answer: @escaping Answer, body: (TestWebhook) async throws -> Void
  ) async throws {
    let configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(server.keys.api.certificate).map {
        .certificate($0)
      }, privateKey: .privateKey(try NIOSSLPrivateKey(file: server.keys.api.key, format: .pem)))
    let context = try NIOSSLContext(configuration: configuration)
    let relay = Relay()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let operations = channel.pipeline.syncOperations
          try operations.addHandler(NIOSSLServerHandler(context: context))
          try operations.configureHTTPServerPipeline()
          try operations.addHandler(Handler(relay))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let webhook = TestWebhook(channel: channel, answer: answer)
    relay.webhook.withLock { $0 = webhook }
    do {
      try await body(webhook)
    } catch {
      try? await channel.close()
      throw error
    }
    try await channel.close()
  }

  private init(channel: any Channel, answer: @escaping Answer) {
    self.channel = channel
    self.answer = answer
  }

  private func response(_ body: [UInt8]) -> JSONValue? {
    guard let review = try? JSONValue(parsing: body), let request = review["request"] else {
      return nil
    }
    seen.withLock { $0.append(request) }
    guard var response = answer(request) else { return nil }
    if response["uid"] == nil { response["uid"] = request["uid"] }
    return [
      "kind": "AdmissionReview", "apiVersion": review["apiVersion"] ?? "", "response": response,
    ]
  }

  private final class Relay: Sendable {
    let webhook = Mutex<TestWebhook?>(nil)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let relay: Relay
    private var body: [UInt8] = []

    init(_ relay: Relay) { self.relay = relay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head: break
      case .body(let buffer): body.append(contentsOf: buffer.readableBytesView)
      case .end:
        guard let webhook = relay.webhook.withLock({ $0 }),
          let answer = webhook.response(body)?.serialized()
        else { return }
        let head = HTTPResponseHead(
          version: .http1_1, status: .ok,
          headers: [
            "Content-Type": "application/json", "Content-Length": String(answer.count),
          ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(
          wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
