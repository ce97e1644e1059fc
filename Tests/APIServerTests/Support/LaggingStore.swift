import Keyspace
import Synchronization

/// A store whose replica can be held at the state of a moment until somebody asks for a barrier, as
/// a follower that has not heard of the latest commits.
final class LaggingStore: EventStore {
  private let store: any EventStore
  private let held = Mutex<(any KeyspaceReader)?>(nil)

  init(_ store: any EventStore) { self.store = store }

  /// From now on `current` is what it is now.
  func hold() {
    let current = store.current()
    held.withLock { $0 = current }
  }

  func barrier() async throws(StoreError) -> Revision {
    let revision = try await store.barrier()
    held.withLock { $0 = nil }
    return revision
  }

  func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
    try await store.commit(transaction)
  }

  func current() -> any KeyspaceReader { held.withLock { $0 } ?? store.current() }

  func history(at revision: Revision) async throws(StoreError) -> any KeyspaceReader {
    try await store.history(at: revision)
  }

  func watch(prefix: Key, after revision: Revision, sink: any WatchSink) throws(StoreError)
    -> any WatchHandle
  { try store.watch(prefix: prefix, after: revision, sink: sink) }

  var oldestWatchRevision: Revision { store.oldestWatchRevision }
}
