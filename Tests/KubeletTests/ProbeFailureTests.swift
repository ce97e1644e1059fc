import NIOCore
import NIOPosix
import Testing

@testable import Kubelet

/// What a probe that reached nobody says, with real sockets.
struct ProbeFailureTests {
  @Test func aClosedPortRefuses() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let listener = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(listener.localAddress?.port)
    try await listener.close()
    let error = await #expect(throws: (any Error).self) {
      _ = try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get()
    }
    #expect(ProbeFailure.text(try #require(error)) == "connect: connection refused")
  }

  @Test(arguments: [
    (ChannelError.connectTimeout(.seconds(1)), "i/o timeout"), (.eof, "EOF"),
    (.ioOnClosedChannel, "EOF"),
  ])
  func otherFailures(error: ChannelError, text: String) {
    #expect(ProbeFailure.text(error) == text)
  }
}
