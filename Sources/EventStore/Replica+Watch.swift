import Keyspace

extension Replica {
  public func watch(
    prefix: Key, after revision: Revision, sink: any WatchSink
  ) throws(StoreError) -> any WatchHandle {
    try hub.watch(
      prefix: prefix, after: revision, oldest: projector.meta.compactedRevision, sink: sink)
  }

  public var oldestWatchRevision: Revision {
    max(hub.oldestAllowed, min(hub.oldestWindowRevision, projector.meta.compactedRevision))
  }

  /// As it was at `revision`. What was the present a short while ago comes from memory; what is
  /// older is read from disk whenever the reader is used, so that should not be on an event loop.
  public func history(at revision: Revision) async throws(StoreError) -> any KeyspaceReader {
    switch hub.recent(revision) {
    case .found(let snapshot): return snapshot
    case .future(let current): throw .future(current: current)
    case .forgotten(let oldest): throw .compacted(oldest: oldest)
    case .older: break
    }
    let reader = try await history.reader(seeing: revision)
    do { return try reader.snapshot(at: revision) } catch { throw StoreError(error) }
  }

  /// Reads events and states of the past, up to what this replica has applied. Its calls block on
  /// the disk.
  public func historyReader() async throws(StoreError) -> HistoryReader {
    try await history.reader(seeing: hub.current.revision)
  }
}
