import Glibc

/// Names the seeds under way where an assertion stops the process, so that they can be run again.
public enum CrashReport {
  /// What is printed for a run: `before`, its seed, and where there is a `between`, that and its
  /// number.
  public struct Wording: Sendable {
    var before: StaticString
    var between: StaticString?

    public init(before: StaticString, between: StaticString? = nil) {
      self.before = before
      self.between = between
    }
  }

  private struct Run {
    var isUnderWay = false
    var seed: UInt64 = 0
    var number: UInt64 = 0
  }

  /// Runs under way at one time.
  public static let maximumWorkers = 64

  // A signal handler may touch nothing that is made on demand, so this is plain memory, made by
  // `install`. Each slot is written by one thread; the handler's glance at the others' harms
  // nobody.
  nonisolated(unsafe) private static let runs: UnsafeMutablePointer<Run> = {
    let runs = UnsafeMutablePointer<Run>.allocate(capacity: maximumWorkers)
    runs.initialize(repeating: Run(), count: maximumWorkers)
    return runs
  }()
  // Written before the handler is there, by the one thread that installs it.
  nonisolated(unsafe) private static let wording: UnsafeMutablePointer<Wording> = {
    let wording = UnsafeMutablePointer<Wording>.allocate(capacity: 1)
    wording.initialize(to: Wording(before: "\nan assertion failed in seed "))
    return wording
  }()

  /// `worker` is below `maximumWorkers`, and each thread has one of its own.
  public static func begins(_ seed: UInt64, number: UInt64 = 0, worker: Int = 0) {
    runs[worker] = Run(isUnderWay: true, seed: seed, number: number)
  }

  public static func ends(worker: Int = 0) { runs[worker].isUnderWay = false }

  /// Makes a failed assertion, or an access to memory that is not there, print the runs under way
  /// on its way out.
  public static func install(_ text: Wording) {
    wording.pointee = text
    ends()
    for signal in [SIGILL, SIGTRAP, SIGSEGV, SIGABRT, SIGBUS, SIGFPE] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { signal in
        CrashReport.write()
        var standard = sigaction()
        standard.__sigaction_handler.sa_handler = SIG_DFL
        sigaction(signal, &standard, nil)
        raise(signal)
      }
      sigaction(signal, &action, nil)
    }
  }

  // Only what is safe within a signal handler: no memory is allocated.

  private static func write() {
    for worker in 0..<maximumWorkers where runs[worker].isUnderWay {
      write(wording.pointee.before)
      write(runs[worker].seed)
      if let between = wording.pointee.between {
        write(between)
        write(runs[worker].number)
      }
      write("\n")
    }
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
