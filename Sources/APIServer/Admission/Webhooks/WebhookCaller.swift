import Foundation
import KubernetesAPI
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Asks webhooks over HTTPS, a connection for each question.
final class WebhookCaller: Sendable {
  /// Why there is no answer, as upstream words it.
  struct Failure: Error {
    var message: String
  }

  /// More than any answer needs that carries a patch of the largest object.
  static let maximumAnswerBytes = 8 * 1024 * 1024

  private let group: any EventLoopGroup
  /// By the authorities that they trust; making one reads all certificates anew.
  private let contexts = Mutex<[[UInt8]: NIOSSLContext]>([:])
  private static let maximumContexts = 256

  init(group: any EventLoopGroup) { self.group = group }

  /// Sends `body` and returns what comes back with status 200.
  func post(
    _ body: [UInt8], to address: WebhookAddress, trusting authorities: [UInt8], timeoutSeconds: Int
  ) async throws(Failure) -> [UInt8] {
    let context: NIOSSLContext
    do {
      context = try self.context(authorities)
    } catch {
      throw Failure(message: "unable to load root certificates: \(error)")
    }
    let loop = group.next()
    let answer = WebhookAnswer(loop: loop)
    let timeout = loop.scheduleTask(in: .seconds(Int64(timeoutSeconds))) {
      answer.fail(Failure(message: "context deadline exceeded"))
    }
    defer { timeout.cancel() }
    let isAddress = IPAddress(address.serverName) != nil
    ClientBootstrap(group: loop)
      .connectTimeout(.seconds(Int64(timeoutSeconds)))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let operations = channel.pipeline.syncOperations
          try operations.addHandler(
            NIOSSLClientHandler(
              context: context, serverHostname: isAddress ? nil : address.serverName))
          try operations.addHTTPClientHandlers()
          try operations.addHandler(WebhookAnswerHandler(answer))
        }
      }
      .connect(host: address.host, port: address.port)
      .whenComplete { result in
        switch result {
        case .failure(let error):
          answer.fail(Failure(message: Self.describe(error, dialing: address)))
        case .success(let channel):
          answer.attach(channel)
          let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: address.target,
            headers: [
              "Host": address.authority, "User-Agent": "kube-apiserver-admission",
              "Content-Type": "application/json", "Accept": "application/json, */*",
              "Content-Length": String(body.count), "Connection": "close",
            ])
          channel.write(HTTPClientRequestPart.head(head), promise: nil)
          channel.write(
            HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
          channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        }
      }
    let result: (status: HTTPResponseStatus, body: [UInt8])
    do {
      result = try await answer.future.get()
    } catch {
      let message = (error as? Failure)?.message ?? Self.describe(error, dialing: address)
      throw Failure(message: "Post \(GoFormat.quoted(address.url)): \(message)")
    }
    guard result.status == .ok else {
      let text = String(decoding: result.body.prefix(1_024), as: UTF8.self)
      throw Failure(
        message: result.status == .notFound
          ? "the server could not find the requested resource"
          : "an error on the server (\(GoFormat.quoted(text))) has prevented the request from "
            + "succeeding")
    }
    return result.body
  }

  private func context(_ authorities: [UInt8]) throws -> NIOSSLContext {
    if let known = contexts.withLock({ $0[authorities] }) { return known }
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = ["http/1.1"]
    if !authorities.isEmpty {
      configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authorities))
    }
    let context = try NIOSSLContext(configuration: configuration)
    contexts.withLock { contexts in
      if contexts.count >= Self.maximumContexts { contexts.removeAll() }
      contexts[authorities] = context
    }
    return context
  }

  /// An error of the network in the words of Go's.
  static func describe(_ error: any Error, dialing address: WebhookAddress) -> String {
    let place = "\(address.host):\(address.port)"
    switch error {
    case let failure as Failure: return failure.message
    case let failure as NIOConnectionError:
      if let cause = failure.connectionErrors.first?.error {
        return describe(cause, dialing: address)
      }
      return "dial tcp: lookup \(address.host): no such host"
    case let failure as IOError:
      return
        "dial tcp \(place): connect: \(String(cString: strerror(failure.errnoCode)).lowercased())"
    case ChannelError.connectTimeout: return "context deadline exceeded"
    case ChannelError.eof: return "EOF"
    case is NIOSSLError, is NIOSSLExtraError:
      return "tls: failed to verify certificate: \(error)"
    default:
      let text = "\(error)"
      return text.contains("CERTIFICATE_VERIFY_FAILED")
        ? "tls: failed to verify certificate: x509: certificate signed by unknown authority" : text
    }
  }
}

/// What a webhook answers, collected on its event loop.
private final class WebhookAnswer: Sendable {
  private struct State {
    var channel: (any Channel)?
    var promise: EventLoopPromise<(status: HTTPResponseStatus, body: [UInt8])>?
  }

  let future: EventLoopFuture<(status: HTTPResponseStatus, body: [UInt8])>
  private let state: Mutex<State>

  init(loop: any EventLoop) {
    let promise = loop.makePromise(of: (status: HTTPResponseStatus, body: [UInt8]).self)
    future = promise.futureResult
    state = Mutex(State(promise: promise))
  }

  /// Closed at once where it is too late for it.
  func attach(_ channel: any Channel) {
    let isOver = state.withLock { state in
      state.channel = channel
      return state.promise == nil
    }
    if isOver { channel.close(promise: nil) }
  }

  func succeed(_ status: HTTPResponseStatus, _ body: [UInt8]) {
    let (promise, channel) = end()
    promise?.succeed((status, body))
    channel?.close(promise: nil)
  }

  func fail(_ error: any Error) {
    let (promise, channel) = end()
    promise?.fail(error)
    channel?.close(promise: nil)
  }

  private func end() -> (
    EventLoopPromise<(status: HTTPResponseStatus, body: [UInt8])>?, (any Channel)?
  ) {
    state.withLock { state in
      defer { state.promise = nil }
      return (state.promise, state.channel)
    }
  }
}

private final class WebhookAnswerHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let answer: WebhookAnswer
  private var status = HTTPResponseStatus.ok
  private var body: [UInt8] = []

  init(_ answer: WebhookAnswer) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): status = head.status
    case .body(let buffer):
      guard body.count + buffer.readableBytes <= WebhookCaller.maximumAnswerBytes else {
        answer.fail(WebhookCaller.Failure(message: "the answer is too large"))
        return
      }
      body.append(contentsOf: buffer.readableBytesView)
    case .end: answer.succeed(status, body)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(ChannelError.eof)
    context.fireChannelInactive()
  }
}
