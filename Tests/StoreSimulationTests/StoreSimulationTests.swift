import StoreSimulation
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct StoreSimulationTests {
  /// Release builds run a thousand seeds, debug builds, which are slower, a hundred.
  private static var seedCount: Int {
    if let text = getenv("TAFFRAIL_SIMULATION_SEEDS"), let count = Int(String(cString: text)) {
      return count
    }
    #if DEBUG
      return 100
    #else
      return 1_000
    #endif
  }

  @Test func everySeedHoldsItsPromises() {
    let summary = SimulationRange(first: 1, count: Self.seedCount).run(workers: 2)
    for failure in summary.failures {
      Issue.record(
        "\(failure)\nreplay with: tools/simulate --seed \(failure.seed)")
    }
    // The faults are real ones, and work gets done in spite of them.
    let total = summary.total
    #expect(total.acknowledgedWrites > summary.seeds * 10)
    #expect(total.reads > summary.seeds)
    #expect(total.elections > summary.seeds)
    #expect(total.crashes > summary.seeds)
    #expect(total.installedSnapshots > 0)
    #expect(total.tornTails > 0)
    #expect(total.damages > 0)
    #expect(total.restored > 0)
    #expect(total.setAside + total.tainted > 0)
    print("simulation: \(summary.seeds) seeds, \(summary.counts)")
  }

  /// 2183: a storm of appends, each refused one begetting many. The others: the only replica with the
  /// entry that removes it had the best log, and did not stand.
  @Test(arguments: [2_183, 4_113, 22_383, 47_497, 99_987] as [UInt64])
  func whatOnceFailedDoesNotFailAgain(seed: UInt64) {
    let outcome = runSimulation(seed: seed)
    #expect(outcome.succeeded, "\(outcome)")
  }

  /// A failure can be replayed: the same seed tells the same story, traced or not.
  @Test(arguments: [3, 14, 159] as [UInt64])
  func aSeedAlwaysTellsTheSameStory(seed: UInt64) {
    let first = runSimulation(seed: seed, trace: true)
    let second = runSimulation(seed: seed, trace: true)
    let untraced = runSimulation(seed: seed, trace: false)
    #expect(first.trace == second.trace)
    #expect(!first.trace.isEmpty)
    #expect(first.fingerprint == untraced.fingerprint)
    #expect(first.events == untraced.events)
  }

  /// A state in which a bit has changed is noticed by comparison with the others, and replaced.
  @Test func aStateThatDiffersIsReplaced() {
    var outcomes: [SimulationOutcome] = []
    for seed in 1...600 as ClosedRange<UInt64> where outcomes.count < 2 {
      let outcome = runSimulation(seed: seed, options: SimulationOptions(scenario: .anything))
      #expect(outcome.failure == nil, "\(outcome)")
      if outcome.quarantined > 0 { outcomes.append(outcome) }
    }
    #expect(outcomes.count == 2)
  }
}
