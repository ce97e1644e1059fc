/// What watches promise, held against what several of them saw of the same keys: ordered, unique,
/// reliable, resumable, bookmarkable, and with the right previous value.
///
/// A key's writes are told apart by their values, and each write has a revision of its own, so that
/// the events of one revision can't be given in parts.
public struct WatchCheck: Sendable {
  /// A write that was acknowledged.
  public struct Acknowledged: Sendable, Hashable {
    public var key: String
    public var value: Int
    public var revision: UInt64

    public init(key: String, value: Int, revision: UInt64) {
      self.key = key
      self.value = value
      self.revision = revision
    }
  }

  public var streams: [WatchStream] = []
  public var acknowledged: [Acknowledged] = []
  /// Values of writes that were refused.
  public var refused: Set<Int> = []
  /// What a list returned when all was over, and every stream had been given time to come so far.
  public var final: [String: (value: Int, revision: UInt64)] = [:]
  public var finalRevision: UInt64 = 0

  private static let maximumViolations = 50

  public init() {}

  /// What is wrong, a sentence each; empty when all promises held.
  public var violations: [String] {
    var violations: [String] = []
    for stream in streams { violations += Self.disorder(in: stream) }
    let (events, contradictions) = union
    violations += contradictions
    violations += replay(events)
    for stream in streams { violations += gaps(in: stream, events) }
    let byRevision = Dictionary(events.map { ($0.revision, $0) }, uniquingKeysWith: { $1 })
    for write in acknowledged {
      guard let event = byRevision[write.revision] else {
        violations.append(
          "\(write.key) = \(write.value) was acknowledged as revision \(write.revision), of which "
            + "no watch tells")
        continue
      }
      if event.key != write.key || event.value != write.value || event.kind == .deleted {
        violations.append(
          "\(write.key) = \(write.value) was acknowledged as revision \(write.revision), which is "
            + Self.text(event))
      }
    }
    for event in events where event.kind != .deleted && refused.contains(event.value) {
      violations.append("\(Self.text(event)), which was refused")
    }
    return Array(violations.prefix(Self.maximumViolations))
  }

  /// The events that watches of everything were given, in order.
  private var union: (events: [WatchedEvent], contradictions: [String]) {
    var events: [UInt64: WatchedEvent] = [:]
    var contradictions: [String] = []
    for stream in streams where stream.selects == nil {
      for event in stream.events where event.kind != .bookmark {
        if let known = events.updateValue(event, forKey: event.revision), known != event {
          contradictions.append(
            "\(stream.name): revision \(event.revision) is \(Self.text(event)), elsewhere "
              + Self.text(known))
        }
      }
    }
    return (events.values.sorted { $0.revision < $1.revision }, contradictions)
  }

  /// Ordered and unique; a bookmark stands behind all before it.
  private static func disorder(in stream: WatchStream) -> [String] {
    var violations: [String] = []
    var last = stream.start
    var lastWasBookmark = true
    for (position, event) in stream.events.enumerated() {
      let isBookmark = event.kind == .bookmark
      let isOrdered = isBookmark ? event.revision >= last : event.revision > last
      if !isOrdered {
        let resumed = stream.resumptions.contains(position) ? ", right after it was resumed" : ""
        violations.append(
          "\(stream.name) was given \(text(event)) after "
            + "\(lastWasBookmark ? "the bookmark" : "revision") \(last)\(resumed)")
      }
      last = max(last, event.revision)
      lastWasBookmark = isBookmark
    }
    return violations
  }

  /// Events make sense one after the other: what is deleted held what the event says it held.
  private func replay(_ events: [WatchedEvent]) -> [String] {
    var violations: [String] = []
    var present: [String: (value: Int, revision: UInt64)] = [:]
    for event in events {
      let before = present[event.key]
      switch event.kind {
      case .added:
        if let before {
          violations.append("\(Self.text(event)), but there was \(before.value) already")
        }
        present[event.key] = (event.value, event.revision)
      case .modified:
        if before == nil { violations.append("\(Self.text(event)), but there was nothing") }
        present[event.key] = (event.value, event.revision)
      case .deleted:
        if before?.value != event.value {
          let was = before.map { String($0.value) } ?? "nothing"
          violations.append("\(Self.text(event)), but before it there was \(was)")
        }
        present[event.key] = nil
      case .bookmark: break
      }
    }
    for key in Set(present.keys).union(final.keys).sorted() {
      let (watched, listed) = (present[key], final[key])
      if watched?.value != listed?.value || watched?.revision != listed?.revision {
        violations.append(
          "\(key) ends as \(listed.map { "\($0)" } ?? "absent"), but by the watches as "
            + "\(watched.map { "\($0)" } ?? "absent")")
      }
    }
    return violations
  }

  /// Reliable, resumable, bookmarkable: a stream was given what it selects of all events, up to the
  /// end, and what it was told last covers all before.
  private func gaps(in stream: WatchStream, _ events: [WatchedEvent]) -> [String] {
    let expected = Self.selected(events, stream.selects).filter { $0.revision > stream.start }
    let given = stream.events.filter { $0.kind != .bookmark }
    var violations: [String] = []
    var next = expected.startIndex
    for event in given {
      while next < expected.endIndex, expected[next].revision < event.revision {
        violations.append("\(stream.name) was not given \(Self.text(expected[next]))")
        next += 1
      }
      guard next < expected.endIndex, expected[next].revision == event.revision else {
        violations.append("\(stream.name) was given \(Self.text(event)), which nobody else saw")
        continue
      }
      if expected[next] != event {
        violations.append(
          "\(stream.name) was given \(Self.text(event)) instead of \(Self.text(expected[next]))")
      }
      next += 1
    }
    for event in expected[next...] where event.revision <= max(stream.position, finalRevision) {
      violations.append("\(stream.name) was not given \(Self.text(event))")
    }
    return violations
  }

  /// As a watch with a selector sees them: a key whose new value is not selected any more is deleted
  /// for it, with the value that was.
  private static func selected(
    _ events: [WatchedEvent], _ selects: (@Sendable (Int) -> Bool)?
  ) -> [WatchedEvent] {
    guard let selects else { return events }
    var present: [String: Int] = [:]
    return events.compactMap { event in
      let before = present[event.key].flatMap { selects($0) ? $0 : nil }
      present[event.key] = event.kind == .deleted ? nil : event.value
      let isSelected = event.kind != .deleted && selects(event.value)
      var event = event
      switch (before, isSelected) {
      case (nil, false): return nil
      case (nil, true): event.kind = .added
      case (.some, true): event.kind = .modified
      case (let before?, false):
        event.kind = .deleted
        event.value = before
      }
      return event
    }
  }

  private static func text(_ event: WatchedEvent) -> String {
    event.kind == .bookmark
      ? "a bookmark at \(event.revision)"
      : "\(event.key) \(event.kind.rawValue) (\(event.value)) at \(event.revision)"
  }
}
