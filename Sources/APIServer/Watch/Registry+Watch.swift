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

extension Registry {
  /// Starts a watch. `receive` is called on `loop`, in order: initial state first, if asked for.
  ///
  /// - Throws: 410 where the revision is no longer kept, 504 where it is yet to come.
  func watch(
    _ info: ResourceInfo, namespace: String?, name: String?, request: WatchRequest,
    loop: any EventLoop, receive: @escaping @Sendable (WatchDelivery) -> Void
  ) async throws(APIStatus) -> Watch {
    let selection = request.selection
    let version = selection.resourceVersion
    let isUnversioned = version.isEmpty || version == "0"
    let wantsState = request.sendInitialEvents ?? isUnversioned
    let prefix: Key =
      name.map { key(info, namespace: namespace, name: $0) }
      ?? self.prefix(info, namespace: namespace)
    let after: Revision
    var initial: [WatchChange] = []
    if wantsState {
      let reader = try await self.reader(resourceVersion: version)
      after = reader.revision
      for entry in reader.entries(prefix: prefix) {
        if name != nil, entry.key != prefix { continue }
        if selection.hasSelectors {
          let object = try ObjectCodec.parse(entry.value, key: entry.key)
          guard selection.matches(object, info) else { continue }
        }
        initial.append(WatchChange(kind: .added, source: .object(StoredObject(entry))))
      }
    } else if isUnversioned {
      after = try await reader(resourceVersion: version).revision
    } else {
      guard let revision = Revision(version) else { throw .invalidResourceVersion(version) }
      after = revision
      if store.current().revision < revision {
        try await barrier()
        let current = store.current().revision
        guard current >= revision else { throw .tooLarge(revision, current: current) }
      }
    }
    let first = initial
    let onlyKey = name == nil ? nil : prefix
    let shared = events
    loop.execute {
      if !first.isEmpty { receive(.changes(first, upTo: after)) }
      if request.sendInitialEvents == true { receive(.initialEventsEnd(after)) }
    }
    let pump = WatchPump(loop: loop) { delivery in
      switch delivery {
      case .events(let events, let upTo):
        var changes: [WatchChange] = []
        changes.reserveCapacity(events.count)
        for event in events where onlyKey == nil || event.key == onlyKey {
          let event = shared.shared(event)
          if let kind = Self.kind(of: event, selection, info) {
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
      pump.attach(try store.watch(prefix: prefix, after: after, sink: pump))
    } catch {
      if case .compacted(let oldest) = error { throw .tooOld(after, oldest: oldest) }
      throw APIStatus(error)
    }
    return Watch(pump: pump)
  }

  private static func failure(_ error: StoreError) -> APIStatus {
    if case .compacted(let oldest) = error { return .tooOld(0, oldest: oldest) }
    return APIStatus(error)
  }

  /// An object that comes to be selected is new to this watcher, and one that ceases to be is
  /// gone for it.
  private static func kind(of event: SharedEvent, _ selection: ListSelection, _ info: ResourceInfo)
    -> WatchEventKind?
  {
    let isPut = event.event.kind == .put
    let existed = event.event.previous != nil
    guard selection.hasSelectors else {
      if isPut { return existed ? .modified : .added }
      return existed ? .deleted : nil
    }
    let matches = event.object.map { selection.matches($0, info) } ?? false
    let matched = event.previous.map { selection.matches($0, info) } ?? false
    switch (matched, matches) {
    case (false, true): return .added
    case (true, true): return .modified
    case (true, false): return .deleted
    case (false, false): return nil
    }
  }
}
