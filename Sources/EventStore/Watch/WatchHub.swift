import Keyspace
import NIOCore

/// Publishes what is applied: to readers the new state, to watches their events.
///
/// A watch is served by one thread at a time: by a thread that reads history as long as it
/// begins before what memory holds, then by the apply thread. So no lock is held while a sink is
/// called, and events come in order.
///
/// A state that is published shares the tree's nodes, so the next change of each has to copy it. Where
/// nobody has read for a while, the apply thread takes the state back before it changes it, and a
/// reader who comes just then waits until the next one is published.
///
/// `@unchecked Sendable`: every access to the variables, those of the watches included, is under
/// the monitor's lock.
final class WatchHub: @unchecked Sendable {
  /// One watch. Cancelling may let a delivery that is under way come through.
  final class Watch: WatchHandle, @unchecked Sendable {
    let prefix: Key
    let sink: any WatchSink
    fileprivate weak var hub: WatchHub?
    /// Events from the window that the apply thread hands over before anything live.
    fileprivate var backlog: [Event] = []
    fileprivate var isCancelled = false

    fileprivate init(prefix: Key, sink: any WatchSink, hub: WatchHub) {
      self.prefix = prefix
      self.sink = sink
      self.hub = hub
    }

    func cancel() { hub?.remove(self) }
  }

  /// A watch that begins before what memory holds.
  struct Replay: Sendable {
    var watch: Watch
    var after: Revision
  }

  private struct Delivery {
    var watch: Watch
    var events: [Event]
    var upTo: Revision
  }

  private let monitor = Monitor()
  private var window: EventWindow
  /// `nil` while the apply thread changes it and nobody has read lately.
  private var snapshot: KeyspaceSnapshot?
  /// Of the state that was published last.
  private var revision: Revision
  /// Whether somebody has read `snapshot`, and may come back for its next page.
  private var wasRead = false
  /// How many states were published, one after the other, that nobody read.
  private var unread = 0
  /// After so many nobody is expected to read the next one either.
  static let unreadStates = 16
  private var waitingReaders = 0
  /// What was read lately, oldest first.
  private var recents: CircularBuffer<KeyspaceSnapshot> = []
  private static let maximumRecents = 512
  /// Live watches by prefix, so that each event is compared once with each prefix.
  private var live: [Key: [ObjectIdentifier: Watch]] = [:]
  private var backlogged: [Watch] = []
  /// Watches that still read history.
  private var replaying: [ObjectIdentifier: Watch] = [:]
  private var stopped: StoreError?
  /// What is before it was ordered to be forgotten, also where memory still has it.
  private var floor: Revision = 0
  /// Wakes the apply thread for backlogs.
  private let wake: @Sendable () -> Void
  /// Begins to read history for a watch.
  private let replay: @Sendable (Replay) -> Void

  init(
    snapshot: KeyspaceSnapshot, window: EventWindow, wake: @escaping @Sendable () -> Void,
    replay: @escaping @Sendable (Replay) -> Void
  ) {
    self.snapshot = snapshot
    revision = snapshot.revision
    self.window = window
    self.wake = wake
    self.replay = replay
  }

  var current: KeyspaceSnapshot {
    monitor.withLock { read() }
  }

  /// Only within the lock; waits for a state that is about to be published.
  private func read() -> KeyspaceSnapshot {
    while true {
      if let snapshot {
        wasRead = true
        unread = 0
        return snapshot
      }
      waitingReaders += 1
      monitor.wait()
      waitingReaders -= 1
    }
  }

  enum Recent {
    case found(KeyspaceSnapshot)
    case older
    case forgotten(oldest: Revision)
    case future(current: Revision)
  }

  /// The state that was the present at `revision`, if somebody read it then and it is not long
  /// ago.
  func recent(_ revision: Revision) -> Recent {
    monitor.withLock {
      if revision == self.revision {
        let present = read()
        // It may have had to wait for the next one.
        if present.revision == revision { return .found(present) }
      }
      if revision > self.revision { return .future(current: self.revision) }
      if revision < floor { return .forgotten(oldest: floor) }
      return recents.first { $0.revision == revision }.map(Recent.found) ?? .older
    }
  }

  /// No watch and no read begins before `revision` any more.
  func forget(before revision: Revision) {
    monitor.withLock { floor = max(floor, revision) }
  }

  struct Counts: Sendable {
    var live = 0
    var replaying = 0
    var windowEvents = 0
    var windowBytes = 0
  }

  var counts: Counts {
    monitor.withLock {
      Counts(
        live: live.values.reduce(0) { $0 + $1.count }, replaying: replaying.count,
        windowEvents: window.count, windowBytes: window.bytes)
    }
  }

  var oldestAllowed: Revision { monitor.withLock { floor } }

  /// The oldest revision from which memory can serve a watch.
  var oldestWindowRevision: Revision { monitor.withLock { window.oldestRevision } }

  // MARK: Any thread

  /// Begins a watch after `revision`; `oldest` is where the retained history begins.
  func watch(
    prefix: Key, after revision: Revision, oldest: Revision, sink: any WatchSink
  ) throws(StoreError) -> Watch {
    let watch = Watch(prefix: prefix, sink: sink, hub: self)
    enum Start {
      case live, history
      case failed(StoreError)
    }
    let start: Start = monitor.withLock {
      if let stopped { return .failed(stopped) }
      if revision > self.revision { return .failed(.future(current: self.revision)) }
      if revision < floor { return .failed(.compacted(oldest: max(floor, oldest))) }
      if goLive(watch, after: revision) { return .live }
      if revision < oldest { return .failed(.compacted(oldest: oldest)) }
      replaying[ObjectIdentifier(watch)] = watch
      return .history
    }
    switch start {
    case .live: wake()
    case .history: replay(Replay(watch: watch, after: revision))
    case .failed(let error): throw error
    }
    return watch
  }

