import Keyspace

extension Projection {
  /// How many requests `KeyspaceState` remembers.
  private static let rememberedRequests: Int64 = 100_000

  /// After how many entries the database is synced. Rarely, as the log is synced for each write
  /// and the two share a disk.
  private static let syncEntries = 2_000

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
        for applied in new { try write(applied) }
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
    if unsyncedEntries >= Self.syncEntries { try sync() }
  }

  private func write(_ applied: AppliedBatch) throws(ProjectionError) {
    var position = 0
    var revision: Revision = 0
    for event in applied.events {
      position = event.revision == revision ? position + 1 : 0
      revision = event.revision
      ProjectionSchema.bind(event, position: position, to: statements.insertHistory)
      try statements.insertHistory.run()
      switch event.kind {
      case .put:
        statements.setCurrent.bind(1, event.key.bytes)
        statements.setCurrent.bind(2, ProjectionSchema.id(revision, position: position))
        try statements.setCurrent.run()
      case .delete:
        statements.removeCurrent.bind(1, event.key.bytes)
        try statements.removeCurrent.run()
      }
    }
    if let membership = applied.membership {
      statements.setMembership.bind(1, membership)
      try statements.setMembership.run()
    }
    for (id, result) in applied.requests where id != 0 { try remember(id, result) }
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
    // An id that is known keeps its place, as in the state.
    guard connection.changes > 0 else { return }
    if nextRequest > Self.rememberedRequests {
      statements.forgetRequest.bind(1, nextRequest - Self.rememberedRequests)
      try statements.forgetRequest.run()
    }
    nextRequest += 1
  }
}
