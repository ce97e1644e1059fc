import Foundation
import KubernetesAPI
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The node's HTTPS server, which API servers ask for the output of containers.
///
/// Clients must show a certificate of the cluster's authority for API servers; there is no other
/// way in.
public final class KubeletServer: Sendable {
  public struct Configuration: Sendable {
    public var host: String
    /// 0: any free port, see `boundPort`.
    public var port: Int
    public var certificatePath: String
    public var keyPath: String
    public var clientAuthorityPath: String

    public init(
      host: String, port: Int, certificatePath: String, keyPath: String,
      clientAuthorityPath: String
    ) {
      self.host = host
      self.port = port
      self.certificatePath = certificatePath
      self.keyPath = keyPath
      self.clientAuthorityPath = clientAuthorityPath
    }
  }

  /// What the server answers from.
  public struct Sources: Sendable {
    /// nil: no such container, or it has put out nothing yet.
    public var log:
      @Sendable (_ namespace: String, _ pod: String, _ container: String, _ previous: Bool) async
        -> LogLocation?
    /// The pods of the node, as the agent knows them, as a JSON PodList.
    public var pods: @Sendable () async -> [UInt8]

    public init(
      log:
        @escaping @Sendable (String, String, String, Bool) async -> LogLocation?,
      pods: @escaping @Sendable () async -> [UInt8]
    ) {
      self.log = log
      self.pods = pods
    }
  }

  private let channel: any Channel

  private init(channel: any Channel) { self.channel = channel }

  public var boundPort: Int { channel.localAddress?.port ?? 0 }

  /// - Throws: where the files can't be read or the port is taken.
  public static func start(_ configuration: Configuration, sources: Sources) async throws
    -> KubeletServer
  {
    var tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(configuration.certificatePath).map {
        .certificate($0)
      },
      privateKey: .privateKey(
        try NIOSSLPrivateKey(file: configuration.keyPath, format: .pem)))
    tls.trustRoots = .file(configuration.clientAuthorityPath)
    tls.certificateVerification = .noHostnameVerification
    let context = try NIOSSLContext(configuration: tls)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLServerHandler(context: context))
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(KubeletRequestHandler(sources: sources))
        }
      }
      .bind(host: configuration.host, port: configuration.port).get()
    return KubeletServer(channel: channel)
  }

  public func shutDown() async { try? await channel.close() }
}

/// One connection: reads a request, answers it from a task, and closes after it.
private final class KubeletRequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let sources: KubeletServer.Sources
  private var head: HTTPRequestHead?
  private var task: Task<Void, Never>?

  init(sources: KubeletServer.Sources) { self.sources = sources }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head, task == nil else { return context.close(promise: nil) }
      let responder = KubeletResponder(channel: context.channel)
      let sources = sources
      task = Task { await KubeletRoutes(sources: sources, responder: responder).answer(head) }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    task?.cancel()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}

/// Writes one answer to a connection; each write returns when it was flushed.
struct KubeletResponder: Sendable {
  var channel: any Channel

  func begin(_ status: HTTPResponseStatus, contentType: String) async throws {
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: contentType)
    headers.add(name: "Connection", value: "close")
    headers.add(name: "Transfer-Encoding", value: "chunked")
    let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    try await channel.writeAndFlush(HTTPServerResponsePart.head(head)).get()
  }

  func write(_ bytes: [UInt8]) async throws {
    let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
    try await channel.writeAndFlush(part).get()
  }

  func end() async {
    try? await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    try? await channel.close().get()
  }

  func answer(
    _ status: HTTPResponseStatus, _ text: String, contentType: String = "text/plain"
  ) async {
    do {
      try await begin(status, contentType: contentType)
      try await write(Array(text.utf8))
    } catch {}
    await end()
  }
}

/// Which path is answered how.
struct KubeletRoutes: Sendable {
  var sources: KubeletServer.Sources
  var responder: KubeletResponder

  func answer(_ head: HTTPRequestHead) async {
    let url = URLComponents(string: head.uri)
    let parts = (url?.path ?? "").split(separator: "/").map(String.init)
    let parameters = Dictionary(
      (url?.queryItems ?? []).map { ($0.name, $0.value ?? "") },
      uniquingKeysWith: { first, _ in first })
    switch parts.first {
    case "healthz": await responder.answer(.ok, "ok")
    case "pods":
      let pods = await sources.pods()
      await responder.answer(
        .ok, String(decoding: pods, as: UTF8.self), contentType: "application/json")
    case "containerLogs":
      guard parts.count == 4 else {
        return await responder.answer(
          .badRequest, "the path is /containerLogs/NAMESPACE/POD/CONTAINER\n")
      }
      guard head.method == .GET else {
        return await responder.answer(.methodNotAllowed, "logs can only be read\n")
      }
      await answerLog(
        namespace: parts[1], pod: parts[2], container: parts[3], parameters: parameters)
    case "exec", "attach", "portForward", "run":
      await responder.answer(
        .notImplemented, "\(parts[0]) is not available on this node agent yet\n")
    default: await responder.answer(.notFound, "404 page not found\n")
    }
  }

  private func answerLog(
    namespace: String, pod: String, container: String, parameters: [String: String]
  ) async {
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
    let query: LogQuery
    do {
      query = try LogQuery(parameters: parameters, now: now)
    } catch {
      return await responder.answer(.badRequest, error.message + "\n")
    }
    guard let location = await sources.log(namespace, pod, container, query.previous) else {
      let which = query.previous ? "previous terminated container" : "container"
      return await responder.answer(
        .badRequest,
        "\(which) \"\(container)\" in pod \"\(pod)\" has no output on this node\n")
    }
    do {
      try await responder.begin(.ok, contentType: "text/plain")
      try await LogStreamer(query: query, location: location, write: responder.write).run()
    } catch {}
    await responder.end()
  }
}
