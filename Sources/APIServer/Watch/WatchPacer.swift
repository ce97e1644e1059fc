import NIOCore
import Synchronization

/// Lets the watches of one event loop deliver at the same moments: at once after a pause, and
/// while much happens a few milliseconds apart.
///
/// What comes in between goes out as one frame, one TLS record and one system call a watch, which
/// is most of what an event costs; and watches of the same objects get the same events together, so
/// that one encoding serves all.
final class WatchPacer: Sendable {
  private struct State {
    /// Each at most once.
    var waiting: [WatchPump] = []
    var isScheduled = false
    var last: NIODeadline = .uptimeNanoseconds(0)
  }

  static let interval = TimeAmount.milliseconds(4)

  private let loop: any EventLoop
  private let state = Mutex(State())

  init(loop: any EventLoop) { self.loop = loop }

  /// Has `pump` deliver what it holds, on the loop.
  func request(_ pump: WatchPump) {
    let due: NIODeadline? = state.withLock { state in
      state.waiting.append(pump)
      if state.isScheduled { return nil }
      state.isScheduled = true
      return state.last + Self.interval
    }
    guard let due else { return }
    if due <= .now() {
      loop.execute { self.deliver() }
    } else {
      loop.scheduleTask(deadline: due) { self.deliver() }
    }
  }

  private func deliver() {
    let pumps = state.withLock { state in
      let pumps = state.waiting
      state.waiting = []
      state.isScheduled = false
      state.last = .now()
      return pumps
    }
    for pump in pumps { pump.drain() }
  }
}

/// The pacers of all event loops.
final class WatchPacers: Sendable {
  private let pacers = Mutex<[ObjectIdentifier: WatchPacer]>([:])

  func pacer(of loop: any EventLoop) -> WatchPacer {
    pacers.withLock { pacers in
      if let known = pacers[ObjectIdentifier(loop)] { return known }
      let pacer = WatchPacer(loop: loop)
      pacers[ObjectIdentifier(loop)] = pacer
      return pacer
    }
  }
}
