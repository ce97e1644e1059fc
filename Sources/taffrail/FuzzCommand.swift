import ArgumentParser
import ClusterTools
import Foundation

/// `taffrail fuzz-api`: malformed requests from a seed, to a server that is started for it.
struct FuzzCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz-api",
    abstract: "Send malformed requests to an API server that is started for it.",
    discussion: """
      Each must be refused with 4xx or a closed connection, and the server must live, without \
      growing. The same seed always sends the same. The exit code is 1 if anything was not so.
      """)

  @Option(help: "How many requests.")
  var count = 10_000

  @Option(help: "What they follow from.")
  var seed: UInt64 = 1

  func validate() throws {
    if !(10...100_000_000).contains(count) { throw ValidationError("--count is 10 to 100000000") }
  }

  func run() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("taffrail-fuzz-\(getpid())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try await FuzzRun(
      binary: BenchCommand.Run.binary, folder: folder, count: count, seed: seed
    ).run { FileHandle.standardError.write(Data("  \($0)\n".utf8)) }
    let statuses = outcome.byStatus.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    print(
      """
      seed \(seed): \(outcome.requests) requests, \(outcome.connections) broken connections
      answers: \(statuses.joined(separator: ", "))
      memory: \(figure(outcome.megabytesBefore)) MB after a tenth, \
      \(figure(outcome.megabytesAfter)) MB at the end
      open descriptors: \(outcome.descriptorsBefore), \(outcome.descriptorsAfter)
      """)
    for violation in outcome.violations { print("WRONG: \(violation)") }
    if !outcome.violations.isEmpty { throw ExitCode(1) }
  }
}
