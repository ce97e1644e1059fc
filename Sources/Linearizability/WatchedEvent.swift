/// What a watch was given.
public struct WatchedEvent: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable { case added, modified, deleted, bookmark }

  public var kind: Kind
  /// Empty for a bookmark.
  public var key: String
  /// Of a deleted key: what it held before.
  public var value: Int
  public var revision: UInt64

  public init(kind: Kind, key: String = "", value: Int = 0, revision: UInt64) {
    self.kind = kind
    self.key = key
    self.value = value
    self.revision = revision
  }
}

/// A watch with all its resumptions, each from the last revision that it was given.
public struct WatchStream: Sendable {
  public var name: String
  /// Everything after this revision was asked for.
  public var start: UInt64
  /// Whether it selects: then only values of which `selects` says so are there for it.
  public var selects: (@Sendable (Int) -> Bool)?
  public var events: [WatchedEvent] = []
  /// Where in `events` it was resumed, perhaps on another server.
  public var resumptions: [Int] = []

  public init(name: String, start: UInt64, selects: (@Sendable (Int) -> Bool)? = nil) {
    self.name = name
    self.start = start
    self.selects = selects
  }

  /// From where it would be resumed.
  public var position: UInt64 { events.last?.revision ?? start }
}
