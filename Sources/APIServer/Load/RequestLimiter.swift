import KubernetesAPI
import Synchronization

/// Bounds the requests that are worked on at one time, fairly between users: whoever asks for more
/// than a share waits, and whoever has too many waiting gets 429, while others are served.
final class RequestLimiter: Sendable {
  /// How requests are told apart; each kind has bounds of its own.
  enum Kind: Sendable {
    case reading, mutating
    /// What the cluster itself lives on: health, and the leases and statuses of its parts.
    case system
    /// Watches and the like, which last as long as their clients wish.
    case longRunning
  }

  private let reading: RequestQueue
  private let mutating: RequestQueue
  private let system: RequestCount
  private let longRunning: RequestCount

  init(
    reading: FairQueues.Limits, mutating: FairQueues.Limits, maximumSystem: Int = 1_000,
    maximumLongRunning: Int = 10_000, waitMilliseconds: UInt64 = 10_000
  ) {
    self.reading = RequestQueue(limits: reading, waitMilliseconds: waitMilliseconds)
    self.mutating = RequestQueue(limits: mutating, waitMilliseconds: waitMilliseconds)
    system = RequestCount(maximum: maximumSystem)
    longRunning = RequestCount(maximum: maximumLongRunning)
  }

  /// Requests that are worked on.
  var current: (readOnly: Int, mutating: Int) { (reading.working, mutating.working) }

  static let tooMany = APIStatus(
    code: 429, reason: "TooManyRequests",
    message: "Too many requests, please try again later.", retryAfterSeconds: 1)

  /// Suspends until the request may be worked on. False: it is refused, and must not `leave`.
  func enter(_ kind: Kind, user: String) async -> Bool {
    switch kind {
    case .reading: await reading.enter(user: user)
    case .mutating: await mutating.enter(user: user)
    case .system: system.enter()
    case .longRunning: longRunning.enter()
    }
  }

  func leave(_ kind: Kind, user: String) {
    switch kind {
    case .reading: reading.leave(user: user)
    case .mutating: mutating.leave(user: user)
    case .system: system.leave()
    case .longRunning: longRunning.leave()
    }
  }
}

/// A bound without a queue.
final class RequestCount: Sendable {
  private let count = Mutex(0)
  private let maximum: Int

  init(maximum: Int) { self.maximum = maximum }

  func enter() -> Bool {
    count.withLock { count in
      guard count < maximum else { return false }
      count += 1
      return true
    }
  }

  func leave() { count.withLock { $0 -= 1 } }
}

/// The waiting of `FairQueues`: tasks that are suspended until their request may begin.
final class RequestQueue: Sendable {
  private typealias Continuation = CheckedContinuation<Bool, Never>

  private struct State {
    var queues: FairQueues
    var nextID = 0
    /// Of those that the queues hold, and that have come so far as to suspend.
    var suspended: [Int: Continuation] = [:]
    /// Decided before they came so far.
    var decided: [Int: Bool] = [:]
  }

  private let state: Mutex<State>
  private let waitMilliseconds: UInt64

  init(limits: FairQueues.Limits, waitMilliseconds: UInt64) {
    state = Mutex(State(queues: FairQueues(limits: limits)))
    self.waitMilliseconds = waitMilliseconds
  }

  /// Requests that are worked on.
  var working: Int { state.withLock { $0.queues.working } }

  func enter(user: String) async -> Bool {
    let (decision, id, refused) = state.withLock { state in
      state.nextID += 1
      let id = state.nextID
      let decision = state.queues.arrive(user: user, id: id)
      var refused: Continuation?
      if case .waitInsteadOf(let other) = decision { refused = Self.decide(other, false, &state) }
      return (decision, id, refused)
    }
    refused?.resume(returning: false)
    switch decision {
    case .start: return true
    case .refuse: return false
    case .wait, .waitInsteadOf: return await wait(user: user, id: id)
    }
  }

  private func wait(user: String, id: Int) async -> Bool {
    // Only while the server has more to do than places: what a task costs does not matter here.
    let milliseconds = waitMilliseconds
    let limit = Task { [weak self] in
      try await Task.sleep(nanoseconds: milliseconds * 1_000_000)
      self?.giveUp(user: user, id: id)
    }
    let mayBegin = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: Continuation) in
        let decided = state.withLock { state -> Bool? in
          if let decided = state.decided.removeValue(forKey: id) { return decided }
          state.suspended[id] = continuation
          return nil
        }
        if let decided { continuation.resume(returning: decided) }
      }
    } onCancel: {
      giveUp(user: user, id: id)
    }
    limit.cancel()
    return mayBegin
  }

  private func giveUp(user: String, id: Int) {
    let continuation = state.withLock { state -> Continuation? in
      guard state.queues.leave(user: user, id: id) else { return nil }
      return Self.decide(id, false, &state)
    }
    continuation?.resume(returning: false)
  }

  func leave(user: String) {
    let started = state.withLock { state in
      state.queues.end(user: user).compactMap { Self.decide($0, true, &state) }
    }
    for continuation in started { continuation.resume(returning: true) }
  }

  /// Tells a waiting request what became of it: now, if it is suspended, or when it comes so far.
  private static func decide(_ id: Int, _ mayBegin: Bool, _ state: inout State) -> Continuation? {
    if let continuation = state.suspended.removeValue(forKey: id) { return continuation }
    state.decided[id] = mayBegin
    return nil
  }
}
