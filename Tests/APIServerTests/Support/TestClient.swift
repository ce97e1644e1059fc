import Foundation
import JSONDocument
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a server answered.
struct TestResponse: Sendable {
  var status: Int
  var headers: HTTPHeaders
  var body: [UInt8]

  var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
  var text: String { String(decoding: body, as: UTF8.self) }
  var message: String { json["message"]?.stringValue ?? text }
  var reason: String { json["reason"]?.stringValue ?? "" }
}

/// A client over HTTP/1.1 and TLS, a connection for each request.
struct TestClient: Sendable {
  var port: Int
  var authority: String
  var certificate: String?
  var key: String?
  var headers: [(String, String)] = []

  init(port: Int, authority: String, certificate: String? = nil, key: String? = nil) {
    self.port = port
    self.authority = authority
    self.certificate = certificate
    self.key = key
  }

  func with(_ name: String, _ value: String) -> TestClient {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }

  func send(
    _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil,
    contentType: String = "application/json"
  ) async throws -> TestResponse {
    try await send(
      method, path, bytes: body?.serialized() ?? [], contentType: body == nil ? nil : contentType)
  }

  func send(
    _ method: HTTPMethod, _ path: String, bytes: [UInt8], contentType: String? = nil
  ) async throws -> TestResponse {
    let stream = try await open(method, path, bytes: bytes, contentType: contentType)
    defer { stream.close() }
    let head = try await stream.head()
    var body: [UInt8] = []
    while let chunk = try await stream.next() { body += chunk }
    return TestResponse(status: Int(head.status.code), headers: head.headers, body: body)
  }

  func get(_ path: String) async throws -> TestResponse { try await send(.GET, path) }

  /// Opens a request whose answer comes piece by piece.
  func open(
    _ method: HTTPMethod, _ path: String, bytes: [UInt8] = [], contentType: String? = nil
  ) async throws -> TestStream {
    let stream = TestStream()
    let channel = try await bootstrap { channel in
      try channel.pipeline.syncOperations.addHTTPClientHandlers()
      try channel.pipeline.syncOperations.addHandler(stream.makeHandler())
    }
    stream.attach(channel)
    var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
    head.headers.add(name: "Host", value: "127.0.0.1:\(port)")
    head.headers.add(name: "User-Agent", value: "taffrail-test/1")
    head.headers.add(name: "Content-Length", value: String(bytes.count))
    if let contentType { head.headers.add(name: "Content-Type", value: contentType) }
    for (name, value) in headers { head.headers.add(name: name, value: value) }
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if !bytes.isEmpty {
      channel.write(
        HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    return stream
  }

  /// Sends bytes as they are over TLS and returns what comes back until the server closes.
  func exchange(raw bytes: [UInt8]) async throws -> [UInt8] {
    let stream = TestStream()
    let channel = try await bootstrap { channel in
      try channel.pipeline.syncOperations.addHandler(stream.makeRawHandler())
    }
    stream.attach(channel)
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    var answer: [UInt8] = []
    while let chunk = try? await stream.next() { answer += chunk }
    return answer
  }

  private func bootstrap(_ configure: @escaping @Sendable (any Channel) throws -> Void)
    async throws -> any Channel
  {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .file(authority)
    tls.certificateVerification = .noHostnameVerification
    tls.applicationProtocols = ["http/1.1"]
    if let certificate, let key {
      tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map {
        .certificate($0)
      }
      tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
    }
    let context = try NIOSSLContext(configuration: tls)
    return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: nil))
          try configure(channel)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }
}

/// An answer as it comes in.
final class TestStream: Sendable {
  private let (heads, headContinuation) = AsyncThrowingStream<HTTPResponseHead, any Error>
    .makeStream()
  private let (chunks, chunkContinuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
  private let channel = LockedBox<(any Channel)?>(nil)
  private let rest = LockedBox<[UInt8]>([])

  func attach(_ channel: any Channel) { self.channel.value = channel }
  func close() { channel.value?.close(promise: nil) }

  /// Leaves in the socket what comes.
  func pauseReading() {
    _ = channel.value?.setOption(.autoRead, value: false)
  }

  func resumeReading() {
    _ = channel.value?.setOption(.autoRead, value: true)
  }

  func head() async throws -> HTTPResponseHead {
    var iterator = heads.makeAsyncIterator()
    guard let head = try await iterator.next() else { throw ChannelError.eof }
    return head
  }

  func next() async throws -> [UInt8]? {
    var iterator = chunks.makeAsyncIterator()
    return try await iterator.next()
  }

  /// The next line, e.g. an event of a watch; `nil` at the end.
  func line() async throws -> [UInt8]? {
    while true {
      var buffer = rest.value
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[..<end])
        buffer.removeSubrange(...end)
        rest.value = buffer
        return line
      }
      guard let chunk = try await next() else { return nil }
      rest.value = buffer + chunk
    }
  }

  /// The next event of a watch.
  func event() async throws -> (type: String, object: JSONValue)? {
    guard let line = try await line() else { return nil }
    let value = try JSONValue(parsing: line)
    return (value["type"]?.stringValue ?? "", value["object"] ?? .null)
  }

  func makeHandler() -> some ChannelInboundHandler { Handler(self) }
  func makeRawHandler() -> some ChannelInboundHandler { RawHandler(self) }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    let stream: TestStream
    init(_ stream: TestStream) { self.stream = stream }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head): stream.headContinuation.yield(head)
      case .body(let buffer): stream.chunkContinuation.yield(Array(buffer.readableBytesView))
      case .end: stream.chunkContinuation.finish()
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      stream.headContinuation.finish(throwing: error)
      stream.chunkContinuation.finish(throwing: error)
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
      stream.headContinuation.finish()
      stream.chunkContinuation.finish()
    }
  }

  private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let stream: TestStream
    init(_ stream: TestStream) { self.stream = stream }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      stream.chunkContinuation.yield(Array(unwrapInboundIn(data).readableBytesView))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      stream.chunkContinuation.finish()
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { stream.chunkContinuation.finish() }
  }
}

/// A value behind a lock.
final class LockedBox<Value: Sendable>: @unchecked Sendable {
  // Every access to `stored` is inside the lock, and the value itself is Sendable.
  private let lock = NSLock()
  private var stored: Value

  init(_ value: Value) { stored = value }

  var value: Value {
    get { lock.withLock { stored } }
    set { lock.withLock { stored = newValue } }
  }
}
