import Glibc

/// Names the case under way where an assertion stops the process.
enum FuzzCrashReport {
  /// Seed and number of the case; the number is -1 where none is under way.
  ///
  /// A signal handler may touch nothing that is made on demand, so this is plain memory, written by
  /// one thread.
  nonisolated(unsafe) private static let place: UnsafeMutablePointer<(seed: UInt64, number: Int)> =
    {
      let place = UnsafeMutablePointer<(seed: UInt64, number: Int)>.allocate(capacity: 1)
      place.initialize(to: (0, -1))
      return place
    }()

  static func begins(_ number: Int) { place.pointee.number = number }
  static func ends() { place.pointee.number = -1 }

  /// Makes a failed assertion print the case on its way out.
  static func install(seed: UInt64) {
    place.pointee = (seed, -1)
    for signal in [SIGILL, SIGTRAP, SIGSEGV, SIGABRT, SIGBUS, SIGFPE] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { signal in
        FuzzCrashReport.write()
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
    guard place.pointee.number >= 0 else { return }
    write("\nan assertion failed; again with: tools/fuzz-store --count 1 --seed ")
    write(place.pointee.seed)
    write(" --from ")
    write(UInt64(place.pointee.number))
    write("\n")
  }

  private static func write(_ text: StaticString) {
    _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
  }

  private static func write(_ number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      var digit = 0x30 + UInt8(number / divisor % 10)
      _ = Glibc.write(2, &digit, 1)
      divisor /= 10
    }
  }
}
