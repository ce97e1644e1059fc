import KubernetesClient
import NIOCore
import NIOPosix
import NIOSSL

/// Drives API servers over HTTP/2 with TLS from one thread.
final class LoadGenerator: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// A connection and the loop that alone may touch it.
  private typealias Bound = NIOLoopBound<LoadConnection>

  let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup
  /// `nil`: plain TCP.
  private let tls: NIOSSLContext?
  private let tlsSettings: TLSConfiguration
  private let servers: [(host: String, port: Int)]

  /// - Parameter servers: connections are spread over them in turn.
  init(kubeconfig: KubeConfiguration, servers: [(host: String, port: Int)]) throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    loop = group.next()
    self.servers = servers
    var settings = TLSConfiguration.makeClientConfiguration()
    settings.applicationProtocols = ["h2"]
    if let authority = kubeconfig.certificateAuthority {
      settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
    }
    if let certificate = kubeconfig.clientCertificate {
      settings.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate)
        .map { .certificate($0) }
    }
    if let key = kubeconfig.clientKey {
      settings.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
    }
    tls = try NIOSSLContext(configuration: settings)
    tlsSettings = settings
  }

  /// For servers that speak HTTP/2 without TLS.
  init(plain servers: [(host: String, port: Int)]) {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    loop = group.next()
    self.servers = servers
    tls = nil
    tlsSettings = TLSConfiguration.makeClientConfiguration()
  }

  func shutDown() async { try? await group.shutdownGracefully() }

  /// Opens connections; they stay until `close`.
  func connect(_ count: Int) async throws -> Connections {
    var bound: [NIOLoopBound<LoadConnection>] = []
    for number in 0..<count {
      let (host, port) = servers[number % servers.count]
      let ready = loop.makePromise(of: Void.self)
      let tls = self.tls
      let channel = try await ClientBootstrap(group: loop)
        .connectTimeout(.seconds(5))
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 262_144))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let operations = channel.pipeline.syncOperations
            if let tls {
              try operations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
            }
            try operations.addHandler(
              LoadConnection(authority: "\(host):\(port)", ready: ready))
          }
        }
        .connect(host: host, port: port).get()
      let connection = try await channel.eventLoop.submit {
        NIOLoopBound(
          try channel.pipeline.syncOperations.handler(type: LoadConnection.self),
          eventLoop: channel.eventLoop)
      }.get()
      try await ready.futureResult.get()
      bound.append(connection)
    }
    return Connections(loop: loop, bound: bound)
  }

  struct Connections: Sendable {
    let loop: any EventLoop
    let bound: [NIOLoopBound<LoadConnection>]

    func close() async throws {
      try await loop.submit { for connection in bound { connection.value.close() } }.get()
    }

    /// Sends `count` requests from `workers` at once, each when its one before is answered.
    ///
    /// - Parameters:
    ///   - seconds: no more are sent after that time.
    ///   - minimumBytes: an answer with fewer is a failure, as gRPC's have the status 200.
    /// - Throws: where an answer's status is not `status`.
    func run(
      workers: Int, count: Int, seconds: Double? = nil, status: Int, minimumBytes: Int = 0,
      request: @escaping @Sendable (Int) -> LoadRequest
    ) async throws -> LoadResult {
      try await loop.flatSubmit { () -> EventLoopFuture<LoadResult> in
        let run = LoadRun(
          loop: loop, count: count, seconds: seconds, status: status, minimumBytes: minimumBytes,
          request: request)
        for worker in 0..<workers { run.next(on: bound[worker % bound.count].value) }
        return run.done.futureResult
      }.get()
    }

    /// One request; the answer with up to `keptBytes` of its body.
    func one(_ request: LoadRequest, keptBytes: Int = 4096) async throws
      -> (status: Int, bytes: Int, beginning: String)
    {
      try await loop.flatSubmit {
        let done = loop.makePromise(of: (status: Int, bytes: Int, beginning: String).self)
        bound[0].value.send(request, keptBytes: keptBytes) { answer in
          done.succeed((answer.status, answer.bytes, String(buffer: answer.beginning)))
        }
        return done.futureResult
      }.get()
    }
  }
}

/// What a run of requests took.
struct LoadResult: Sendable {
  var latency: LatencySummary
  var bytes: Int

  var megabytesPerSecond: Double { Double(bytes) / 1e6 / max(latency.elapsedSeconds, 1e-9) }
}

/// A closed loop: as many requests under way as there are workers.
private final class LoadRun {
  let done: EventLoopPromise<LoadResult>
  private let count: Int
  private let status: Int
  private let request: (Int) -> LoadRequest
  private let start: UInt64
  private var begun = 0
  private var ended = 0
  private var bytes = 0
  private var latencies: [UInt64] = []
  private var hasFailed = false
  private let end: UInt64
  private let minimumBytes: Int

  init(
    loop: any EventLoop, count: Int, seconds: Double?, status: Int, minimumBytes: Int,
    request: @escaping (Int) -> LoadRequest
  ) {
    self.count = count
    self.minimumBytes = minimumBytes
    let start = NIODeadline.now().uptimeNanoseconds
    self.start = start
    end = seconds.map { start + UInt64($0 * 1e9) } ?? .max
    self.status = status
    self.request = request
    done = loop.makePromise()
    latencies.reserveCapacity(min(count, 100_000))
  }

  func next(on connection: LoadConnection) {
    guard begun < count, !hasFailed, NIODeadline.now().uptimeNanoseconds < end else { return }
    let number = begun
    begun += 1
    let sent = NIODeadline.now().uptimeNanoseconds
    connection.send(request(number), keptBytes: 300) { [self] answer in
      guard !hasFailed else { return }
      guard answer.status == status, answer.bytes >= minimumBytes else {
        hasFailed = true
        done.fail(
          LoadGenerator.Failure(
            description: "request \(number) was answered with \(answer.status), not \(status): "
              + String(buffer: answer.beginning)))
        return
      }
      let now = NIODeadline.now().uptimeNanoseconds
      latencies.append(now - sent)
      bytes += answer.bytes
      ended += 1
      next(on: connection)
      if ended == begun {
        done.succeed(
          LoadResult(
            latency: LatencySummary(
              nanoseconds: latencies, elapsedSeconds: Double(now - start) / 1e9), bytes: bytes))
      }
    }
  }
}

extension LoadGenerator {
  /// Opens a connection, sends bytes, and waits a moment for the server to close it.
  func throwBytes(_ bytes: [UInt8], isHTTP2: Bool) async throws {
    let (host, port) = servers[0]
    var settings = tlsSettings
    settings.applicationProtocols = [isHTTP2 ? "h2" : "http/1.1"]
    let tls = try NIOSSLContext(configuration: settings)
    let channel = try await ClientBootstrap(group: loop)
      .connectTimeout(.seconds(5))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let operations = channel.pipeline.syncOperations
          try operations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
          try operations.addHandler(Thrower(bytes))
        }
      }
      .connect(host: host, port: port).get()
    // What only looks broken to a person may leave the connection open.
    let limit = loop.scheduleTask(in: .milliseconds(300)) { channel.close(promise: nil) }
    try? await channel.closeFuture.get()
    limit.cancel()
  }

  /// Sends once, and drops what comes.
  private final class Thrower: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func channelActive(context: ChannelHandlerContext) {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
