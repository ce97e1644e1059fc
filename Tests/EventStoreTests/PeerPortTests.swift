import Foundation
import Keyspace
import NIOCore
import NIOPosix
import NIOSSL
import Raft
import Testing

@testable import EventStore

/// What may knock at a replica's port besides its peers.
@Suite struct PeerPortTests {
  let directory: TemporaryDirectory
  let authority: TestAuthority
  let eventLoop = MultiThreadedEventLoopGroup.singleton.any()

  init() throws {
    directory = try TemporaryDirectory()
    authority = try TestAuthority(folder: directory.path)
  }

  /// Replica 1 of three; the others are not there.
  private func start() async throws -> Replica {
    var configuration = ReplicaConfiguration(
      clusterID: 77, id: 1, dataDirectory: directory.path + "/1",
      peers: [
        .init(id: 2, host: "127.0.0.1", port: 0), .init(id: 3, host: "127.0.0.1", port: 0),
      ], tls: try authority.issue("peer-1"))
    configuration.emptyFolder = .begins
    return try await Replica.start(configuration: configuration, logger: quietLogger())
  }

  private func dial(
    _ replica: Replica, tls: ReplicaConfiguration.TLSFiles, cluster: UInt64 = 77, from: UInt64 = 2,
    to: UInt64 = 1, version: UInt16 = PeerFrame.protocolVersion
  ) async throws -> any Channel {
    let dialer = PeerDialer(
      eventLoop: eventLoop, tls: try PeerTLS(tls), clusterID: cluster, id: from,
      becameWritable: { _ in }, version: version)
    return try await dialer.dial(
      peer: to, host: "127.0.0.1", port: replica.listenPort, purpose: .messages
    ).get()
  }

  private func expectRefusal(
    _ text: String, _ body: () async throws -> any Channel
  ) async throws {
    let error = await #expect(throws: PeerRefusal.self) { _ = try await body() }
    #expect(error?.description.contains(text) == true, "\(String(describing: error))")
  }

  @Test func peersAreWelcome() async throws {
    let replica = try await start()
    let channel = try await dial(replica, tls: try authority.issue("peer-2"))
    try await channel.close()
    await replica.shutdown()
  }

  @Test func othersAreRefusedWithAReason() async throws {
    let replica = try await start()
    let second = try authority.issue("peer-2")
    try await expectRefusal("belongs to cluster 78") {
      try await dial(replica, tls: second, cluster: 78)
    }
    try await expectRefusal("its certificate is not that of peer-3") {
      try await dial(replica, tls: second, from: 3)
    }
    try await expectRefusal("is not among the peers") {
      try await dial(replica, tls: try authority.issue("peer-9"), from: 9)
    }
    try await expectRefusal("its certificate is not that of peer-2") {
      try await dial(replica, tls: try authority.issue("system-node-2"))
    }
    // The one who dials looks at the certificate too.
    try await expectRefusal("its certificate is not that of peer-3") {
      try await dial(replica, tls: second, to: 3)
    }
    await replica.shutdown()
  }

  /// Replicas of programs that don't understand each other say so, and do no harm.
  @Test(arguments: [0, PeerFrame.protocolVersion - 1, PeerFrame.protocolVersion + 1, .max])
  func otherVersionsAreRefused(_ version: UInt16) async throws {
    let replica = try await start()
    let second = try authority.issue("peer-2")
    try await expectRefusal(
      "it speaks protocol version \(version), replica 1 speaks \(PeerFrame.protocolVersion)"
    ) { try await dial(replica, tls: second, version: version) }
    try await dial(replica, tls: second).close()
    await replica.shutdown()
  }

  @Test func certificatesOfAnotherAuthorityAreRefused() async throws {
    let replica = try await start()
    let folder = directory.path + "/other"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let other = try TestAuthority(folder: folder, name: "other").issue("peer-2")
    let mixed = ReplicaConfiguration.TLSFiles(
      authority: authority.authorityPath, certificate: other.certificate, key: other.key)
    await #expect(throws: (any Error).self) { _ = try await dial(replica, tls: mixed) }
    await replica.shutdown()
  }

  @Test func garbageBeforeTLSClosesTheConnection() async throws {
    let replica = try await start()
    let channel = try await ClientBootstrap(group: eventLoop)
      .connect(host: "127.0.0.1", port: replica.listenPort).get()
    try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
    try await channel.closeFuture.get()
    #expect(await replica.status() != nil)
    await replica.shutdown()
  }

  @Test func garbageAndOversizedFramesCloseTheConnection() async throws {
    let replica = try await start()
    let tls = try authority.issue("peer-2")
    var random = SystemRandomNumberGenerator()
    var frames: [ByteBuffer] = []
    var oversized = ByteBuffer()
    oversized.writeInteger(UInt32.max)
    frames.append(oversized)
    frames.append(ByteBuffer(bytes: [0, 0, 0, 0]))
    frames.append(ByteBuffer(bytes: [0, 0, 0, 5, 4, 255, 255, 255, 255]))
    for _ in 0..<20 {
      var frame = ByteBuffer()
      let count = Int.random(in: 1...200, using: &random)
      frame.writeInteger(UInt32(count))
      frame.writeBytes((0..<count).map { _ in UInt8.random(in: 9...255, using: &random) })
      frames.append(frame)
    }
    for frame in frames {
      let channel = try await dial(replica, tls: tls)
      try? await channel.writeAndFlush(frame)
      try await channel.closeFuture.get()
    }
    let channel = try await dial(replica, tls: tls)
    try await channel.close()
    #expect(await replica.status() != nil)
    await replica.shutdown()
  }

  @Test func portInUseIsAClearError() async throws {
    let replica = try await start()
    let port = replica.listenPort
    let error = await #expect(throws: ReplicaStartError.self) {
      try await Replica.start(
        configuration: ReplicaConfiguration(
          clusterID: 77, id: 2, dataDirectory: directory.path + "/2",
          peers: [.init(id: 1, host: "127.0.0.1", port: port)], listenPort: port,
          tls: try authority.issue("peer-2")), logger: quietLogger())
    }
    #expect(error?.description.contains("127.0.0.1:\(port)") == true)
    await replica.shutdown()
  }
}
