import Foundation
import SeededRuns
import Testing

@testable import ClusterTools

@Suite struct StoreFuzzTests {
  private static var count: Int {
    if let text = ProcessInfo.processInfo.environment["TAFFRAIL_FUZZ_CASES"], let count = Int(text)
    {
      return count
    }
    #if DEBUG
      return 4_000
    #else
      return 50_000
    #endif
  }

  /// A short run; `tools/fuzz-store` makes a million cases.
  @Test func noBytesStopTheProcess() throws {
    let folder = NSTemporaryDirectory() + "taffrail-fuzz-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let outcome = try StoreFuzz(folder: folder, seed: 7, count: Self.count).run()
    #expect(outcome.violations == [])
    #expect(outcome.total == Self.count)
    #expect(Set(outcome.cases.keys) == ["bodies", "files", "log", "peer"])
  }

  /// A case can be tried again by itself.
  @Test func changesFollowFromTheSeed() {
    let bytes = (0..<100).map { UInt8($0) }
    func changed(_ seed: UInt64, _ stream: UInt64) -> [UInt8] {
      var mutator = ByteMutator(random: SplitMix64(seed: seed, stream: stream))
      return mutator.changed(bytes)
    }
    #expect(changed(1, 2) == changed(1, 2))
    let all = Set((0..<200).map { changed(1, $0) })
    #expect(all.count > 150)
    #expect(all.contains { $0.count < bytes.count } && all.contains { $0.count > bytes.count })
  }
}
