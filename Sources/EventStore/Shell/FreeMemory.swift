import ChildProcesses

#if canImport(Glibc)
  import CMalloc
#endif

/// Gives memory that was freed after a burst of writes back to the system.
///
/// The C library keeps what is freed below other allocations of an arena. A burst leaves much of
/// that behind: entries, events and values that were replaced; and code that ran for it alone.
/// Going through both takes milliseconds in which others wait for them, so it is done only once
/// nothing has been written for a while.
struct FreeMemory {
  /// Bytes of entries that are worth the effort.
  private static let worthwhileBytes = 8 << 20
  private static let quietNanoseconds: UInt64 = 500_000_000

  private var usedBytes = 0
  private var lastUse: UInt64 = 0

  /// Entries of so many bytes were written and are let go.
  mutating func wasUsed(bytes: Int) {
    usedBytes += bytes
    lastUse = monotonicNanoseconds()
  }

  /// When to look again, if nothing else comes: `deadline`, or earlier.
  func due(before deadline: UInt64) -> UInt64 {
    usedBytes >= Self.worthwhileBytes ? min(deadline, lastUse + Self.quietNanoseconds) : deadline
  }

  /// - Parameter release: lets go of what else is kept for the next burst; called only if memory is
  ///   given back.
  mutating func giveBack(releasing release: () -> Void = {}) {
    guard usedBytes >= Self.worthwhileBytes,
      monotonicNanoseconds() >= lastUse + Self.quietNanoseconds
    else { return }
    usedBytes = 0
    release()
    #if canImport(Glibc)
      malloc_trim(0)
    #endif
    ProgramPages.giveBack()
  }
}
