import ClusterConfiguration
import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import LocalCluster

/// A TCP server that sends `reply`, and keeps what it receives.
final class TestServer: Sendable {
  let port: Int
  private let channel: any Channel
  private let accepted: NIOLockedValueBox<[any Channel]>
  let received: NIOLockedValueBox<[UInt8]>
  private let ends: NIOLockedValueBox<Int>

  /// `reads` false: accepts and never reads. `answersEnd`: replies when the client has ended.
  init(reply: String, reads: Bool = true, answersEnd: Bool = false) async throws {
    let accepted = NIOLockedValueBox<[any Channel]>([])
    let received = NIOLockedValueBox<[UInt8]>([])
    let ends = NIOLockedValueBox(0)
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: reads)
      .childChannelInitializer { child in
        accepted.withLockedValue { $0.append(child) }
        return child.eventLoop.makeCompletedFuture {
          try child.pipeline.syncOperations.addHandler(
            Collector(
              greeting: answersEnd ? nil : reply, farewell: answersEnd ? reply : nil,
              closesAtEnd: true,
              received: received, ends: ends))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.accepted = accepted
    self.received = received
    self.ends = ends
    port = channel.localAddress?.port ?? 0
  }

  var address: HostPort { HostPort(host: "127.0.0.1", port: port) }
  var clientEnds: Int { ends.withLockedValue { $0 } }

  func resume() {
    for child in accepted.withLockedValue({ $0 }) {
      child.setOption(.autoRead, value: true).whenComplete { _ in child.read() }
    }
  }

  /// Like a process that dies: no more accepting, and every connection closed.
  func stop() async {
    try? await channel.close()
    for child in accepted.withLockedValue({ $0 }) { try? await child.close() }
  }
}

/// Keeps what comes in; optionally greets, and replies to the other's end.
final class Collector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let greeting: String?
  private let farewell: String?
  private let closesAtEnd: Bool
  private let received: NIOLockedValueBox<[UInt8]>
  private let ends: NIOLockedValueBox<Int>

  init(
    greeting: String?, farewell: String?, closesAtEnd: Bool, received: NIOLockedValueBox<[UInt8]>,
    ends: NIOLockedValueBox<Int>
  ) {
    self.greeting = greeting
    self.farewell = farewell
    self.closesAtEnd = closesAtEnd
    self.received = received
    self.ends = ends
  }

  func channelActive(context: ChannelHandlerContext) {
    if let greeting {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data).readableBytesView
    received.withLockedValue { $0.append(contentsOf: bytes) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed? = event as? ChannelEvent else { return }
    ends.withLockedValue { $0 += 1 }
    if let farewell {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: farewell)), promise: nil)
    }
    if closesAtEnd { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}

/// A client whose received bytes and end can be awaited.
struct TestClient {
  let channel: any Channel
  let received = NIOLockedValueBox<[UInt8]>([])
  let ends = NIOLockedValueBox(0)

  init(port: Int) async throws {
    let received = received
    let ends = ends
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            Collector(
              greeting: nil, farewell: nil, closesAtEnd: false, received: received, ends: ends))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }

  var text: String { String(decoding: received.withLockedValue { $0 }, as: UTF8.self) }
  /// Whether the other side has ended its direction or all.
  var isEnded: Bool { ends.withLockedValue { $0 } > 0 || !channel.isActive }
}

/// A port that is taken, so that nobody else gets it, and refuses connections.
final class RefusingPort {
  let address: HostPort
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0
          && getsockname(descriptor, address, &length) == 0
      }
    }
    try #require(bound)
    address = HostPort(host: "127.0.0.1", port: Int(UInt16(bigEndian: name.sin_port)))
  }

  deinit {
    close(descriptor)
  }
}

struct EndpointProxyTests {
  func listen(_ backends: [HostPort]) async throws -> (EndpointProxy, any Channel, Int) {
    let proxy = EndpointProxy(backends: backends)
    let listener = try await proxy.listen(on: HostPort(host: "127.0.0.1", port: 0))
    let port = try #require(listener.localAddress?.port)
    return (proxy, listener, port)
  }

