import Synchronization

/// Wakes one waiting task; wakes in between fold into one.
final class Signal: Sendable {
  private struct State {
    var isSet = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func set() {
    let waiter = state.withLock { state in
      state.isSet = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Returns when set, or at once when it was, or when the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if state.isSet || Task.isCancelled { return true }
          state.waiter = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      set()
    }
    state.withLock { $0.isSet = false }
  }

  func wait(atMostMilliseconds limit: Int64) async {
    let alarm = Task {
      try? await Task.sleep(for: .milliseconds(max(limit, 0)))
      if !Task.isCancelled { self.set() }
    }
    await wait()
    alarm.cancel()
  }
}
