import ArgumentParser
import ChildProcesses
import ClusterTools
import Foundation
import LogTools

/// `taffrail torture`: linearizability and watches of real servers under faults.
struct TortureCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "torture",
    abstract: "Kill, stop and cut off three servers under load, and check all that they answered.",
    discussion: """
      Three servers are started for it. Clients create, update, read and delete a few keys through \
      all of them, and watches follow, while servers are killed (SIGKILL), stopped (SIGSTOP) and, as \
      root, cut off from each other or made to lose packets (network namespaces, nftables). \
      Afterwards the answers must be linearizable, and the watches ordered, unique, complete, \
      resumable, right about bookmarks and previous values. If anything is not, it is printed, \
      everything that was seen is written to a file, and the exit code is 1. Servers, faults and \
      clients follow from the seed, but how they meet does not.
      """)

  @Option(help: "How long the faults go on.")
  var seconds = 60

  @Option(help: "What faults and operations follow from.")
  var seed: UInt64 = 1

  @Option(help: "Write all that was seen here, one JSON object a line, also if all is well.")
  var history: String?

  @Flag(help: "Don't drop packets, so that root is not needed.")
  var loopback = false

  @Flag(help: "Have the leader answer reads by its lease, as with leaseReads in cluster.conf.")
  var leaseReads = false

  /// Set for the process that has namespaces of its own.
  @Flag(help: .hidden)
  var isolated = false

  func validate() throws {
    if !(1...86_400).contains(seconds) { throw ValidationError("--seconds is 1 to 86400") }
  }

  func run() async throws {
    if !isolated, !loopback {
      if let reason = Self.missing {
        print("packets are not dropped: \(reason)")
      } else {
        throw ExitCode(try rerunIsolated())
      }
    }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("taffrail-torture-\(UUID().uuidString.prefix(8).lowercased())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try await TortureRun(
      binary: BenchCommand.Run.binary, folder: folder, seconds: seconds, seed: seed,
      isolated: isolated, leaseReads: leaseReads
    ).run { FileHandle.standardError.write(Data("  \($0)\n".utf8)) }
    report(outcome)
    let failed = !outcome.violations.isEmpty || outcome.undecided > 0
    if let file = history ?? (failed ? "torture-\(seed).jsonl" : nil) {
      try outcome.history.write(toFile: file, atomically: true, encoding: .utf8)
      print("all that was seen is in \(file)")
    }
    if failed { throw ExitCode(1) }
  }

  private func report(_ outcome: TortureRun.Outcome) {
    print(
      """
      seed \(seed): \(outcome.faults) faults in \(seconds) s\
      \(outcome.dropsPackets ? "" : ", none of them lost packets")
      operations: \(outcome.operations), of which \(outcome.unknown) with unknown outcome
      watched events: \(outcome.events), watches resumed \(outcome.resumptions) times
      """)
    for (fault, times) in outcome.failoverMilliseconds.sorted(by: { $0.key < $1.key }) {
      print(
        "\(fault): writes went on elsewhere after \(figure(LatencySummary.median(times))) ms "
          + "(median of \(times.count)), at most \(figure(times.max() ?? 0)) ms")
    }
    if outcome.undecided > 0 {
      print("UNDECIDED: \(outcome.undecided) keys had more histories than could be tried")
    }
    for violation in outcome.violations { print("WRONG: \(violation)") }
    if outcome.violations.isEmpty, outcome.undecided == 0 {
      print("every answer is linearizable, and every watch saw what it should")
    }
  }

  /// Why packets can't be dropped here.
  private static var missing: String? {
    guard geteuid() == 0 else { return "that needs root" }
    let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for tool in ["unshare", "nsenter", "ip", "nft"] {
      let isThere = path.contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
      }
      if !isThere { return "there is no \(tool)" }
    }
    return nil
  }

  /// Runs again in network and process namespaces of its own: everything that it starts or sets up
  /// ends with it, however it ends.
  private func rerunIsolated() throws -> Int32 {
    let process = try ChildProcess.start(
      [
        "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
        "ip link set lo up && exec \"$0\" \"$@\"", BenchCommand.Run.binary,
      ] + CommandLine.arguments.dropFirst() + ["--isolated"],
      .init(input: .inherited, output: .inherited, errors: .inherited))
    return process.wait().status
  }
}