  @Test func connectionsSpreadOverTheServers() async throws {
    let servers = [
      try await TestServer(reply: "a"), try await TestServer(reply: "b"),
      try await TestServer(reply: "c"),
    ]
    let (proxy, listener, port) = try await listen(servers.map(\.address))
    var clients: [TestClient] = []
    for _ in 0..<6 {
      let client = try await TestClient(port: port)
      #expect(await eventually { !client.text.isEmpty })
      clients.append(client)
    }
    #expect(clients.map(\.text).sorted() == ["a", "a", "b", "b", "c", "c"])
    #expect(proxy.connections == [2, 2, 2])
    for client in clients { try await client.channel.close() }
    #expect(await eventually { proxy.connections == [0, 0, 0] })
    try await listener.close()
    for server in servers { await server.stop() }
  }

  @Test func aRefusingServerIsPassedOver() async throws {
    let living = try await TestServer(reply: "alive")
    let refusing = try RefusingPort()
    let (_, listener, port) = try await listen([refusing.address, living.address])
    for _ in 0..<4 {
      let client = try await TestClient(port: port)
      #expect(await eventually { client.text == "alive" })
      try await client.channel.close()
    }
    try await listener.close()
    await living.stop()
  }

  @Test func aDeadServersConnectionsAreClosedAndTheNextReachesAnother() async throws {
    let first = try await TestServer(reply: "first")
    let second = try await TestServer(reply: "second")
    let (_, listener, port) = try await listen([first.address, second.address])
    let one = try await TestClient(port: port)
    let other = try await TestClient(port: port)
    #expect(await eventually { !one.text.isEmpty && !other.text.isEmpty })
    #expect(Set([one.text, other.text]) == ["first", "second"])
    await first.stop()
    let (dead, alive) = one.text == "first" ? (one, other) : (other, one)
    #expect(await eventually { dead.isEnded })
    #expect(!alive.isEnded)
    let again = try await TestClient(port: port)
    #expect(await eventually { again.text == "second" })
    for client in [one, other, again] { try? await client.channel.close() }
    try await listener.close()
    await second.stop()
  }

  @Test func withNothingAliveTheConnectionIsClosed() async throws {
    let refusing = [try RefusingPort(), try RefusingPort()]
    let (_, listener, port) = try await listen(refusing.map(\.address))
    let client = try await TestClient(port: port)
    #expect(await eventually { client.isEnded })
    #expect(client.text.isEmpty)
    try? await client.channel.close()
    try await listener.close()
  }

  @Test func aHalfClosedConnectionStillGetsItsAnswer() async throws {
    let server = try await TestServer(reply: "answer", answersEnd: true)
    let (_, listener, port) = try await listen([server.address])
    let client = try await TestClient(port: port)
    try await client.channel.writeAndFlush(ByteBuffer(string: "question"))
    try await client.channel.close(mode: .output)
    #expect(await eventually { client.text == "answer" })
    #expect(server.received.withLockedValue { String(decoding: $0, as: UTF8.self) } == "question")
    #expect(server.clientEnds == 1)
    #expect(await eventually { client.isEnded })
    try? await client.channel.close()
    try await listener.close()
    await server.stop()
  }

  @Test func aSlowReaderHoldsTheWriterBackAndLosesNothing() async throws {
    let server = try await TestServer(reply: "", reads: false)
    let (_, listener, port) = try await listen([server.address])
    let client = try await TestClient(port: port)
    // More than all socket buffers on the way hold.
    let size = 64 << 20
    let chunk = ByteBuffer(repeating: 7, count: 1 << 20)
    let sent = NIOLockedValueBox(0)
    let writing = Task {
      for _ in 0..<(size >> 20) {
        try await client.channel.writeAndFlush(chunk)
        sent.withLockedValue { $0 += 1 << 20 }
      }
      try await client.channel.close(mode: .output)
    }
    // Writing comes to rest while the server doesn't read: nobody buffers without bound.
    var last = -1
    #expect(
      await eventually {
        let now = sent.withLockedValue { $0 }
        defer { last = now }
        try? await Task.sleep(for: .milliseconds(200))
        return now > 0 && now == last
      })
    #expect(sent.withLockedValue { $0 } < size)
    server.resume()
    try await writing.value
    #expect(await eventually { server.received.withLockedValue { $0.count } == size })
    #expect(await eventually { server.clientEnds == 1 })
    try? await client.channel.close()
    try await listener.close()
    await server.stop()
  }
}
