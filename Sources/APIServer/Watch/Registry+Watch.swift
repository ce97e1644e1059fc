import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore

/// What a watch asks for.
public struct WatchRequest: Sendable {
  public var selection: ListSelection
  /// Send the present state first, and say where it ends; `nil` leaves it to the resource
  /// version: none or 0 begins with the present state, without a mark at its end.
  public var sendInitialEvents: Bool?
  public var allowBookmarks: Bool

  public init(
    selection: ListSelection, sendInitialEvents: Bool? = nil, allowBookmarks: Bool = false
  ) {
    self.selection = selection
    self.sendInitialEvents = sendInitialEvents
    self.allowBookmarks = allowBookmarks
  }
}

/// A change as a watch tells it.
struct WatchChange: Sendable {
  enum Source: Sendable {
    case shared(SharedEvent)
    case object(StoredObject)
  }

  var kind: WatchEventKind
  var source: Source

  /// When the object got the state that is told of.
  var revision: Revision {
    switch source {
    // What is gone is told of in its last state.
    case .shared(let event):
      kind == .deleted ? event.event.previous?.modRevision ?? 0 : event.event.revision
    case .object(let object): object.revision
    }
  }

  /// The object as a tree, in its storage version.
  var value: JSONValue? {
    switch source {
    case .shared(let event): event.value(kind)
    case .object(let object): try? object.value()
    }
  }
}

/// What a watcher receives, on its event loop.
enum WatchDelivery: Sendable {
  case changes([WatchChange], upTo: Revision)
  /// All that happened, for a watcher that selects nothing and asked for it in this form.
  case events([Event], upTo: Revision)
  /// The initial state is complete.
  case initialEventsEnd(Revision)
  case failure(APIStatus)
}

/// A running watch.
final class Watch: Sendable {
  private let pump: WatchPump
  init(pump: WatchPump) { self.pump = pump }
  func cancel() { pump.cancel() }
}

/// Where a watch begins.
struct WatchStart: Sendable {
  var info: ResourceInfo
  var selection: ListSelection
  var selector: SerializedSelector
  var prefix: Key
  /// Set where the watch is of one object.
  var onlyKey: Key?
  /// The state to send first; `nil`: none is wanted.
  var reader: (any KeyspaceReader)?
  /// Events come from behind this revision.
  var after: Revision

  /// The next objects of the initial state, behind `key`; empty at the end.
  func objects(from key: Key, limit: Int) throws(APIStatus) -> (objects: [StoredObject], next: Key?)
  {
    guard let reader else { return ([], nil) }
    let entries = reader.range(from: key, to: prefix.prefixEnd, limit: limit)
    var objects: [StoredObject] = []
    for entry in entries where onlyKey == nil || entry.key == onlyKey {
      if selection.hasSelectors {
        guard try selection.matches(entry, selector, info) else { continue }
      }
      objects.append(StoredObject(entry))
    }
    let isLast = entries.count < limit
    return (objects, isLast ? nil : entries.last.map { Key(bytes: $0.key.bytes + [0]) })
  }
}

extension Registry {
  /// Finds out where a watch begins.
  ///
  /// - Throws: 410 where the revision is no longer kept, 504 where it is yet to come.
  func watchStart(
    _ info: ResourceInfo, namespace: String?, name: String?, request: WatchRequest
  ) async throws(APIStatus) -> WatchStart {
    let selection = request.selection
    let version = selection.resourceVersion
    let isUnversioned = version.isEmpty || version == "0"
    let wantsState = request.sendInitialEvents ?? isUnversioned
    let prefix: Key =
      name.map { key(info, namespace: namespace, name: $0) }
      ?? self.prefix(info, namespace: namespace)
    var start = WatchStart(
      info: info, selection: selection, selector: selection.serialized(info), prefix: prefix,
      onlyKey: name == nil ? nil : prefix, reader: nil, after: 0)
    if wantsState {
      let reader = try await self.reader(resourceVersion: version)
      start.reader = reader
      start.after = reader.revision
    } else if isUnversioned {
      start.after = try await reader(resourceVersion: version).revision
    } else {
      guard let revision = Revision(version) else { throw .invalidResourceVersion(version) }
      start.after = revision
      if store.current().revision < revision {
        try await barrier()
        let current = store.current().revision
        guard current >= revision else { throw .tooLarge(revision, current: current) }
      }
    }
    return start
  }

