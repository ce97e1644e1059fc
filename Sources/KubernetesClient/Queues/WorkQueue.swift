import NIOConcurrencyHelpers

/// A queue of keys for reconcilers; `WorkQueueState` says in which order. Adding never blocks.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
  public typealias Item = WorkQueueState<Key>.Item

  private struct State {
    var core = WorkQueueState<Key>()
    var waiters: [(id: UInt64, continuation: CheckedContinuation<Item?, Never>)] = []
    var nextWaiter: UInt64 = 0
    /// When the timer that is set goes off.
    var timerDeadline: Int64?
    var isShutDown = false
  }

  private let state = NIOLockedValueBox(State())

  public init() {}

  /// `cause`: the revision of the event that asks for the key.
  public func add(_ key: Key, cause: UInt64) {
    change { $0.add(key, cause: cause) }
  }

  public func add(_ key: Key, cause: UInt64, afterMilliseconds: Int64) {
    let deadline = MonotonicClock.nowNanoseconds &+ max(0, afterMilliseconds) &* 1_000_000
    change { $0.add(key, cause: cause, at: deadline) }
  }

  public func addAfterFailure(_ key: Key, cause: UInt64) {
    change { $0.addAfterFailure(key, cause: cause, now: MonotonicClock.nowNanoseconds) }
  }

  public func forgetFailures(_ key: Key) {
    state.withLockedValue { $0.core.forgetFailures(key) }
  }

  public func done(_ key: Key) { change { $0.done(key) } }

  public var readyCount: Int { state.withLockedValue { $0.core.readyCount } }
  /// Nothing is queued, delayed or worked on.
  public var isIdle: Bool { state.withLockedValue { $0.core.isIdle } }

  /// The next key, as soon as there is one; nil once the queue is shut down or the task is
  /// cancelled. The caller must call `done`.
  public func next() async -> Item? {
    let taken: (item: Item?, isOver: Bool, id: UInt64) = state.withLockedValue { state in
      state.nextWaiter += 1
      return (state.core.take(), state.isShutDown, state.nextWaiter)
    }
    if let item = taken.item { return item }
    if taken.isOver { return nil }
    let id = taken.id
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let outcome: Item?? = state.withLockedValue { state in
          if state.isShutDown || Task.isCancelled { return .some(nil) }
          if let item = state.core.take() { return .some(item) }
          state.waiters.append((id, continuation))
          return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
      }
    } onCancel: {
      let waiter: CheckedContinuation<Item?, Never>? = state.withLockedValue { state in
        guard let position = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiters.remove(at: position).continuation
      }
      waiter?.resume(returning: nil)
    }
  }

  /// Lets every waiting worker go.
  public func shutDown() {
    let waiters = state.withLockedValue { state in
      state.isShutDown = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.continuation.resume(returning: nil) }
  }

  private func change(_ body: (inout WorkQueueState<Key>) -> Void) {
    var woken: [(CheckedContinuation<Item?, Never>, Item)] = []
    let timer: Int64? = state.withLockedValue { state in
      body(&state.core)
      while !state.waiters.isEmpty, let item = state.core.take() {
        woken.append((state.waiters.removeFirst().continuation, item))
      }
      guard let deadline = state.core.nextDeadline, !state.isShutDown,
        deadline < state.timerDeadline ?? .max
      else { return nil }
      state.timerDeadline = deadline
      return deadline
    }
    for (continuation, item) in woken { continuation.resume(returning: item) }
    if let timer { sleep(until: timer) }
  }

  private func sleep(until deadline: Int64) {
    let pause = max(0, deadline &- MonotonicClock.nowNanoseconds)
    // Weak: a queue that nobody holds any more need not wait for its timers.
    Task { [weak self] in
      try? await Task.sleep(for: .nanoseconds(pause))
      self?.timerFired(deadline)
    }
  }

  private func timerFired(_ deadline: Int64) {
    state.withLockedValue { state in
      if state.timerDeadline == deadline { state.timerDeadline = nil }
    }
    change { $0.advance(to: MonotonicClock.nowNanoseconds) }
  }
}
