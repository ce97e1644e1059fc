import Keyspace

extension Projection {
  /// How many requests `KeyspaceState` remembers.
  private static let rememberedRequests: Int64 = 100_000

  /// Writes what was applied, in order, in one transaction. Batches of entries that the
  /// projection already has are skipped, so a replay after a crash may begin anywhere before.
  ///
  /// - Throws: `noSpace` where the disk is full; nothing of the call was written then, and it can
  ///   be repeated.
  public func write(batch: [AppliedBatch]) throws(ProjectionError) {
    let new = batch.drop { $0.index <= meta.appliedIndex }
    guard let last = new.last else { return }
    let requestsBefore = nextRequest
    do {
      try connection.transaction { () throws(ProjectionError) in
        var changed = ChangedRows(capacity: new.count)
        var moments = Moments()
        for applied in new { try write(applied, &changed, &moments) }
        try write(changed)
        try write(moments)
        if nextRequest > Self.rememberedRequests + 1 {
          statements.forgetRequests.bind(1, nextRequest - 1 - Self.rememberedRequests)
          try statements.forgetRequests.run()
        }
        statements.setMeta.bind(1, last.index)
        statements.setMeta.bind(2, last.term)
        statements.setMeta.bind(3, last.revision)
        statements.setMeta.bind(4, last.stateHash)
        try statements.setMeta.run()
      }
    } catch {
      nextRequest = requestsBefore
      throw error
    }
    meta.appliedIndex = last.index
    meta.appliedTerm = last.term
    meta.revision = last.revision
    meta.stateHash = last.stateHash
    unsyncedEntries += new.count
    if unsyncedEntries >= syncEntries { try sync() }
  }

  private func write(
    _ applied: AppliedBatch, _ changed: inout ChangedRows, _ moments: inout Moments
  ) throws(ProjectionError) {
    var position = 0
    var revision: Revision = 0
    for event in applied.events {
      position = event.revision == revision ? position + 1 : 0
      revision = event.revision
      try ProjectionSchema.insert(
        event, position: position, by: statements.insertHistory, bound: boundProvenance)
      boundProvenance = event.provenance
      changed.add(
        event.key, id: ProjectionSchema.id(revision, position: position), kind: event.kind)
      moments.add(revision, timeMilliseconds: event.timeMilliseconds)
    }
    if let membership = applied.membership {
      statements.setMembership.bind(1, membership)
      try statements.setMembership.run()
    }
    for (id, result) in applied.requests where id != 0 { try remember(id, result) }
  }

  private func write(_ changed: ChangedRows) throws(ProjectionError) {
    let add = statements.addVersion
    try changed.forEachRow { (key, id, kind) throws(ProjectionError) in
      add.bind(2, id)
      add.bind(3, Int64(kind.rawValue))
      try add.run(lending: key.bytes, at: 1)
    }
  }

  private func write(_ moments: Moments) throws(ProjectionError) {
    let add = statements.addMoment
    for (block, times) in moments.blocks {
      add.bind(1, block)
      add.bind(2, Int64(clamping: times.lowerBound))
      add.bind(3, Int64(clamping: times.upperBound))
      try add.run()
    }
  }

  private func remember(_ id: UInt64, _ result: TransactionResult) throws(ProjectionError) {
    let add = statements.addRequest
    add.bind(1, nextRequest)
    add.bind(2, id)
    switch result {
    case .committed(let revision):
      add.bindNull(3)
      add.bind(4, revision)
    case .conflict(let key, let actual):
      add.bind(3, key.bytes)
      add.bind(4, actual)
    }
    try add.run()
    nextRequest += 1
  }
}
