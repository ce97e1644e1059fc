import Foundation
import Testing

extension ClusterTests {
  /// Every part of the measurements, as small as it can be, on the clusters that it starts.
  @Test(.timeLimit(.minutes(20)))
  func benchPrintsItsFigures() throws {
    let binary =
      ProcessInfo.processInfo.environment["TAFFRAIL_BINARY"]
      ?? FileManager.default.currentDirectoryPath + "/.build/release/taffrail"
    let result = Shell().run(
      [
        binary, "bench", "--seconds", "1", "--pods", "100", "--objects", "5000",
        "--failovers", "1",
      ],
      timeoutSeconds: 1_000)
    result.expect(
      "1 KB events, 1 writer, p50", "1 KB events, 64 writers, p99", "create, 32 clients, p50",
      "full list of 100 pods", "SIGKILL to first write")
  }
}
