import Glibc
import Synchronization

/// Names the seed where an assertion stops the process.
enum SimulationCrashReport {
  /// The seed that was begun last.
  static let seed = Atomic<UInt64>(0)

  /// Makes a failed assertion print the seed on its way out.
  static func install() {
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
    let text: StaticString = "\nsimulation: an assertion failed in seed "
    _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
    let seed = seed.load(ordering: .relaxed)
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
