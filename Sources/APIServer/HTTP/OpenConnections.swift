import NIOCore
import Synchronization

/// The connections of a listener and the tasks that answer on them, so that a stop can close the
/// ones and wait for the others: their event loops must outlive them.
final class OpenConnections: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var tasks = 0
    var isStopping = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  private let maximum: Int

  let executors: LoopExecutors

  init(maximum: Int, executors: LoopExecutors) {
    self.maximum = maximum
    self.executors = executors
  }

  /// False where there are too many, or the listener is stopping: the connection has to go.
  func add(_ channel: any Channel) -> Bool {
    let isTaken = state.withLock { state in
      guard !state.isStopping, state.channels.count < maximum else { return false }
      state.channels[ObjectIdentifier(channel)] = channel
      return true
    }
    guard isTaken else { return false }
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { $0.channels[ObjectIdentifier(channel)] = nil }
    }
    return true
  }

  /// False where the listener is stopping: nothing new begins.
  func beginTask() -> Bool {
    state.withLock { state in
      guard !state.isStopping else { return false }
      state.tasks += 1
      return true
    }
  }

  func endTask() {
    let waiters = state.withLock { state in
      state.tasks -= 1
      precondition(state.tasks >= 0, "a task ended that never began")
      guard state.tasks == 0 else { return [CheckedContinuation<Void, Never>]() }
      let waiters = state.waiters
      state.waiters = []
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Closes all connections, which cancels their tasks, and returns once those have ended.
  func stop() async {
    let channels = state.withLock { state in
      state.isStopping = true
      return Array(state.channels.values)
    }
    for channel in channels { channel.close(promise: nil) }
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state in
        if state.tasks == 0 { return true }
        state.waiters.append(continuation)
        return false
      }
      if isDone { continuation.resume() }
    }
  }
}
