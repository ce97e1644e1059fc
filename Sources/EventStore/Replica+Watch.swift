import Keyspace

extension Replica {
  public func watch(
    prefix: Key, after revision: Revision, sink: any WatchSink
  ) throws(StoreError) -> any WatchHandle {
    try hub.watch(
      prefix: prefix, after: revision, oldest: oldestWatchRevision, sink: sink)
  }

  public var oldestWatchRevision: Revision { hub.oldestWindowRevision }

  public func history(at revision: Revision) async throws(StoreError) -> any KeyspaceReader {
    let present = hub.current
    if revision == present.revision { return present }
    if revision > present.revision { throw .future(current: present.revision) }
    throw .compacted(oldest: present.revision)
  }
}
