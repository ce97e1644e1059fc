import Crypto
import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import Synchronization

/// The custom resources that this server serves: the definitions in the store, compiled anew when
/// one of them changes.
final class CustomResources: Sendable {
  private struct State {
    var catalogue: CustomCatalogue?
    /// What was compiled last; what has not changed is taken from it.
    var last = CustomCatalogue()
    /// Counts changes, so that a catalogue compiled from an older state is not kept.
    var changes = 0
    var isStopped = false
    var documents: [String: [UInt8]] = [:]
    var nextWatcher = 0
    var watchers: [Int: (resource: GroupVersionResource, end: @Sendable () -> Void)] = [:]
    var handle: (any WatchHandle)?
  }

  static let definitions = GroupVersionResource(
    group: "apiextensions.k8s.io", resource: "customresourcedefinitions")
  static let prefix = Key(
    resource: definitions.resource, group: definitions.group, namespace: nil, name: "")

  private let store: any EventStore
  private let logger: Logger
  private let state = Mutex(State())
  /// An element whenever a definition has changed; several changes may come as one.
  let changes: AsyncStream<Void>
  private let changed: AsyncStream<Void>.Continuation

  init(store: any EventStore, logger: Logger) {
    self.store = store
    self.logger = logger
    (changes, changed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    subscribe()
    changed.yield()
  }

  static func key(ofDefinition name: String) -> Key {
    Key(resource: definitions.resource, group: definitions.group, namespace: "", name: name)
  }

  func stop() {
    let handle = state.withLock { state in
      state.isStopped = true
      let handle = state.handle
      state.handle = nil
      return handle
    }
    handle?.cancel()
    changed.finish()
  }

  /// Looks at all definitions again.
  func wake() { changed.yield() }

  private func subscribe() {
    let sink = ChangeSink { [weak self] isEnd in
      guard let self else { return }
      self.forget()
      if isEnd { Task { await self.resubscribe() } }
    }
    do throws(StoreError) {
      let handle = try store.watch(
        prefix: Self.prefix, after: store.current().revision, sink: sink)
      let isStopped = state.withLock { state in
        if !state.isStopped { state.handle = handle }
        return state.isStopped
      }
      if isStopped { handle.cancel() }
    } catch {
      logger.warning("watching the definitions of custom resources failed: \(error)")
      Task { await resubscribe() }
    }
  }

  private func resubscribe() async {
    try? await Task.sleep(nanoseconds: 100_000_000)
    guard !state.withLock({ $0.isStopped }) else { return }
    subscribe()
    forget()
  }

  private func forget() {
    state.withLock { state in
      state.catalogue = nil
      state.documents = [:]
      state.changes += 1
    }
    changed.yield()
  }

  /// The custom resources as of now.
  func current() -> CustomCatalogue {
    let (known, last, changes) = state.withLock { ($0.catalogue, $0.last, $0.changes) }
    if let known { return known }
    var definitions: [(object: JSONValue, revision: UInt64)] = []
    for entry in store.current().entries(prefix: Self.prefix) {
      guard let object = try? JSONValue(parsing: entry.value) else {
        logger.warning("the definition \(entry.key) can't be read, its objects are not served")
        continue
      }
      definitions.append((object, entry.modRevision))
    }
    let catalogue = CustomCatalogue(
      definitions: definitions, previous: last, hash: Self.storageVersionHash)
    let ended = state.withLock { state -> [@Sendable () -> Void] in
      guard state.changes == changes else { return [] }
      state.catalogue = catalogue
      state.last = catalogue
      var ended: [@Sendable () -> Void] = []
      for (number, watcher) in state.watchers {
        let gvr = watcher.resource
        guard
          catalogue.resource(group: gvr.group, version: gvr.version, resource: gvr.resource) == nil
        else { continue }
        ended.append(watcher.end)
        state.watchers[number] = nil
      }
      return ended
    }
    for end in ended { end() }
    return catalogue
  }

  /// Has `end` called once the resource is no longer served.
  ///
  /// - Returns: what takes that back.
  func whenGone(_ resource: GroupVersionResource, _ end: @escaping @Sendable () -> Void)
    -> @Sendable () -> Void
  {
    let number = state.withLock { state in
      state.nextWatcher += 1
      state.watchers[state.nextWatcher] = (resource, end)
      return state.nextWatcher
    }
    return { [weak self] in _ = self?.state.withLock { $0.watchers.removeValue(forKey: number) } }
  }

  /// A document about the present resources, made when first asked for.
  func document(_ name: String, make: (CustomCatalogue) -> [UInt8]) -> [UInt8] {
    let (known, changes) = state.withLock { ($0.documents[name], $0.changes) }
    if let known { return known }
    let bytes = make(current())
    state.withLock { state in
      if state.changes == changes { state.documents[name] = bytes }
    }
    return bytes
  }

  /// Discovery's hash of what is stored: upstream's is the first eight bytes of a SHA-256.
  static func storageVersionHash(_ info: ResourceInfo) -> String {
    let text = "\(info.group)/\(info.storageGVR.version)/\(info.kind)"
    return Base64.encode(Array(SHA256.hash(data: Array(text.utf8)).prefix(8)))
  }
}
