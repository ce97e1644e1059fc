import Glibc

/// Names the seeds that are under way where an assertion stops the process.
enum SimulationCrashReport {
  static let maximumWorkers = 64
  /// The seed that each worker began last; 0: none.
  ///
  /// A signal handler may touch nothing that is made on demand, so this is plain memory. Each slot is
  /// written by one thread; the handler's glance at the others' harms nobody.
  nonisolated(unsafe) private static let seeds: UnsafeMutablePointer<UInt64> = {
    let seeds = UnsafeMutablePointer<UInt64>.allocate(capacity: maximumWorkers)
    seeds.initialize(repeating: 0, count: maximumWorkers)
    return seeds
  }()

  static func begins(_ seed: UInt64, worker: Int) { seeds[worker] = seed }

  /// Makes a failed assertion print the seeds on its way out.
  static func install() {
    begins(0, worker: 0)
    for signal in [SIGILL, SIGTRAP, SIGSEGV, SIGABRT] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { signal in
        SimulationCrashReport.write()
        var standard = sigaction()
        standard.__sigaction_handler.sa_handler = SIG_DFL
        sigaction(signal, &standard, nil)
        raise(signal)
      }
      sigaction(signal, &action, nil)
    }
  }

  /// Only what is safe within a signal handler: no memory is allocated.
  private static func write() {
    for worker in 0..<maximumWorkers where seeds[worker] != 0 { write(seeds[worker]) }
  }

  private static func write(_ seed: UInt64) {
    let text: StaticString = "\nsimulation: an assertion failed in seed "
    _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
    var divisor: UInt64 = 1
    while seed / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      var digit = 0x30 + UInt8(seed / divisor % 10)
      _ = Glibc.write(2, &digit, 1)
      divisor /= 10
    }
    var newline: UInt8 = 0x0A
    _ = Glibc.write(2, &newline, 1)
  }
}
