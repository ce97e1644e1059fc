import Dispatch
import Foundation

/// How a process is told to stop.
enum Signals {
  /// Returns at the first SIGTERM or SIGINT. A second one ends the process at once, for what
  /// hangs while it stops.
  static func waitForStop() async {
    signal(SIGPIPE, SIG_IGN)
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let once = Once()
      for source in sources {
        source.setEventHandler {
          if once.claim() { continuation.resume() } else { _exit(130) }
        }
        source.resume()
      }
    }
    // A source that nobody holds is cancelled, and then no signal would ever arrive.
    withExtendedLifetime(sources) {}
  }

  /// Runs `work`, cancels it when the process is told to stop, and ends the process when what is
  /// cancelled has not ended `withinMilliseconds` later.
  ///
  /// - Throws: what `work` throws.
  static func untilStopped(
    withinMilliseconds: Int = 2_000, _ work: @escaping @Sendable () async throws -> Void
  ) async throws {
    let task = Task { try await work() }
    Task.detached {
      await waitForStop()
      task.cancel()
      try? await Task.sleep(for: .milliseconds(withinMilliseconds))
      exit(0)
    }
    do { try await task.value } catch is CancellationError {}
  }

  private final class Once: Sendable {
    private let lock = NSLock()
    nonisolated(unsafe) private var claimed = false  // Touched under the lock only.

    func claim() -> Bool {
      lock.withLock {
        defer { claimed = true }
        return !claimed
      }
    }
  }
}
