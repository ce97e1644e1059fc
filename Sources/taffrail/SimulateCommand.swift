import ArgumentParser
import Foundation
import StoreSimulation
import Synchronization

/// `taffrail simulate`: the store on simulated disks, network and clock.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run replicas of the store through simulated faults.",
    discussion: """
      Everything follows from the seed: the same one always tells the same story. With --seed,
      prints what happens, one line an event; with --from and --count, runs many and prints those
      that fail. The exit code is 1 if any does.
      """)

  @Option(help: "Replay one seed and print what happens.")
  var seed: UInt64?

  @Option(help: "The first seed to run.")
  var from: UInt64 = 1

  @Option(help: "How many seeds to run.")
  var count: Int = 1_000

  @Option(help: "Threads that run seeds at once; by default one for each processor.")
  var workers: Int?

  @Option(
    help: ArgumentHelp(
      "One of \(SimulationOptions.Scenario.allCases.map(\.rawValue).joined(separator: ", ")).",
      discussion: "Without it each seed has its own."))
  var scenario: SimulationOptions.Scenario?

  @Flag(help: "With --seed, print only what came of it.")
  var quiet = false

  func validate() throws {
    if count < 1 { throw ValidationError("--count must be at least 1") }
    if let workers, workers < 1 { throw ValidationError("--workers must be at least 1") }
  }

  func run() throws {
    if let seed {
      try replay(seed)
    } else {
      try runRange()
    }
  }

  private func replay(_ seed: UInt64) throws {
    let outcome = runSimulation(
      seed: seed, trace: !quiet, options: SimulationOptions(scenario: scenario))
    for line in outcome.trace { print(line) }
    print(outcome)
    if !outcome.succeeded { throw ExitCode.failure }
  }

  private func runRange() throws {
    let done = Atomic(0)
    let summary = SimulationRange(
      first: from, count: count, options: SimulationOptions(scenario: scenario)
    ).run(workers: workers ?? ProcessInfo.processInfo.activeProcessorCount) { outcome in
      let number = done.add(1, ordering: .relaxed).newValue
      if !outcome.succeeded {
        print("\(outcome)\n  replay with: tools/simulate --seed \(outcome.seed)")
      } else if number.isMultiple(of: 1_000) {
        print("\(number) seeds, the last one \(outcome.seed)")
      } else {
        return
      }
      // Whoever reads a file or a pipe sees it at once, too.
      fflush(nil)
    }
    print("\(summary.seeds) seeds, \(summary.failures.count) failed: \(summary.counts)")
    if !summary.failures.isEmpty { throw ExitCode.failure }
  }
}

extension SimulationOptions.Scenario: ExpressibleByArgument {}