  /// Begins to deliver what happens behind a start. `receive` is called on `loop`, in order.
  ///
  /// - Parameters:
  ///   - takesEvents: deliver `events` where nothing is selected.
  ///   - isPaced: deliver together with the loop's other watches, up to 4 ms later.
  func watch(
    from start: WatchStart, loop: any EventLoop, takesEvents: Bool = false, isPaced: Bool = false,
    receive: @escaping @Sendable (WatchDelivery) -> Void
  ) throws(APIStatus) -> Watch {
    let shared = events
    let takesEvents = takesEvents && !start.selection.hasSelectors && start.onlyKey == nil
    let pump = WatchPump(loop: loop, pacer: isPaced ? pacers.pacer(of: loop) : nil) { delivery in
      switch delivery {
      case .events(let events, let upTo):
        if takesEvents { return receive(.events(events, upTo: upTo)) }
        var changes: [WatchChange] = []
        changes.reserveCapacity(events.count)
        for event in events where start.onlyKey == nil || event.key == start.onlyKey {
          let event = shared.shared(event)
          if let kind = Self.kind(of: event, start) {
            changes.append(WatchChange(kind: kind, source: .shared(event)))
          }
        }
        receive(.changes(changes, upTo: upTo))
      case .end(let error):
        receive(.failure(Self.failure(error)))
      case .overflow:
        receive(.failure(.expired("the watch fell too far behind")))
      }
    }
    do throws(StoreError) {
      pump.attach(try store.watch(prefix: start.prefix, after: start.after, sink: pump))
    } catch {
      if case .compacted(let oldest) = error { throw .tooOld(start.after, oldest: oldest) }
      throw APIStatus(error)
    }
    return Watch(pump: pump)
  }

  /// Starts a watch whose initial state, if asked for, is delivered at once.
  ///
  /// - Throws: 410 where the revision is no longer kept, 504 where it is yet to come.
  func watch(
    _ info: ResourceInfo, namespace: String?, name: String?, request: WatchRequest,
    loop: any EventLoop, receive: @escaping @Sendable (WatchDelivery) -> Void
  ) async throws(APIStatus) -> Watch {
    let start = try await watchStart(info, namespace: namespace, name: name, request: request)
    let first = try start.objects(from: start.prefix, limit: .max).objects.map {
      WatchChange(kind: .added, source: .object($0))
    }
    loop.execute {
      if !first.isEmpty { receive(.changes(first, upTo: start.after)) }
      if request.sendInitialEvents == true { receive(.initialEventsEnd(start.after)) }
    }
    return try watch(from: start, loop: loop, receive: receive)
  }

  private static func failure(_ error: StoreError) -> APIStatus {
    if case .compacted(let oldest) = error { return .tooOld(0, oldest: oldest) }
    return APIStatus(error)
  }

  /// What an event is to a watcher that selects nothing.
  static func kind(of event: Event) -> WatchEventKind? {
    let existed = event.previous != nil
    if event.kind == .put { return existed ? .modified : .added }
    return existed ? .deleted : nil
  }

  /// An object that comes to be selected is new to this watcher, and one that ceases to be is
  /// gone for it.
  private static func kind(of event: SharedEvent, _ start: WatchStart) -> WatchEventKind? {
    guard start.selection.hasSelectors else { return kind(of: event.event) }
    func matches(_ bytes: [UInt8], _ object: @autoclosure () -> JSONValue?) -> Bool {
      start.selector.matches(bytes) ?? object().map { start.selection.matches($0, start.info) }
        ?? false
    }
    let now = event.event
    let isSelected = now.kind == .put && matches(now.value, event.object)
    let wasSelected = now.previous.map { matches($0.value, event.previous) } ?? false
    switch (wasSelected, isSelected) {
    case (false, true): return .added
    case (true, true): return .modified
    case (true, false): return .deleted
    case (false, false): return nil
    }
  }
}
