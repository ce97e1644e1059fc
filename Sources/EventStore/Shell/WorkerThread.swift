import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A thread of its own for work that blocks, which can be waited for.
final class WorkerThread: Sendable {
  private let finished: DispatchGroup

  /// - Parameter isBackground: what waits on others' answers goes before it where cores are
  ///   scarce.
  init(name: String, isBackground: Bool = false, _ body: @escaping @Sendable () -> Void) {
    let finished = DispatchGroup()
    self.finished = finished
    finished.enter()
    let thread = Thread {
      // Set from within, it is also what `top -H` and profilers show (at most 15 bytes).
      Thread.current.name = "store-\(name)"
      #if canImport(Glibc)
        // On Linux, unlike POSIX, niceness is a thread's own (setpriority(2), "C library/kernel
        // differences").
        if isBackground {
          setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.backgroundNiceness)
        }
      #endif
      body()
      finished.leave()
    }
    thread.stackSize = 2 << 20
    thread.start()
  }

  private static let backgroundNiceness: Int32 = 10

  func join() { finished.wait() }
}
