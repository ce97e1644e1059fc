import KubernetesAPI

/// How long a container that keeps ending waits for its next start.
///
/// The first restart is immediate; then 10 s, doubling to 5 minutes; a container that ran for 10
/// minutes begins anew. The figures are upstream's.
struct RestartBackoff: Sendable, Hashable {
  static let initialSeconds: Int64 = 10
  static let maximumSeconds: Int64 = 300
  static let resetSeconds: Int64 = 600

  private var delays: [String: Int64] = [:]

  /// When the container may start again after an instance that ran from `started` to `finished`.
  func notBefore(_ name: String, started: Timestamp?, finished: Timestamp) -> Timestamp {
    guard let delay = delays[name], !hasRecovered(started, finished) else { return finished }
    return finished.adding(seconds: delay)
  }

  /// The seconds in force, for the message that tells of them.
  func delaySeconds(_ name: String) -> Int64 { delays[name] ?? 0 }

  mutating func restarted(_ name: String, started: Timestamp?, finished: Timestamp) {
    if hasRecovered(started, finished) { delays[name] = nil }
    delays[name] = min((delays[name] ?? Self.initialSeconds / 2) * 2, Self.maximumSeconds)
  }

  private func hasRecovered(_ started: Timestamp?, _ finished: Timestamp) -> Bool {
    guard let started else { return false }
    return finished.milliseconds(since: started) >= Self.resetSeconds * 1000
  }
}
