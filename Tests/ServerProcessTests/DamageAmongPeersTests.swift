import Foundation
import Testing

/// One of three servers whose files were damaged while it was stopped: it comes back by itself and
/// has everything, of its own or from its peers.
@Suite(.serialized, .sharedCluster) struct DamageAmongPeersTests {
  @Test func aTornLastRecord() async throws { try await damaged { try $0.cutLastRecord() } }

  @Test func aFlippedBit() async throws { try await damaged { try $0.flipBit() } }

  @Test func aMissingSegment() async throws { try await damaged { try $0.removeSegment() } }

  @Test func aDeletedDatabase() async throws {
    try await damaged(says: "the projection is made again") { try $0.removeDatabase() }
  }

  @Test func aCutDatabase() async throws {
    try await damaged(says: "was moved to") { try $0.cutDatabase() }
  }

  @Test func bothLogAndDatabase() async throws {
    try await damaged {
      try $0.flipBit()
      try $0.removeDatabase()
    }
  }

  private func damaged(
    says text: String = "", _ damage: (DamagedFiles) throws -> Void
  ) async throws {
    try await RunningCluster.unharmed { cluster in
      let home = cluster.home
      var written = Acknowledged()
      try await written.write(3, to: home.client(3), bytes: 10_000)
      try await cluster.processes[2].stop().expect(status: 0)
      // Two of three go on.
      try await written.write(2, to: home.client(1), bytes: 10_000)
      try damage(DamagedFiles(folder: home.serverFolder(3)))
      let process = try await cluster.restart(3)
      if !text.isEmpty { #expect(process.output.contains(text), "\(process.output)") }
      try await written.expectAll(from: home.client(3))
      // What it now has is its own: it counts for the majority when another one is gone.
      try await cluster.processes[0].stop().expect(status: 0)
      try await written.write(1, to: home.client(3))
      try await written.expectAll(from: home.client(3))
      _ = try await cluster.restart(1)
      try await written.expectAll(from: home.client(1))
    }
  }
}
