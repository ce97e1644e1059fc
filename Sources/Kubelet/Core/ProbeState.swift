import JSONDocument
import KubernetesAPI

/// A probe's schedule and memory: results in, a verdict out. Pure.
struct ProbeState: Sendable, Hashable {
  enum Kind: String, Sendable, CaseIterable {
    case startup, liveness, readiness

    var field: String { "\(rawValue)Probe" }
    var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
  }

  let kind: Kind
  let containerID: String
  let initialDelaySeconds: Int64
  let periodSeconds: Int64
  let timeoutSeconds: Int
  let successThreshold: Int64
  let failureThreshold: Int64
  private(set) var hasPassed: Bool
  /// As many failures in a row as the threshold: the verdict is no.
  private(set) var hasFailed = false
  private var streak: Int64 = 0
  private var streakIsSuccess = true
  private(set) var nextAt: Timestamp

  init(kind: Kind, probe: JSONValue, containerID: String, startedAt: Timestamp) {
    func number(_ key: String, _ fallback: Int64) -> Int64 {
      min(max(probe[key]?.intValue ?? fallback, 0), 1 << 31)
    }
    self.kind = kind
    self.containerID = containerID
    initialDelaySeconds = number("initialDelaySeconds", 0)
    periodSeconds = max(number("periodSeconds", 10), 1)
    timeoutSeconds = Int(max(number("timeoutSeconds", 1), 1))
    successThreshold = max(number("successThreshold", 1), 1)
    failureThreshold = max(number("failureThreshold", 3), 1)
    // A container is alive until proven otherwise; started and ready it must prove.
    hasPassed = kind == .liveness
    nextAt = startedAt.adding(seconds: initialDelaySeconds)
  }

  /// The container could not be asked: soon again, without a word about its state.
  mutating func postpone(at now: Timestamp) { nextAt = now.adding(seconds: 1) }

  mutating func record(success: Bool, at now: Timestamp) {
    nextAt = now.adding(seconds: periodSeconds)
    streak = success == streakIsSuccess ? streak + 1 : 1
    streakIsSuccess = success
    if success, streak >= successThreshold {
      hasPassed = true
      hasFailed = false
    } else if !success, streak >= failureThreshold {
      hasPassed = false
      hasFailed = true
    }
  }
}