  private func goLive(_ watch: Watch, after revision: Revision) -> Bool {
    guard let events = window.events(after: revision, prefix: watch.prefix) else { return false }
    watch.backlog = events
    backlogged.append(watch)
    live[watch.prefix, default: [:]][ObjectIdentifier(watch)] = watch
    return true
  }

  private func remove(_ watch: Watch) {
    monitor.withLock {
      let id = ObjectIdentifier(watch)
      watch.isCancelled = true
      watch.backlog = []
      backlogged.removeAll { $0 === watch }
      replaying[id] = nil
      live[watch.prefix]?[id] = nil
      if live[watch.prefix]?.isEmpty == true { live[watch.prefix] = nil }
    }
  }

  // MARK: The thread that reads history

  /// Whether the watch still wants its history.
  func isReplaying(_ watch: Watch) -> Bool {
    monitor.withLock { replaying[ObjectIdentifier(watch)] != nil }
  }

  /// From `revision` on memory may have it all: then the apply thread takes over. False where
  /// more history must be read first.
  func finishReplay(_ watch: Watch, after revision: Revision) -> Bool {
    let isLive = monitor.withLock {
      guard replaying[ObjectIdentifier(watch)] != nil else { return true }
      guard goLive(watch, after: revision) else { return false }
      replaying[ObjectIdentifier(watch)] = nil
      return true
    }
    if isLive { wake() }
    return isLive
  }

  /// History could not be read.
  func failReplay(_ watch: Watch, _ error: StoreError) {
    let wasReplaying = monitor.withLock {
      replaying.removeValue(forKey: ObjectIdentifier(watch)) != nil
    }
    if wasReplaying { watch.sink.end(error) }
  }

  // MARK: The apply thread

  /// Takes the published state back, so that it can be changed in place, if nobody has read lately;
  /// `publish` or `restore` must follow at once.
  func withdraw() {
    monitor.withLock { if unread >= Self.unreadStates { snapshot = nil } }
  }

  /// Nothing was changed after `withdraw`.
  func restore(_ snapshot: KeyspaceSnapshot) {
    monitor.withLock {
      precondition(snapshot.revision == revision, "a changed state is published with its events")
      if self.snapshot == nil { present(snapshot) }
    }
  }

  /// Publishes the state after a batch of transactions and hands its events over.
  func publish(_ snapshot: KeyspaceSnapshot, events: [Event]) {
    let deliveries = monitor.withLock {
      let backlogs = takeBacklogs()
      replace(snapshot)
      window.append(events)
      return backlogs + route(events)
    }
    deliver(deliveries)
  }

  private func replace(_ new: KeyspaceSnapshot) {
    if wasRead, let snapshot {
      recents.append(snapshot)
      if recents.count > Self.maximumRecents { recents.removeFirst() }
    }
    unread = wasRead ? 0 : unread + 1
    wasRead = false
    present(new)
  }

  private func present(_ new: KeyspaceSnapshot) {
    snapshot = new
    revision = new.revision
    if waitingReaders > 0 { monitor.broadcast() }
  }

  /// Hands over what waits for watches that have just begun.
  func deliverBacklogs() {
    deliver(monitor.withLock { takeBacklogs() })
  }

  /// The state is replaced by one that doesn't follow from what was published: watches end, and
  /// begin again from it.
  func reset(_ snapshot: KeyspaceSnapshot, window: EventWindow) {
    endAll(
      .compacted(oldest: snapshot.revision), keepsServing: true,
      then: {
        self.replace(snapshot)
        self.recents = []
        self.window = window
      })
  }

  /// Ends all watches for good.
  func stop(_ error: StoreError) { endAll(error, keepsServing: false, then: {}) }

  private func endAll(_ error: StoreError, keepsServing: Bool, then change: () -> Void) {
    let watches = monitor.withLock {
      let watches = live.values.flatMap(\.values) + replaying.values
      live = [:]
      replaying = [:]
      backlogged = []
      if !keepsServing { stopped = error }
      change()
      return watches
    }
    for watch in watches { watch.sink.end(error) }
  }

  private func takeBacklogs() -> [Delivery] {
    defer { backlogged.removeAll() }
    return backlogged.map { watch in
      defer { watch.backlog = [] }
      return Delivery(watch: watch, events: watch.backlog, upTo: revision)
    }
  }

  private func route(_ events: [Event]) -> [Delivery] {
    var deliveries: [Delivery] = []
    for (prefix, watches) in live {
      let matching = events.filter { $0.key.hasPrefix(prefix) }
      for watch in watches.values {
        deliveries.append(Delivery(watch: watch, events: matching, upTo: revision))
      }
    }
    return deliveries
  }

  private func deliver(_ deliveries: [Delivery]) {
    for delivery in deliveries {
      let isCancelled = monitor.withLock { delivery.watch.isCancelled }
      guard !isCancelled else { continue }
      delivery.watch.sink.receive(delivery.events, upTo: delivery.upTo)
    }
  }
}
