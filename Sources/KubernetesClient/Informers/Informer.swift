import JSONDocument
import KubernetesAPI
import Logging
import NIOConcurrencyHelpers

/// Keeps a copy of one resource's objects: a list, then a watch that resumes where it broke.
///
/// Handlers see every change once and in order; between two lists (after `Expired`) the changes
/// of one object fold into one. The store already holds a change when its handler is called.
/// Handlers run on the thread that received the events, must not block, and should do no more
/// than put keys into a work queue.
public final class Informer: Sendable {
  public typealias Handler = @Sendable (InformerDelta) -> Void

  private struct State {
    var store = ObjectStore()
    var handlers: [Handler] = []
    var hasStarted = false
    var isSynced = false
    var version: String?
    var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
    var nextWaiter: UInt64 = 0
  }

  public let resource: GroupVersionResource
  private let client: any KubernetesClient
  private let namespace: String?
  private let options: ListOptions
  private let transform: @Sendable (JSONValue) -> JSONValue
  private let logger: Logger
  private let state = NIOLockedValueBox(State())

  /// `transform` changes objects before they are kept; by default `metadata.managedFields` is
  /// dropped, which no reconciler reads and which is a third of an object.
  public init(
    client: any KubernetesClient, resource: GroupVersionResource, namespace: String? = nil,
    options: ListOptions = ListOptions(),
    transform: @escaping @Sendable (JSONValue) -> JSONValue = Informer.withoutManagedFields
  ) {
    self.client = client
    self.resource = resource
    self.namespace = namespace
    self.options = options
    self.transform = transform
    logger = Logger(label: "taffrail.informer")
  }

  public static let withoutManagedFields: @Sendable (JSONValue) -> JSONValue = { object in
    guard object.at("metadata", "managedFields") != nil else { return object }
    var object = object
    object.set(nil, at: "metadata", "managedFields")
    return object
  }

  /// Before `run` only, so that a handler sees all objects.
  public func addHandler(_ handler: @escaping Handler) {
    state.withLockedValue { state in
      precondition(!state.hasStarted, "handlers are added before the informer runs")
      state.handlers.append(handler)
    }
  }

  public func addIndex(_ name: String, _ values: @escaping IndexFunction) {
    state.withLockedValue { $0.store.addIndex(name, values) }
  }

  public subscript(key: ObjectKey) -> JSONValue? {
    state.withLockedValue { $0.store.objects[key] }
  }

  public func get(namespace: String = "", name: String) -> JSONValue? {
    self[ObjectKey(namespace: namespace, name: name)]
  }

  /// All objects, in no order.
  public func list() -> [JSONValue] { state.withLockedValue { Array($0.store.objects.values) } }

  /// The objects that `index` (added before) files under `value`, in no order.
  public func list(index: String, value: String) -> [JSONValue] {
    state.withLockedValue { $0.store.find(index: index, value: value) }
  }

  public var isSynced: Bool { state.withLockedValue { $0.isSynced } }

  /// Returns once the first list was kept and handled. Throws when the task is cancelled.
  public func waitForSync() async throws {
    let id = state.withLockedValue { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome: Result<Void, any Error>? = state.withLockedValue { state in
          if state.isSynced { return .success(()) }
          if Task.isCancelled { return .failure(CancellationError()) }
          state.waiters[id] = continuation
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      state.withLockedValue { $0.waiters.removeValue(forKey: id) }?
        .resume(throwing: CancellationError())
    }
  }

  /// Follows the resource until the task is cancelled. Once only.
  public func run() async {
    state.withLockedValue { state in
      precondition(!state.hasStarted, "an informer runs once")
      state.hasStarted = true
    }
    // The first tries come fast: after a server's death the next one answers within moments.
    var backoff = Backoff(initialMilliseconds: 50, maximumMilliseconds: 5_000)
    while !Task.isCancelled {
      let start = ContinuousClock.now
      let before = state.withLockedValue { $0.version }
      do {
        try await follow()
      } catch let status as APIStatus where status.code == 410 {
        state.withLockedValue { $0.version = nil }
      } catch {
        if Task.isCancelled { return }
        logger.debug("\(resource): \(error)")
      }
      let advanced = state.withLockedValue { $0.version } != before
      // A watch that ends in due course is resumed at once, one that keeps breaking is not.
      if advanced || ContinuousClock.now - start > .seconds(5) { backoff.reset() }
      if advanced { continue }
      let pause = backoff.next(jitter: .random(in: 0..<1))
      try? await Task.sleep(for: .milliseconds(pause))
    }
  }

  private func follow() async throws {
    if state.withLockedValue({ $0.version == nil }) { try await relist() }
    guard let version = state.withLockedValue({ $0.version }) else { return }
    try await client.watch(resource, namespace: namespace, after: version, options: options) {
      self.apply($0)
    }
  }

  private func relist() async throws {
    let list = try await client.list(resource, namespace: namespace, options: options)
    let items = list.items.map(transform)
    let (deltas, handlers) = state.withLockedValue { state in
      let revision = UInt64(list.resourceVersion) ?? 0
      let deltas = state.store.replace(with: items, listRevision: revision)
      state.version = list.resourceVersion
      return (deltas, state.handlers)
    }
    for delta in deltas {
      for handler in handlers { handler(delta) }
    }
    let waiters = state.withLockedValue { state in
      state.isSynced = true
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume() }
  }

  private func apply(_ events: [WatchEvent]) {
    let kept = events.map { event in
      WatchEvent(kind: event.kind, object: transform(event.object))
    }
    let (deltas, handlers) = state.withLockedValue { state in
      var deltas: [InformerDelta] = []
      deltas.reserveCapacity(kept.count)
      for event in kept {
        if let delta = state.store.apply(event) { deltas.append(delta) }
        if let version = event.object.at("metadata", "resourceVersion")?.stringValue {
          state.version = version
        }
      }
      return (deltas, state.handlers)
    }
    for delta in deltas {
      for handler in handlers { handler(delta) }
    }
  }
}
