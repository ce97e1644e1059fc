/// Runs many seeds after one another.
public struct SimulationRange: Sendable {
  public struct Summary: Sendable {
    public var seeds = 0
    public var failures: [SimulationOutcome] = []
    /// Sums over all seeds.
    public var total = SimulationOutcome(seed: 0)

    init() {}

    mutating func add(_ outcome: SimulationOutcome) {
      seeds += 1
      if !outcome.succeeded { failures.append(outcome) }
      total.events += outcome.events
      total.acknowledgedWrites += outcome.acknowledgedWrites
      total.reads += outcome.reads
      total.elections += outcome.elections
      total.crashes += outcome.crashes
      total.installedSnapshots += outcome.installedSnapshots
      total.checkpoints += outcome.checkpoints
      total.tornTails += outcome.tornTails
    }
  }

  public var first: UInt64
  public var count: Int
  /// Stop after so many failures.
  public var maximumFailures: Int
  public var options: SimulationOptions

  public init(
    first: UInt64, count: Int, maximumFailures: Int = 10,
    options: SimulationOptions = SimulationOptions()
  ) {
    self.options = options
    self.first = first
    self.count = count
    self.maximumFailures = maximumFailures
  }

  /// Runs the seeds in order on this thread. `finished` is told of each.
  public func run(finished: (SimulationOutcome) -> Void = { _ in }) -> Summary {
    SimulationCrashReport.install()
    var summary = Summary()
    for offset in 0..<UInt64(max(0, count)) {
      let outcome = runSimulation(seed: first &+ offset, options: options)
      summary.add(outcome)
      finished(outcome)
      if summary.failures.count >= maximumFailures { break }
    }
    return summary
  }
}
