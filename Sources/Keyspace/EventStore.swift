/// Why the store could not do something.
public enum StoreError: Error, Sendable, Hashable {
  /// No leader, or not reached in time. The transaction may or may not have been committed;
  /// with a request id it can be retried.
  case unavailable(String)
  /// The revision is older than what is kept; `oldest` is the first that is there.
  case compacted(oldest: Revision)
  /// The revision is yet to come.
  case future(current: Revision)
  /// The disk is full or a bound is reached; nothing was written.
  case noSpace(String)
  /// The transaction itself can't be taken: too large, empty, a key twice.
  case invalid(String)
  /// The replica has stopped, e.g. after a failed sync.
  case stopped(String)
}

/// A consistent view of all keys at one revision. Taking one costs nothing.
public protocol KeyspaceReader: Sendable {
  var revision: Revision { get }
  func get(_ key: Key) -> Entry?
  /// Entries with `start <= key < end` in order, at most `limit` (0: all).
  func range(from start: Key, to end: Key?, limit: Int) -> [Entry]
  /// Visits entries with `start <= key < end` in order until `body` returns false.
  func forEach(from start: Key, to end: Key?, _ body: (Entry) -> Bool)
  func count(from start: Key, to end: Key?) -> Int
}

extension KeyspaceReader {
  public func forEach(from start: Key, to end: Key?, _ body: (Entry) -> Bool) {
    let step = 500
    var start = start
    while true {
      let entries = range(from: start, to: end, limit: step)
      for entry in entries where !body(entry) { return }
      guard entries.count == step, let last = entries.last else { return }
      start = Key(bytes: last.key.bytes + [0])
    }
  }

  public func entries(prefix: Key, limit: Int = 0) -> [Entry] {
    range(from: prefix, to: prefix.prefixEnd, limit: limit)
  }
}

/// Receives events of one watch.
///
/// Called on the replica's apply thread, in revision order: it must hand over and return, never
/// block. `upTo` says how far the watch has seen, also when `events` is empty.
public protocol WatchSink: AnyObject, Sendable {
  func receive(_ events: [Event], upTo revision: Revision)
  /// The watch ends, e.g. because the replica stops or reloads its state from a snapshot.
  func end(_ error: StoreError)
}

/// A running watch; ends when cancelled.
public protocol WatchHandle: Sendable {
  func cancel()
}

/// What the API server needs of a store: a transaction log with a present, a past and watches.
public protocol EventStore: Sendable {
  /// Replicates and applies a transaction. Returns once this replica has applied it, so that a
  /// following local read sees it.
  func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult

  /// The present as this replica has applied it; may lag the leader.
  func current() -> any KeyspaceReader

  /// Waits until this replica has applied all that was committed before the call (ReadIndex).
  func barrier() async throws(StoreError) -> Revision

  /// The keyspace as it was at `revision`, from the retained history.
  func history(at revision: Revision) async throws(StoreError) -> any KeyspaceReader

  /// Watches keys with `prefix` from just after `revision`. Events that are still kept are
  /// delivered first, then those to come: each once, in order, none skipped.
  ///
  /// - Throws: `compacted` where events after `revision` are gone, `future` where it is yet to
  ///   come.
  func watch(prefix: Key, after revision: Revision, sink: any WatchSink) throws(StoreError)
    -> any WatchHandle

  /// The oldest revision from which a watch can start.
  var oldestWatchRevision: Revision { get }
}
