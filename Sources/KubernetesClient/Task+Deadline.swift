import Synchronization

extension Task where Failure == Never, Success == Void {
  /// Waits until the task has ended, at most for a while: for what should be given a chance while
  /// a process stops, and must not keep it.
  ///
  /// - Returns: whether it has ended. Otherwise it goes on, and nobody waits for it.
  @discardableResult
  public func ended(withinMilliseconds milliseconds: Int) async -> Bool {
    await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
      let race = Race(continuation)
      let timer = Task<Void, Never>.detached {
        try? await Task<Never, Never>.sleep(for: .milliseconds(milliseconds))
        race.finish(false)
      }
      Task<Void, Never>.detached {
        await self.value
        race.finish(true)
        timer.cancel()
      }
    }
  }
}

/// A continuation that the first of two resumes.
private final class Race: Sendable {
  private let continuation: Mutex<CheckedContinuation<Bool, Never>?>

  init(_ continuation: CheckedContinuation<Bool, Never>) {
    self.continuation = Mutex(continuation)
  }

  func finish(_ result: Bool) {
    let first = continuation.withLock { waiting in
      defer { waiting = nil }
      return waiting
    }
    first?.resume(returning: result)
  }
}
