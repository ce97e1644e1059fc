/// What a work queue knows, without a clock: times are passed in, in nanoseconds.
///
/// Each key is worked on by one worker at a time, and queued at most once: what is added while
/// it is worked on makes it go around once more. So the queue is bounded by the number of keys.
/// With each key goes its cause, the newest revision that asked for it.
public struct WorkQueueState<Key: Hashable & Sendable>: Sendable {
  public struct Item: Sendable, Hashable {
    public var key: Key
    public var cause: UInt64
  }

  private struct Entry {
    var cause: UInt64
    var isQueued: Bool
    var isProcessing: Bool
  }

  private struct Delayed {
    var deadline: Int64
    var cause: UInt64
  }

  /// Of client-go's controller rate limiter; the maximum is lower, so that recovery is prompt.
  public static var initialBackoffMilliseconds: Int64 { 5 }
  public static var maximumBackoffMilliseconds: Int64 { 30_000 }

  private var entries: [Key: Entry] = [:]
  private var ready: [Key] = []
  private var readyHead = 0
  private var delayed: [Key: Delayed] = [:]
  private var deadlines = DeadlineHeap<Key>()
  private var failures: [Key: Int] = [:]

  public init() {}

  /// Keys that wait to be taken now.
  public var readyCount: Int { ready.count - readyHead }
  /// The next time at which `advance` makes a key ready.
  public var nextDeadline: Int64? { deadlines.first?.deadline }
  public var isIdle: Bool { entries.isEmpty && delayed.isEmpty }

  public mutating func add(_ key: Key, cause: UInt64) {
    guard var entry = entries[key] else {
      entries[key] = Entry(cause: cause, isQueued: true, isProcessing: false)
      ready.append(key)
      return
    }
    entry.cause = max(entry.cause, cause)
    if !entry.isQueued {
      entry.isQueued = true
      if !entry.isProcessing { ready.append(key) }
    }
    entries[key] = entry
  }

  /// Adds the key at `deadline`, or earlier if an earlier deadline was set before.
  public mutating func add(_ key: Key, cause: UInt64, at deadline: Int64) {
    if var known = delayed[key] {
      known.cause = max(known.cause, cause)
      let isEarlier = deadline < known.deadline
      if isEarlier { known.deadline = deadline }
      delayed[key] = known
      if isEarlier { deadlines.insert(key, deadline: deadline) }
    } else {
      delayed[key] = Delayed(deadline: deadline, cause: cause)
      deadlines.insert(key, deadline: deadline)
    }
  }

  /// Makes the keys ready whose deadline has come.
  public mutating func advance(to now: Int64) {
    while let first = deadlines.first, first.deadline <= now {
      deadlines.removeFirst()
      // An earlier deadline has replaced this one, or it has been served.
      guard let known = delayed[first.key], known.deadline == first.deadline else { continue }
      delayed[first.key] = nil
      add(first.key, cause: known.cause)
    }
  }

  /// The next key to work on; `done` must follow.
  public mutating func take() -> Item? {
    guard readyHead < ready.count else { return nil }
    let key = ready[readyHead]
    readyHead += 1
    if readyHead == ready.count || (readyHead > 1024 && readyHead * 2 > ready.count) {
      ready.removeFirst(readyHead)
      readyHead = 0
    }
    guard var entry = entries[key] else { preconditionFailure("a queued key has no entry") }
    precondition(entry.isQueued && !entry.isProcessing)
    let item = Item(key: key, cause: entry.cause)
    entry.isQueued = false
    entry.isProcessing = true
    entry.cause = 0
    entries[key] = entry
    return item
  }

  public mutating func done(_ key: Key) {
    guard var entry = entries[key], entry.isProcessing else { return }
    guard entry.isQueued else {
      entries[key] = nil
      return
    }
    entry.isProcessing = false
    entries[key] = entry
    ready.append(key)
  }

  /// Adds the key after a pause that doubles with each failure in a row.
  public mutating func addAfterFailure(_ key: Key, cause: UInt64, now: Int64) {
    let count = failures[key] ?? 0
    failures[key] = count + 1
    let pause = min(
      Self.initialBackoffMilliseconds << Int64(min(count, 30)), Self.maximumBackoffMilliseconds)
    add(key, cause: cause, at: now &+ pause &* 1_000_000)
  }

  /// Ends the key's row of failures.
  public mutating func forgetFailures(_ key: Key) { failures[key] = nil }
}

/// A binary heap of keys, the earliest deadline first.
struct DeadlineHeap<Key: Sendable>: Sendable {
  struct Element: Sendable {
    var deadline: Int64
    var key: Key
  }

  private var elements: [Element] = []

  var first: Element? { elements.first }

  mutating func insert(_ key: Key, deadline: Int64) {
    elements.append(Element(deadline: deadline, key: key))
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child].deadline < elements[parent].deadline else { break }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() {
    guard !elements.isEmpty else { return }
    elements.swapAt(0, elements.count - 1)
    elements.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < elements.count {
        if elements[child].deadline < elements[least].deadline { least = child }
      }
      if least == parent { return }
      elements.swapAt(parent, least)
      parent = least
    }
  }
}
