import JSONDocument

/// Something that happened to an object, for `kubectl describe`.
public struct RecordedEvent: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case normal = "Normal"
    case warning = "Warning"
  }

  public var about: ObjectReference
  public var kind: Kind
  public var reason: String
  public var message: String

  public init(about: ObjectReference, kind: Kind, reason: String, message: String) {
    self.about = about
    self.kind = kind
    self.reason = reason
    self.message = message
  }
}

/// Folds events that repeat into one object with a count. Pure.
struct EventAggregator {
  enum Action: Hashable {
    case create(name: String)
    /// Of the event that was written for the same thing before.
    case patch(name: String, count: Int64)
  }

  private struct Written {
    var name: String
    var count: Int64
    var lastUse: UInt64
  }

  /// As many as client-go's correlator remembers.
  static let maximumRemembered = 4096

  private var written: [RecordedEvent: Written] = [:]
  private var uses: UInt64 = 0

  /// What to write for one more `event`. `nanoseconds` makes the name, as upstream's are made.
  mutating func next(_ event: RecordedEvent, nanoseconds: UInt64) -> Action {
    let key = Self.key(event)
    uses += 1
    if var known = written[key] {
      known.count += 1
      known.lastUse = uses
      written[key] = known
      return .patch(name: known.name, count: known.count)
    }
    if written.count >= Self.maximumRemembered { forgetOldestHalf() }
    let name = "\(event.about.name).\(String(nanoseconds, radix: 16))"
    written[key] = Written(name: name, count: 1, lastUse: uses)
    return .create(name: name)
  }

  /// The event is gone (expired) or was never written: the next one is made anew.
  mutating func forget(_ event: RecordedEvent) { written[Self.key(event)] = nil }

  private static func key(_ event: RecordedEvent) -> RecordedEvent {
    var key = event
    key.about.resourceVersion = ""
    return key
  }

  private mutating func forgetOldestHalf() {
    let median = written.values.map(\.lastUse).sorted()[written.count / 2]
    written = written.filter { $0.value.lastUse > median }
  }
}
