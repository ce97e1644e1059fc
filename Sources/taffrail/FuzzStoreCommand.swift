import ArgumentParser
import ClusterTools
import Foundation

/// `taffrail fuzz-store`: changed bytes for everything that reads a disk or the network.
struct FuzzStoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz-store",
    abstract: "Feed changed bytes to everything that reads a disk or the network.",
    discussion: """
      Frames and messages of peers, logs (also behind right checksums), transactions, memberships, \
      votes, states on their way, projections, backups, the files of a replica's folder, bodies and \
      parameters of requests. None may stop the process. Each case follows from the seed and its \
      number; where one stops the process its number is printed, and --from N --count 1 tries it \
      again. The exit code is not 0 if anything was wrong.
      """)

  @Option(help: "How many cases.")
  var count = 1_000_000

  @Option(help: "What they follow from.")
  var seed: UInt64 = 1

  @Option(help: "The number of the first.")
  var from = 0

  func validate() throws {
    if !(1...1_000_000_000).contains(count) { throw ValidationError("--count is 1 to 1000000000") }
    if !(0...1_000_000_000_000).contains(from) {
      throw ValidationError("--from is 0 to 1000000000000")
    }
  }

  func run() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("taffrail-fuzz-\(UUID().uuidString.prefix(8).lowercased())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try StoreFuzz(folder: folder, seed: seed, first: from, count: count).run {
      FileHandle.standardError.write(Data("  \($0)\n".utf8))
    }
    let cases = outcome.cases.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    print(
      "seed \(seed): \(outcome.total) cases, none stopped the process (\(cases.joined(separator: ", ")))"
    )
    for violation in outcome.violations { print("WRONG: \(violation)") }
    if !outcome.violations.isEmpty { throw ExitCode(1) }
  }
}
