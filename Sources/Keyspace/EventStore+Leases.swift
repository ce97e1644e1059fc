extension EventStore {
  /// Grants a lease for `ttlMilliseconds`, to be kept alive.
  ///
  /// - Parameter id: not 0, and not used by another lease; calling again with the same id has no
  ///   further effect, so that a call whose outcome is unknown can be repeated.
  /// - Throws: `invalid` for a time to live out of bounds, or an id that another lease has.
  public func grantLease(
    id: UInt64, ttlMilliseconds: UInt64, timeMilliseconds: UInt64
  ) async throws(StoreError) -> Lease {
    guard id != 0 else { throw .invalid("a lease's id must not be 0") }
    guard Lease.timesToLive.contains(ttlMilliseconds) else {
      throw .invalid(
        "a lease's time to live is \(Lease.timesToLive.lowerBound) to "
          + "\(Lease.timesToLive.upperBound) ms, not \(ttlMilliseconds)")
    }
    switch try await commit(
      Lease.grant(id: id, ttlMilliseconds: ttlMilliseconds, timeMilliseconds: timeMilliseconds))
    {
    case .committed(let revision):
      return Lease(id: id, revision: revision, ttlMilliseconds: ttlMilliseconds)
    case .conflict(_, let actual):
      guard let value = current().get(Lease.recordKey(id)), value.modRevision == actual,
        Lease.number(value) == ttlMilliseconds
      else { throw .invalid("there is another lease with the id \(id)") }
      return Lease(id: id, revision: actual, ttlMilliseconds: ttlMilliseconds)
    }
  }

  /// Begins a lease's time anew. False: it has ended.
  public func keepAlive(
    _ lease: Lease, timeMilliseconds: UInt64
  ) async throws(StoreError) -> Bool {
    switch try await commit(lease.renewal(timeMilliseconds: timeMilliseconds)) {
    case .committed: return true
    case .conflict: return false
    }
  }

  /// Ends a lease, and removes the keys attached to it. False: it had ended already.
  public func revoke(_ lease: Lease, timeMilliseconds: UInt64) async throws(StoreError) -> Bool {
    _ = try await barrier()
    var isEnded = false
    // Each conflict means that somebody renewed it or wrote one of its keys meanwhile.
    while let end = Lease.end(
      id: lease.id, in: current(), verb: "revoke", timeMilliseconds: timeMilliseconds)
    {
      if let found = Lease(id: lease.id, in: current()), found.revision != lease.revision {
        return isEnded
      }
      if case .committed = try await commit(end) { isEnded = true }
    }
    return isEnded
  }

  /// Forgets what was before `revision`: no state before it can be read any more, and no watch
  /// begin before it, on any replica. Its bytes are freed in time.
  ///
  /// - Returns: the oldest revision that can be read now; later than asked for where more had
  ///   been forgotten before.
  /// - Throws: `future` where `revision` is yet to come.
  public func compact(
    to revision: Revision, timeMilliseconds: UInt64
  ) async throws(StoreError) -> Revision {
    let newest = try await barrier()
    guard revision <= newest else { throw .future(current: newest) }
    while true {
      let state = current()
      if let floor = Compaction.floor(in: state), floor >= revision { return floor }
      let present = state.get(Compaction.key)?.modRevision ?? 0
      let result = try await commit(
        Transaction(
          compares: [Compare(key: Compaction.key, revision: present)],
          mutations: [Lease.put(Compaction.key, revision)],
          provenance: Provenance(
            user: "system:taffrail", agent: "taffrail/compaction", verb: "compact"),
          timeMilliseconds: timeMilliseconds))
      if case .committed = result { return revision }
    }
  }
}

/// Where the history was ordered to begin: the value of one key, so that all replicas agree.
public enum Compaction {
  public static let key = Key("storecompaction/revision")

  /// The oldest revision that can be read; `nil`: none was ordered.
  public static func floor(in state: some KeyspaceReader) -> Revision? {
    Lease.number(state.get(key))
  }

  /// What an event orders, if it is one of this key.
  public static func floor(ordered event: Event) -> Revision? {
    guard event.key.bytes.count == key.bytes.count, event.key == key, event.kind == .put else {
      return nil
    }
    return UInt64(String(decoding: event.value, as: UTF8.self))
  }
}
