import Foundation
import KubernetesAPI
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Fetches from a node's kubelet over TLS, with this server's client certificate, and passes on
/// what comes as it comes.
struct KubeletConnection: Sendable {
  private let tls: NIOSSLContext?
  private let group: MultiThreadedEventLoopGroup

  init(_ configuration: APIServerConfiguration, group: MultiThreadedEventLoopGroup) throws {
    self.group = group
    guard !configuration.kubeletClientCertificatePath.isEmpty else {
      tls = nil
      return
    }
    do {
      var client = TLSConfiguration.makeClientConfiguration()
      client.certificateChain = try NIOSSLCertificate.fromPEMFile(
        configuration.kubeletClientCertificatePath
      ).map { .certificate($0) }
      client.privateKey = .privateKey(
        try NIOSSLPrivateKey(file: configuration.kubeletClientKeyPath, format: .pem))
      // The node is reached by its address; that the CA vouches for it is what counts.
      client.certificateVerification = .noHostnameVerification
      if !configuration.kubeletCAPath.isEmpty {
        client.trustRoots = .file(configuration.kubeletCAPath)
      }
      tls = try NIOSSLContext(configuration: client)
    } catch {
      throw APIServerError.configuration(
        "the client certificate for kubelets \(configuration.kubeletClientCertificatePath) "
          + "can't be read: \(error)")
    }
  }

  /// Asks for `path` and returns once the answer's head is there.
  func fetch(host: String, port: Int, path: String) async throws(APIStatus) -> KubeletResponse {
    guard let tls else {
      throw .internalError("this server has no client certificate for kubelets")
    }
    let response = KubeletResponse(loop: group.next())
    do {
      let channel = try await ClientBootstrap(group: response.loop)
        .connectTimeout(.seconds(10))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let operations = channel.pipeline.syncOperations
            try operations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
            try operations.addHTTPClientHandlers()
            try operations.addHandler(KubeletResponseHandler(response))
          }
        }
        .connect(host: host, port: port).get()
      response.attach(channel)
      let head = HTTPRequestHead(
        version: .http1_1, method: .GET, uri: path,
        headers: ["Host": "\(host):\(port)", "User-Agent": "taffrail-apiserver"])
      channel.write(HTTPClientRequestPart.head(head), promise: nil)
      channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
      try await response.waitForHead()
      return response
    } catch {
      response.cancel()
      throw .internalError("the kubelet at \(host):\(port) can't be reached: \(error)")
    }
  }
}

/// The answer of a kubelet, read on its event loop and handed on piece by piece.
final class KubeletResponse: Sendable {
  private struct State {
    var channel: (any Channel)?
    var status: HTTPResponseStatus?
    var waiter: EventLoopPromise<Void>
    var buffered: [ByteBuffer] = []
    var bufferedBytes = 0
    var isComplete = false
    var sink: ResponseStream?
  }

  let loop: any EventLoop
  private let state: Mutex<State>

  init(loop: any EventLoop) {
    self.loop = loop
    state = Mutex(State(waiter: loop.makePromise()))
  }

  var status: HTTPResponseStatus { state.withLock { $0.status ?? .badGateway } }

  func attach(_ channel: any Channel) { state.withLock { $0.channel = channel } }

  func waitForHead() async throws {
    try await state.withLock { $0.waiter.futureResult }.get()
  }

  func received(head: HTTPResponseHead) {
    let waiter = state.withLock { state in
      state.status = head.status
      return state.waiter
    }
    waiter.succeed()
  }

  func received(_ buffer: ByteBuffer) {
    let sink: ResponseStream? = state.withLock { state in
      if let sink = state.sink { return sink }
      // Only the little that comes before the answer begins to be passed on.
      if state.bufferedBytes < 16 * 1024 * 1024 {
        state.buffered.append(buffer)
        state.bufferedBytes += buffer.readableBytes
      }
      return nil
    }
    sink?.write(buffer)
  }

  func completed(error: (any Error)?) {
    let (waiter, sink) = state.withLock { state in
      state.isComplete = true
      return (state.waiter, state.sink)
    }
    waiter.fail(error ?? ChannelError.eof)
    sink?.finish()
  }

  /// Passes everything on to `stream`, from the first byte.
  func forward(to stream: ResponseStream) {
    let (buffered, isComplete) = state.withLock { state in
      state.sink = stream
      let buffered = state.buffered
      state.buffered = []
      return (buffered, state.isComplete)
    }
    for buffer in buffered { stream.write(buffer) }
    if isComplete { stream.finish() }
    stream.onClose { self.cancel() }
  }

  /// What came so far, as text; for messages of failures.
  var text: String {
    state.withLock { $0.buffered.map { String(buffer: $0) }.joined() }
  }

  func cancel() { state.withLock { $0.channel }?.close(promise: nil) }
}

private final class KubeletResponseHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let response: KubeletResponse
  init(_ response: KubeletResponse) { self.response = response }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): response.received(head: head)
    case .body(let buffer): response.received(buffer)
    case .end:
      response.completed(error: nil)
      context.close(promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    response.completed(error: error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    response.completed(error: nil)
    context.fireChannelInactive()
  }
}
