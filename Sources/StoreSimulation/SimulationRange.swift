import Dispatch
import SeededRuns
import Synchronization

/// Runs many seeds, on several threads.
public struct SimulationRange: Sendable {
  public struct Summary: Sendable {
    public var seeds = 0
    /// In the order of their seeds.
    public var failures: [SimulationOutcome] = []
    /// Sums over all seeds.
    public var total = SimulationOutcome(seed: 0)

    init() {}

    mutating func add(_ outcome: SimulationOutcome) {
      seeds += 1
      if !outcome.succeeded { failures.append(outcome) }
      total.add(outcome)
    }

    /// All counts, for people.
    public var counts: String { total.counts }
  }

  private struct State {
    var next: UInt64 = 0
    var summary = Summary()
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

  /// Runs the seeds; each on one thread, and so always with the same result. `finished` is told of
  /// each, one at a time, in the order in which they end.
  ///
  /// - Parameter workers: threads.
  public func run(
    workers: Int = 1, finished: @Sendable (SimulationOutcome) -> Void = { _ in }
  ) -> Summary {
    CrashReport.install(
      CrashReport.Wording(before: "\nsimulation: an assertion failed in seed "))
    let state = Mutex(State())
    let workers = max(1, min(workers, CrashReport.maximumWorkers))
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      var options = options
      options.worker = worker
      while let seed = take(state) {
        let outcome = runSimulation(seed: seed, options: options)
        state.withLock {
          $0.summary.add(outcome)
          finished(outcome)
        }
      }
    }
    var summary = state.withLock { $0.summary }
    summary.failures.sort { $0.seed < $1.seed }
    return summary
  }

  private func take(_ state: borrowing Mutex<State>) -> UInt64? {
    state.withLock { state in
      guard state.next < UInt64(max(0, count)), state.summary.failures.count < maximumFailures
      else { return nil }
      defer { state.next += 1 }
      return first &+ state.next
    }
  }
}
