import ClusterConfiguration
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing

@testable import LocalCluster

/// Speaks HTTPS and answers `/readyz` as it is told to, or not at all.
final class PretendedAPIServer: Sendable {
  enum Behaviour: Sendable {
    case answers(Int, bytes: Int = 2)
    case isSilent
  }

  let behaviour: NIOLockedValueBox<Behaviour>
  let questions = NIOLockedValueBox(0)
  let address: HostPort
  private let channel: any Channel

  init(_ behaviour: Behaviour, keys: StandalonePKI) async throws {
    let behaviour = NIOLockedValueBox(behaviour)
    let questions = questions
    var settings = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(keys.api.certificate).map {
        .certificate($0)
      }, privateKey: .privateKey(try NIOSSLPrivateKey(file: keys.api.key, format: .pem)))
    settings.applicationProtocols = ["http/1.1"]
    let tls = try NIOSSLContext(configuration: settings)
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          let pipeline = child.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLServerHandler(context: tls))
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(Answerer(behaviour: behaviour, questions: questions))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.behaviour = behaviour
    address = HostPort(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
  }

  func become(_ new: Behaviour) { behaviour.withLockedValue { $0 = new } }
  func stop() async { try? await channel.close() }

  private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    let behaviour: NIOLockedValueBox<Behaviour>
    let questions: NIOLockedValueBox<Int>

    init(behaviour: NIOLockedValueBox<Behaviour>, questions: NIOLockedValueBox<Int>) {
      self.behaviour = behaviour
      self.questions = questions
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard case .end = unwrapInboundIn(data) else { return }
      questions.withLockedValue { $0 += 1 }
      guard case .answers(let status, let count) = behaviour.withLockedValue({ $0 }) else { return }
      let head = HTTPResponseHead(
        version: .http1_1, status: .init(statusCode: status),
        headers: ["Content-Length": String(count)])
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.write(
        wrapOutboundOut(.body(.byteBuffer(ByteBuffer(repeating: 0x6f, count: count)))),
        promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

struct HealthCheckTests {
  let keys: StandalonePKI
  private let folder: TemporaryHome

  init() throws {
    folder = try TemporaryHome()
    keys = try StandalonePKI.ensure(directory: folder.home.path + "/keys", hosts: [])
  }

  /// Runs `body` with a proxy that checks `backends`, and gives them long to answer: where many tests
  /// share two cores, half a second may pass before one that is ready does.
  func withProxy(
    _ backends: [HostPort], _ body: (EndpointProxy, Int) async throws -> Void
  ) async throws {
    let proxy = EndpointProxy(backends: backends, checkTimeoutMilliseconds: 2_000)
    let listener = try await proxy.listen(on: HostPort(host: "127.0.0.1", port: 0))
    let checks = Task { try await proxy.checkServers() }
    defer { checks.cancel() }
    try await body(proxy, try #require(listener.localAddress?.port))
    try await listener.close()
  }

  /// Connects so often, and says how many each server then has.
  func distribution(_ proxy: EndpointProxy, port: Int, clients count: Int) async throws -> [Int] {
    let before = proxy.connections
    var clients: [TestClient] = []
    let total = before.reduce(0, +)
    for number in 1...count {
      clients.append(try await TestClient(port: port))
      #expect(await eventually { proxy.connections.reduce(0, +) == total + number })
    }
    let after = proxy.connections
    for client in clients { try? await client.channel.close() }
    #expect(await eventually { proxy.connections.reduce(0, +) == total })
    return zip(after, before).map { $0 - $1 }
  }

  @Test func aServerThatAcceptsAndSaysNothingIsLeftOut() async throws {
    let ready = try await PretendedAPIServer(.answers(200), keys: keys)
    let silent = try await TestServer(reply: "", reads: false)
    try await withProxy([silent.address, ready.address]) { proxy, port in
      #expect(await eventually { proxy.checks == [.silent, .ready] })
      let spread = try await distribution(proxy, port: port, clients: 4)
      #expect(spread == [0, 4])
    }
    await ready.stop()
    await silent.stop()
  }

  @Test func aServerThatIsNotReadyIsLeftOutUntilItIs() async throws {
    let first = try await PretendedAPIServer(.answers(500), keys: keys)
    let second = try await PretendedAPIServer(.answers(200), keys: keys)
    try await withProxy([first.address, second.address]) { proxy, port in
      #expect(await eventually { proxy.checks == [.notReady, .ready] })
      let spread = try await distribution(proxy, port: port, clients: 3)
      #expect(spread == [0, 3])
      first.become(.answers(200))
      #expect(await eventually { proxy.checks == [.ready, .ready] })
      let evenly = try await distribution(proxy, port: port, clients: 4)
      #expect(evenly == [2, 2])
    }
    await first.stop()
    await second.stop()
  }

  @Test func aServerThatFallsSilentLosesItsConnections() async throws {
    let first = try await PretendedAPIServer(.answers(200), keys: keys)
    let second = try await PretendedAPIServer(.answers(200), keys: keys)
    try await withProxy([first.address, second.address]) { proxy, port in
      #expect(await eventually { proxy.checks == [.ready, .ready] })
      let clients = [try await TestClient(port: port), try await TestClient(port: port)]
      #expect(await eventually { proxy.connections == [1, 1] })
      first.become(.isSilent)
      #expect(await eventually { proxy.checks[0] == .silent })
      // New connections avoid it, and the one that it had is closed; the other's stays.
      #expect(await eventually { proxy.connections == [0, 1] })
      #expect(await eventually { clients.filter(\.isEnded).count == 1 })
      first.become(.answers(200))
      #expect(await eventually { proxy.checks == [.ready, .ready] })
      for client in clients { try? await client.channel.close() }
    }
    await first.stop()
    await second.stop()
  }

  @Test func whatIsNoAPIServerIsNotReady() async throws {
    let garbage = try await TestServer(reply: "220 mail.example.org ESMTP\r\n")
    let endless = try await PretendedAPIServer(.answers(200, bytes: 1 << 20), keys: keys)
    let refusing = try RefusingPort()
    try await withProxy([garbage.address, endless.address, refusing.address]) { proxy, _ in
      #expect(await eventually { proxy.checks == [.notReady, .notReady, .refused] })
    }
    await garbage.stop()
    await endless.stop()
  }

  @Test func withNoneReadyConnectionsStillReachOne() async throws {
    let first = try await PretendedAPIServer(.answers(500), keys: keys)
    let silent = try await TestServer(reply: "", reads: false)
    try await withProxy([silent.address, first.address]) { proxy, port in
      #expect(await eventually { proxy.checks == [.silent, .notReady] })
      let spread = try await distribution(proxy, port: port, clients: 2)
      #expect(spread == [0, 2])
    }
    await first.stop()
    await silent.stop()
  }

  @Test func aWorkingConnectionIsAskedAgain() async throws {
    let server = try await PretendedAPIServer(.answers(200), keys: keys)
    let check = HealthCheck(
      address: server.address, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
      tls: try HealthCheck.makeTLS(), timeoutMilliseconds: 30_000)
    for _ in 0..<3 { #expect(await check.check() == .ready) }
    server.become(.answers(503))
    #expect(await check.check() == .notReady)
    #expect(server.questions.withLockedValue { $0 } == 4)
    await server.stop()
  }
}
