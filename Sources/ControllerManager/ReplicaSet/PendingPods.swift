import KubernetesClient

/// Pods that a controller has made or deleted and whose events have not come yet. Pure: times in
/// nanoseconds are passed in.
///
/// A reconciler that sees the pods through an informer would otherwise make the same pods
/// again. Names are chosen before the call, so no event can come before it is expected.
struct PendingPods: Sendable {
  private struct Owner {
    var creations: Set<String> = []
    var deletions: Set<String> = []
    var since: Int64
  }

  /// After this an event is believed lost; upstream's ExpectationsTimeout.
  static let timeoutNanoseconds: Int64 = 300 * 1_000_000_000

  private var owners: [ObjectKey: Owner] = [:]

  mutating func willCreate(_ name: String, for owner: ObjectKey, now: Int64) {
    owners[owner, default: Owner(since: now)].creations.insert(name)
    owners[owner]?.since = now
  }

  mutating func willDelete(uid: String, for owner: ObjectKey, now: Int64) {
    owners[owner, default: Owner(since: now)].deletions.insert(uid)
    owners[owner]?.since = now
  }

  /// The pod's event came, or the call failed.
  mutating func created(_ name: String, for owner: ObjectKey) {
    owners[owner]?.creations.remove(name)
    removeIfEmpty(owner)
  }

  mutating func deleted(uid: String, for owner: ObjectKey) {
    owners[owner]?.deletions.remove(uid)
    removeIfEmpty(owner)
  }

  mutating func forget(_ owner: ObjectKey) { owners[owner] = nil }

  /// Whether what the informer shows of the owner's pods is what was done.
  func isSettled(_ owner: ObjectKey, now: Int64) -> Bool {
    guard let pending = owners[owner] else { return true }
    return now &- pending.since > Self.timeoutNanoseconds
  }

  private mutating func removeIfEmpty(_ owner: ObjectKey) {
    if let pending = owners[owner], pending.creations.isEmpty, pending.deletions.isEmpty {
      owners[owner] = nil
    }
  }
}
