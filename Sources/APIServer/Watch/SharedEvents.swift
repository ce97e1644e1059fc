import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore
import Synchronization

/// What a watcher is told of an object.
public enum WatchEventKind: String, Sendable, Hashable {
  case added = "ADDED"
  case modified = "MODIFIED"
  case deleted = "DELETED"
  case bookmark = "BOOKMARK"
  case error = "ERROR"
}

/// One event of the store, parsed and encoded at most once however many watch it.
final class SharedEvent: Sendable {
  private struct Cache {
    var object: JSONValue?
    var previous: JSONValue?
    var deleted: JSONValue?
    var frames: [String: ByteBuffer] = [:]
  }

  let event: Event
  private let cache = Mutex(Cache())

  init(_ event: Event) { self.event = event }

  /// The object after the change; `nil` for a deletion.
  var object: JSONValue? {
    guard event.kind == .put else { return nil }
    return cache.withLock { cache in
      if let object = cache.object { return object }
      let object = try? JSONValue(parsing: event.value)
      cache.object = object
      return object
    }
  }

  /// The object before the change; `nil` where there was none.
  var previous: JSONValue? {
    guard let previous = event.previous else { return nil }
    return cache.withLock { cache in
      if let object = cache.previous { return object }
      let object = try? JSONValue(parsing: previous.value)
      cache.previous = object
      return object
    }
  }

  /// The last state of an object that is gone (or no longer selected), under the revision at
  /// which that happened.
  var deleted: JSONValue? {
    guard let previous else { return nil }
    return cache.withLock { cache in
      if let object = cache.deleted { return object }
      var object = previous
      object.set(.string(String(event.revision)), at: "metadata", "resourceVersion")
      cache.deleted = object
      return object
    }
  }

  func value(_ kind: WatchEventKind) -> JSONValue? { kind == .deleted ? deleted : object }

  /// The encoded event for one representation; `make` builds it the first time.
  func frame(_ kind: WatchEventKind, representation: String, make: () -> ByteBuffer?)
    -> ByteBuffer?
  {
    let name = kind.rawValue + representation
    if let frame = cache.withLock({ $0.frames[name] }) { return frame }
    guard let frame = make() else { return nil }
    cache.withLock { $0.frames[name] = frame }
    return frame
  }
}

/// The events of late, so that watchers of the same resource share them.
final class SharedEvents: Sendable {
  private struct Name: Hashable {
    var revision: Revision
    var key: Key
  }

  private struct State {
    var events: [Name: SharedEvent] = [:]
    var order: [Name] = []
    var next = 0
  }

  static let capacity = 1024
  private let state = Mutex(State())

  func shared(_ event: Event) -> SharedEvent {
    let name = Name(revision: event.revision, key: event.key)
    return state.withLock { state in
      if let shared = state.events[name] { return shared }
      let shared = SharedEvent(event)
      if state.order.count < Self.capacity {
        state.order.append(name)
      } else {
        state.events[state.order[state.next]] = nil
        state.order[state.next] = name
        state.next = (state.next + 1) % Self.capacity
      }
      state.events[name] = shared
      return shared
    }
  }
}

/// Encoded batches of late: watchers of one resource that select nothing mostly get the same
/// events at the same time, and then the same bytes.
final class SharedBatches: Sendable {
  private struct Name: Hashable {
    var prefix: Key
    var representation: String
    var first: ObjectIdentifier
    var last: ObjectIdentifier
    var count: Int
  }

  private struct Batch {
    var buffer: ByteBuffer
    /// Kept as long as their identities are in use.
    var first: Event
    var last: Event
  }

  private struct State {
    var batches: [Name: Batch] = [:]
    var order: [Name] = []
    var next = 0
  }

  static let capacity = 64
  /// Larger batches are not kept: they come of watches that catch up, each from elsewhere.
  static let maximumBytes = 512 * 1024
  private let state = Mutex(State())

  /// The frames of `events`, which are all that happened under `prefix` between the first and the
  /// last of them.
  func buffer(
    of events: [Event], prefix: Key, representation: String, frame: (Event) -> ByteBuffer?
  ) -> ByteBuffer {
    guard let first = events.first, let last = events.last else { return ByteBuffer() }
    let name = Name(
      prefix: prefix, representation: representation, first: ObjectIdentifier(first),
      last: ObjectIdentifier(last), count: events.count)
    if let batch = state.withLock({ $0.batches[name] }) { return batch.buffer }
    var output = ByteBuffer()
    var isWhole = true
    for event in events {
      guard var frame = frame(event) else {
        // Nothing to tell, or not tellable to this watcher: the next one must find out too.
        isWhole = false
        continue
      }
      if events.count == 1 { output = frame } else { output.writeBuffer(&frame) }
    }
    guard isWhole, output.readableBytes <= Self.maximumBytes else { return output }
    state.withLock { state in
      let batch = Batch(buffer: output, first: first, last: last)
      guard state.batches.updateValue(batch, forKey: name) == nil else { return }
      if state.order.count < Self.capacity {
        state.order.append(name)
      } else {
        state.batches[state.order[state.next]] = nil
        state.order[state.next] = name
        state.next = (state.next + 1) % Self.capacity
      }
    }
    return output
  }
}
