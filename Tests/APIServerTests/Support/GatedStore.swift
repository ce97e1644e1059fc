import Keyspace
import Synchronization

/// A store whose consistent reads wait while its gate is closed.
final class GatedStore: EventStore {
  private struct State {
    var isClosed = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let store: any EventStore
  private let state = Mutex(State())

  init(_ store: any EventStore) { self.store = store }

  func close() { state.withLock { $0.isClosed = true } }

  func open() {
    let waiting = state.withLock { state in
      state.isClosed = false
      let waiting = state.waiting
      state.waiting = []
      return waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// How many reads wait.
  var waiting: Int { state.withLock { $0.waiting.count } }

  func barrier() async throws(StoreError) -> Revision {
    await withCheckedContinuation { continuation in
      let passes = state.withLock { state in
        if state.isClosed { state.waiting.append(continuation) }
        return !state.isClosed
      }
      if passes { continuation.resume() }
    }
    return try await store.barrier()
  }

  func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
    try await store.commit(transaction)
  }

  func current() -> any KeyspaceReader { store.current() }

  func history(at revision: Revision) async throws(StoreError) -> any KeyspaceReader {
    try await store.history(at: revision)
  }

  func watch(prefix: Key, after revision: Revision, sink: any WatchSink) throws(StoreError)
    -> any WatchHandle
  { try store.watch(prefix: prefix, after: revision, sink: sink) }

  var oldestWatchRevision: Revision { store.oldestWatchRevision }
}
