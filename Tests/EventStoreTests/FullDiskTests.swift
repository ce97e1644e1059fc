import Foundation
import Keyspace
import Testing

@testable import EventStore

/// A small file system of its own, which needs root.
private final class SmallDisk: Sendable {
  let path: String

  init?(megabytes: Int) throws {
    path = NSTemporaryDirectory() + "taffrail-disk-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      rmdir(path)
      return nil
    }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }
}

@Suite struct FullDiskTests {
  @Test(.enabled(if: geteuid() == 0, "mounting a small disk needs root"))
  func writesAreRefusedUntilThereIsSpace() async throws {
    guard let disk = try SmallDisk(megabytes: 24) else { return }
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: disk.path + "/data"), logger: quietLogger())
    var acknowledged = 0
    let filler = disk.path + "/filler"
    #expect(FileManager.default.createFile(atPath: filler, contents: Data(count: 10 << 20)))
    // Random bytes, which don't compress.
    var random = SystemRandomNumberGenerator()
    var refusal: StoreError?
    while refusal == nil, acknowledged < 1_000 {
      let value = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      let write = Transaction(
        mutations: [.put(key: Key("a"), value: value, revisionOffset: nil)],
        provenance: Provenance(user: "tester", verb: "update"), timeMilliseconds: 1)
      do throws(StoreError) {
        _ = try await replica.commit(write)
        acknowledged += 1
      } catch {
        // What was on its way when the disk filled up fails without saying whether it was
        // written; the next one is refused outright.
        if case .unavailable = error { continue }
        refusal = error
      }
    }
    guard case .noSpace = refusal else {
      Issue.record("\(String(describing: refusal)) after \(acknowledged) writes")
      return
    }
    #expect(try #require(await replica.status()).diskIsFull)
    #expect(replica.current().get(Key("a")) != nil)
    try FileManager.default.removeItem(atPath: filler)
    _ = try await poll("writes to be taken again") { try? await replica.commit(put("b", "1")) }
    #expect(replica.current().text("b") == "1")
    await replica.shutdown()
    let again = try await Replica.start(
      configuration: replica.configuration, logger: quietLogger())
    #expect(again.current().text("b") == "1")
    await again.shutdown()
  }

  @Test func floorDependsOnTheDisk() {
    #expect(SpaceGuard.floor(total: 10 << 20) == 1 << 20)
    #expect(SpaceGuard.floor(total: 100 << 20) == 5 << 20)
    #expect(SpaceGuard.floor(total: 1 << 40) == 64 << 20)
  }
}
