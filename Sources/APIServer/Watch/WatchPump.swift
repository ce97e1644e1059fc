import Keyspace
import KubernetesAPI
import NIOCore
import Synchronization

/// Carries events from the replica's apply thread to one watcher's event loop, in order and with
/// a bound: a watcher that falls too far behind ends, and lists anew.
final class WatchPump: WatchSink {
  enum Delivery: Sendable {
    case events([Event], upTo: Revision)
    case end(StoreError)
    /// The watcher did not keep up.
    case overflow
  }

  private struct State {
    var events: [Event] = []
    var upTo: Revision = 0
    var end: Delivery?
    var isScheduled = false
    var isCancelled = false
    var handle: (any WatchHandle)?
  }

  /// More than a list of a large cluster's pods changing at once.
  static let maximumQueuedEvents = 20_000

  private let state = Mutex(State())
  private let loop: any EventLoop
  /// Says when to deliver; nil: at once.
  private let pacer: WatchPacer?
  private let deliver: @Sendable (Delivery) -> Void

  /// - Parameter deliver: called on `loop`, one delivery at a time.
  init(
    loop: any EventLoop, pacer: WatchPacer? = nil, deliver: @escaping @Sendable (Delivery) -> Void
  ) {
    self.loop = loop
    self.pacer = pacer
    self.deliver = deliver
  }

  func attach(_ handle: any WatchHandle) {
    let isCancelled = state.withLock { state in
      state.handle = handle
      return state.isCancelled
    }
    if isCancelled { handle.cancel() }
  }

  func cancel() {
    let handle = state.withLock { state in
      state.isCancelled = true
      state.events = []
      let handle = state.handle
      state.handle = nil
      return handle
    }
    handle?.cancel()
  }

  func receive(_ events: [Event], upTo revision: Revision) {
    enqueue { state in
      if state.events.count + events.count > Self.maximumQueuedEvents {
        state.end = .overflow
      } else {
        state.events.append(contentsOf: events)
        state.upTo = max(state.upTo, revision)
      }
    }
  }

  func end(_ error: StoreError) { enqueue { $0.end = $0.end ?? .end(error) } }

  private func enqueue(_ change: (inout State) -> Void) {
    let isFirst = state.withLock { state in
      guard !state.isCancelled, state.end == nil else { return false }
      change(&state)
      guard !state.isScheduled else { return false }
      state.isScheduled = true
      return true
    }
    guard isFirst else { return }
    if let pacer { pacer.request(self) } else { loop.execute { self.drain() } }
  }

  /// Delivers what there is; on the loop.
  func drain() {
    let (events, upTo, end) = state.withLock { state in
      state.isScheduled = false
      if state.isCancelled { return ([Event](), Revision(0), Delivery?.none) }
      let events = state.events
      state.events = []
      return (events, state.upTo, state.end)
    }
    if upTo > 0 { deliver(.events(events, upTo: upTo)) }
    if let end {
      deliver(end)
      cancel()
    }
  }
}
