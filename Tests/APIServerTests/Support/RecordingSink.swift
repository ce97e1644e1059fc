import Keyspace
import Synchronization

/// Keeps the events of a watch.
final class RecordingSink: WatchSink {
  private struct State {
    var events: [Event] = []
    var waiters: [(count: Int, continuation: CheckedContinuation<[Event], Never>)] = []
  }

  private let state = Mutex(State())

  func receive(_ events: [Event], upTo revision: Revision) {
    let ready = state.withLock { state in
      state.events += events
      let ready = state.waiters.filter { $0.count <= state.events.count }
      state.waiters.removeAll { $0.count <= state.events.count }
      return ready.map { ($0.continuation, state.events) }
    }
    for (continuation, events) in ready { continuation.resume(returning: events) }
  }

  func end(_ error: StoreError) {}

  func wait(count: Int) async -> [Event] {
    await withCheckedContinuation { continuation in
      let events: [Event]? = state.withLock { state in
        if state.events.count >= count { return state.events }
        state.waiters.append((count, continuation))
        return nil
      }
      if let events { continuation.resume(returning: events) }
    }
  }
}
