/// The pods that wait for a node. Pure: times in milliseconds are passed in.
///
/// Active pods are tried by priority, then in the order of arrival. A pod that fits nowhere waits
/// until something changes, and then for its backoff, which doubles with each try in vain.
public struct SchedulingQueue: Sendable {
  /// Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds.
  public static let initialBackoffMilliseconds: Int64 = 1_000
  public static let maximumBackoffMilliseconds: Int64 = 10_000
  /// Waiting pods are tried again after this even if nothing seems to have changed.
  public static let maximumWaitMilliseconds: Int64 = 300_000

  private enum Place: Equatable {
    case active
    /// Tried in vain; nothing has changed since.
    case waiting(since: Int64)
    case backingOff(until: Int64)
  }

  private struct Entry {
    var pod: SchedulingPod
    var cause: UInt64
    var place: Place
    var attempts = 0
    var triedAt: Int64 = 0
    var arrival: UInt64
  }

  private struct Order: Comparable {
    var priority: Int64
    var arrival: UInt64
    var uid: String

    static func < (left: Self, right: Self) -> Bool {
      if left.priority != right.priority { return left.priority > right.priority }
      return left.arrival < right.arrival
    }
  }

  /// Changes of the cluster are looked at together, at most this often: a thousand waiting pods
  /// times a thousand changes would be a million looks.
  static let lookMilliseconds: Int64 = 20

  private var entries: [String: Entry] = [:]
  private var active: [Order] = []
  /// The uids of the entries that are not active.
  private var inactive: Set<String> = []
  private var hasChanged = false
  private var lookedAt: Int64 = .min
  private var arrivals: UInt64 = 0

  public init() {}

  public var isEmpty: Bool { entries.isEmpty }
  public var activeCount: Int { entries.count - inactive.count }

  /// Adds a pod, or takes note of its change, which may let it fit.
  public mutating func add(_ pod: SchedulingPod, cause: UInt64, now: Int64) {
    if var entry = entries[pod.uid] {
      let isSame = entry.pod.object["spec"] == pod.object["spec"] && entry.pod.labels == pod.labels
      entry.pod = pod
      entries[pod.uid] = entry
      // The status that this scheduler wrote itself is no reason to try again.
      if !isSame {
        entries[pod.uid]?.cause = cause
        retry(pod.uid, now: now)
      }
      return
    }
    arrivals += 1
    entries[pod.uid] = Entry(pod: pod, cause: cause, place: .active, arrival: arrivals)
    push(pod.uid)
  }

  public mutating func remove(_ uid: String) {
    entries[uid] = nil
    inactive.remove(uid)
  }

  /// The next pod to try. It stays known until it is placed (`remove`) or failed.
  public mutating func pop() -> (pod: SchedulingPod, cause: UInt64)? {
    while let order = popOrder() {
      // Orders of pods that were removed or moved meanwhile are void.
      guard let entry = entries[order.uid], entry.place == .active,
        entry.arrival == order.arrival
      else { continue }
      return (entry.pod, entry.cause)
    }
    return nil
  }

  /// The pod fits nowhere.
  public mutating func failed(_ uid: String, now: Int64) {
    guard entries[uid] != nil else { return }
    inactive.insert(uid)
    entries[uid]?.place = .waiting(since: now)
    entries[uid]?.attempts += 1
    entries[uid]?.triedAt = now
  }

  /// The pod fits, but could not be bound: it is tried again soon.
  public mutating func failedToBind(_ pod: SchedulingPod, cause: UInt64, now: Int64) {
    arrivals += 1
    var entry = Entry(pod: pod, cause: cause, place: .active, arrival: arrivals)
    entry.attempts = 1
    entry.triedAt = now
    entry.place = .backingOff(until: now &+ Self.backoff(entry.attempts))
    entries[pod.uid] = entry
    inactive.insert(pod.uid)
  }

  /// Something changed that may let waiting pods fit; `advance` moves them.
  public mutating func clusterChanged() { hasChanged = true }

  /// Moves pods whose time has come.
  public mutating func advance(to now: Int64) {
    guard lookedAt == .min || now &- lookedAt >= Self.lookMilliseconds else { return }
    lookedAt = now
    for uid in inactive {
      guard let entry = entries[uid] else { continue }
      switch entry.place {
      case .active: break
      case .backingOff(let until): if until <= now { activate(uid) }
      case .waiting(let since):
        if now &- since >= Self.maximumWaitMilliseconds {
          activate(uid)
        } else if hasChanged {
          retry(uid, now: now)
        }
      }
    }
    hasChanged = false
  }

  private mutating func retry(_ uid: String, now: Int64) {
    guard let entry = entries[uid], entry.place != .active else { return }
    let until = entry.triedAt &+ Self.backoff(entry.attempts)
    if until <= now {
      activate(uid)
    } else {
      entries[uid]?.place = .backingOff(until: until)
    }
  }

  private mutating func activate(_ uid: String) {
    inactive.remove(uid)
    entries[uid]?.place = .active
    push(uid)
  }

  private static func backoff(_ attempts: Int) -> Int64 {
    let shift = Int64(min(max(attempts - 1, 0), 16))
    return min(initialBackoffMilliseconds << shift, maximumBackoffMilliseconds)
  }

  // A binary heap.
  private mutating func push(_ uid: String) {
    guard let entry = entries[uid] else { return }
    active.append(Order(priority: entry.pod.priority, arrival: entry.arrival, uid: uid))
    var child = active.count - 1
    while child > 0, active[child] < active[(child - 1) / 2] {
      active.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func popOrder() -> Order? {
    guard let first = active.first else { return nil }
    active.swapAt(0, active.count - 1)
    active.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < active.count && active[child] < active[least] {
        least = child
      }
      if least == parent { return first }
      active.swapAt(parent, least)
      parent = least
    }
  }
}
