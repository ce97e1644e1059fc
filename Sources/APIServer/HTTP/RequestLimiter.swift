import KubernetesAPI
import Synchronization

/// Bounds the requests that are worked on at one time, so that a flood gets 429 instead of
/// taking all memory.
final class RequestLimiter: Sendable {
  private let inFlight = Mutex((all: 0, mutating: 0))
  private let maximum: Int
  private let maximumMutating: Int

  init(maximum: Int, maximumMutating: Int) {
    self.maximum = maximum
    self.maximumMutating = maximumMutating
  }

  /// Requests that are worked on.
  var current: (readOnly: Int, mutating: Int) {
    inFlight.withLock { ($0.all, $0.mutating) }
  }

  static let tooMany = APIStatus(
    code: 429, reason: "TooManyRequests",
    message: "Too many requests, please try again later.", retryAfterSeconds: 1)

  func enter(isMutating: Bool) -> Bool {
    inFlight.withLock { count in
      if isMutating {
        guard count.mutating < maximumMutating else { return false }
        count.mutating += 1
      } else {
        guard count.all < maximum else { return false }
        count.all += 1
      }
      return true
    }
  }

  func leave(isMutating: Bool) {
    inFlight.withLock { count in
      if isMutating { count.mutating -= 1 } else { count.all -= 1 }
    }
  }
}
