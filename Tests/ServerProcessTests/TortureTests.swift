import Foundation
import Testing

/// Real servers under faults: what their clients and watches saw is linearizable and complete.
@Suite struct TortureTests {
  private static var canDropPackets: Bool {
    guard geteuid() == 0,
      ["unshare", "nsenter", "ip", "nft"].allSatisfy(Command.exists)
    else { return false }
    let attempt = try? Command.run([
      "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "nft", "list",
      "tables",
    ])
    return attempt?.status == 0
  }

  private func torture(_ options: [String]) async throws -> ProcessEnd {
    let folder = try TestFolder()
    let history = folder.path + "/history.jsonl"
    let process = try ServerProcess(
      ["torture", "--history", history] + options, environment: ["TMPDIR": folder.path])
    let end = try await process.ended()
    end.expect("every answer is linearizable, and every watch saw what it should", status: 0)
    let lines = try String(contentsOfFile: history, encoding: .utf8).split(separator: "\n")
    // It is no success to have done nothing.
    #expect(lines.count { $0.contains("\"input\":") } > 20, "\(end)")
    #expect(lines.count { $0.contains("\"watch\":") } > 20, "\(end)")
    #expect(lines.count { $0.contains("\"fault\":\"over\"") } > 2, "\(end)")
    return end
  }

  @Test(
    .enabled(if: canDropPackets, "dropping packets needs root, unshare, nsenter, ip and nft"))
  func answersAreLinearizableWhileServersAreCutOffKilledAndStopped() async throws {
    let end = try await torture(["--seconds", "25", "--seed", "1"])
    #expect(!end.output.contains("none of them lost packets"))
  }

  /// Also where nobody is asked for a read. That leases are in force shows in elections: whoever has
  /// promised one waits for its end, though the leader's connection has closed.
  @Test func answersByLeaseAreLinearizableWhileServersAreKilledAndStopped() async throws {
    let end = try await torture(["--seconds", "12", "--seed", "9", "--loopback", "--lease-reads"])
    let kills = try #require(
      end.output.split(separator: "\n").first {
        $0.hasPrefix("killLeader: writes went on elsewhere")
      },
      "\(end)")
    let figure = String(kills.split(separator: " ")[6].filter { $0 != "," })
    let milliseconds = try #require(Double(figure), "\(kills)")
    #expect(milliseconds > 200, "\(kills)")
  }

  @Test func answersAreLinearizableWhileServersAreKilledAndStopped() async throws {
    _ = try await torture(["--seconds", "12", "--seed", "2", "--loopback"])
  }
}
