import Foundation
import Testing

/// What keeps a server from starting: it says so, says what to do, and leaves all as it was.
struct StartTests {
  @Test func anAPIPortInUseIsNamedWithItsHolder() async throws {
    let home = try ServerHome(ids: [1])
    let port = try home.server(1).apiPort
    let held = try HeldPort(port)
    let end = try await home.start(1).ended()
    withExtendedLifetime(held) {}
    end.expect(
      "127.0.0.1:\(port), the apiAddress of server 1, is in use by process \(getpid()) (",
      "stop it, or choose another in \(home.configuration)")
  }

  @Test func aPeerPortInUseIsNamedWithItsHolder() async throws {
    let home = try ServerHome(ids: [1, 2, 3])
    let port = try home.server(1).peerPort
    let held = try HeldPort(port)
    let end = try await home.start(1).ended()
    withExtendedLifetime(held) {}
    end.expect(
      "127.0.0.1:\(port), the peerAddress of server 1, is in use by process \(getpid()) (",
      "stop it, or choose another in \(home.configuration)")
  }

  @Test func aPortInUseIsNamedWithItsHolderAlsoWithoutAFile() async throws {
    let folder = try TestFolder()
    let port = try #require(FreePorts.find(1).first)
    let held = try HeldPort(port)
    let end = try await ServerProcess(
      Standalone.arguments(folder.path + "/data", ["--api", "127.0.0.1:\(port)"])
    ).ended()
    withExtendedLifetime(held) {}
    end.expect(
      "can't listen on 127.0.0.1:\(port): Address already in use; process \(getpid()) (",
      "choose another address with --api")
  }

  @Test func aSecondProcessOnTheSameFolderIsRefused() async throws {
    let home = try ServerHome(ids: [1])
    let process = try home.start(1)
    let client = try home.client(1)
    try await process.printed("serving")
    try await client.untilReady(process)
    var written = Acknowledged()
    try await written.write(3, to: client)
    // The same folder by another file with other ports.
    let other = try ServerHome(ids: [1])
    let second = try ServerProcess(
      ["server", "--config", other.configuration, "--id", "1"], environment: home.environment)
    try await second.ended().expect(
      "\(home.serverFolder(1)) is in use by another replica; stop it first, or give this one its "
        + "own folder")
    #expect(process.isRunning)
    try await written.write(1, to: client)
    try await written.expectAll(from: client)
    try await process.stop().expect(status: 0)
  }

  @Test func aFolderOfAnotherClusterIsRefused() async throws {
    try await refused("belongs to cluster", "use the folder of this replica, or an empty one") {
      original in
      let other = try ServerHome(ids: [1])
      let files = FileManager.default
      try files.createDirectory(atPath: other.home, withIntermediateDirectories: true)
      try "00000000000000ab\n".write(
        toFile: other.home + "/cluster-id", atomically: true, encoding: .utf8)
      try files.copyItem(atPath: original.serverFolder(1), toPath: other.serverFolder(1))
      return (other, 1)
    }
  }

  @Test func aFolderOfAnotherIDIsRefused() async throws {
    try await refused("replica 1, but this is cluster", "replica 2; use the folder") { original in
      let other = try ServerHome(ids: [2])
      try FileManager.default.createDirectory(
        atPath: other.home, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: original.home + "/cluster-id", toPath: other.home + "/cluster-id")
      try FileManager.default.copyItem(
        atPath: original.serverFolder(1), toPath: other.serverFolder(2))
      return (other, 2)
    }
  }

  /// Starts a server where `move` has brought the folder of another one: it must refuse and touch
  /// nothing, and the folder is as good as before where it belongs.
  private func refused(
    _ texts: String..., move: (ServerHome) throws -> (ServerHome, Int)
  ) async throws {
    let original = try ServerHome(ids: [1])
    let client = try original.client(1)
    let first = try original.start(1)
    try await first.printed("serving")
    try await client.untilReady(first)
    var written = Acknowledged()
    try await written.write(3, to: client)
    try await first.stop().expect(status: 0)

    let (other, id) = try move(original)
    let before = TestFolder.contents(other.serverFolder(id))
    let end = try await other.start(id).ended()
    end.expect()
    for text in texts { #expect(end.output.contains(text), "no “\(text)” from what \(end)") }
    #expect(TestFolder.contents(other.serverFolder(id)) == before)

    let again = try original.start(1)
    try await again.printed("serving")
    try await client.untilReady(again)
    try await written.expectAll(from: client)
    try await again.stop().expect(status: 0)
  }
}
