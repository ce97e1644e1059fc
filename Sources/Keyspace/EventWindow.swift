/// The most recent events, for watches to begin from: bounded in number and in bytes, the
/// oldest go first. All events of one revision go together.
public struct EventWindow: Sendable {
  /// What an event costs besides its key and values.
  private static let overheadBytes = 256

  public let maximumCount: Int
  public let maximumBytes: Int

  /// What stands before `head` is gone, and holds nothing any more.
  private var ring: [Event?] = []
  private var head = 0
  private var held = 0

  /// The oldest revision after which every event is here: the lowest `after` that `events`
  /// answers.
  public private(set) var oldestRevision: Revision
  /// The revision of the newest event; `oldestRevision` where there is none.
  public private(set) var newestRevision: Revision

  /// An empty window of what happens after `revision`.
  public init(
    after revision: Revision = 0, maximumCount: Int = 100_000, maximumBytes: Int = 48 << 20
  ) {
    precondition(maximumCount > 0 && maximumBytes > 0, "a window holds something")
    oldestRevision = revision
    newestRevision = revision
    self.maximumCount = maximumCount
    self.maximumBytes = maximumBytes
  }

  public var count: Int { ring.count - head }
  /// Estimated bytes held by the events.
  public var bytes: Int { held }

  /// Adds events of one or several transactions, in revision order; all of one revision in one
  /// call.
  public mutating func append(_ events: [Event]) {
    for event in events {
      precondition(event.revision >= newestRevision, "events arrive in revision order")
      newestRevision = event.revision
      held += Self.cost(event)
    }
    for event in events { ring.append(event) }
    while count > maximumCount || held > maximumBytes, count > 0 { evictOldestRevision() }
    if head > 1024, head > ring.count / 2 {
      ring.removeFirst(head)
      head = 0
    }
  }

  /// Events after `revision` whose key has `prefix`, in order; `nil` where some that came after
  /// it are gone.
  public func events(after revision: Revision, prefix: Key) -> [Event]? {
    guard revision >= oldestRevision else { return nil }
    var low = head
    var high = ring.count
    while low < high {
      let middle = (low + high) / 2
      let isAfter = ring[middle].map { $0.revision > revision } ?? false
      if isAfter { high = middle } else { low = middle + 1 }
    }
    return ring[low...].compactMap { event in
      event.flatMap { $0.key.hasPrefix(prefix) ? $0 : nil }
    }
  }

  private mutating func evictOldestRevision() {
    guard let revision = ring[head]?.revision else { preconditionFailure("what is kept is there") }
    while head < ring.count, let event = ring[head], event.revision == revision {
      held -= Self.cost(event)
      ring[head] = nil
      head += 1
    }
    oldestRevision = revision
    if head == ring.count {
      ring = []
      head = 0
    }
  }

  private static func cost(_ event: Event) -> Int {
    overheadBytes + event.key.bytes.count + event.value.count + (event.previous?.value.count ?? 0)
  }
}
