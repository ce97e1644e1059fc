import Keyspace
import Raft

extension ReplicaCore {
  // MARK: Inputs

  /// A local caller, known by `id` (each used once, growing), wants `transaction` committed.
  public mutating func propose(id: UInt64, transaction: Transaction) {
    var transaction = transaction
    while transaction.requestID == 0 { transaction.requestID = identifiers.next() }
    do {
      try TransactionCodec.validate(transaction)
    } catch {
      actions.completions.append(
        .init(id: id, result: .failure(.invalid(error.description))))
      return
    }
    if let excess = quotaExcess(of: transaction) {
      actions.completions.append(.init(id: id, result: .failure(.noSpace(excess))))
      return
    }
    let payload = TransactionCodec.encode(transaction)
    guard proposals.count < configuration.maximumPending,
      proposals.bytes + payload.count <= configuration.maximumPendingBytes
    else {
      actions.completions.append(
        .init(
          id: id,
          result: .failure(
            .unavailable("\(proposals.count) writes already wait on this replica; try again"))))
      return
    }
    proposals.insert(
      .init(
        id: id, requestID: transaction.requestID, payload: payload,
        deadline: now + configuration.deadlineTicks))
  }

  /// Why a transaction would take the state beyond its bounds. What makes it smaller, or leaves it
  /// as large as it is, always passes: there must be a way back.
  private func quotaExcess(of transaction: Transaction) -> String? {
    let (maximumKeys, maximumBytes) = (configuration.maximumKeys, configuration.maximumBytes)
    guard maximumKeys > 0 || maximumBytes > 0 else { return nil }
    let state = keyspace.snapshot
    var (keys, bytes) = (0, 0)
    for mutation in transaction.mutations {
      let present = state.get(mutation.key)
      if let present {
        keys -= 1
        bytes -= present.key.bytes.count + present.value.count
      }
      if case .put(let key, let value, _) = mutation {
        keys += 1
        bytes += key.bytes.count + value.count
      }
    }
    if maximumKeys > 0, keys > 0, keyspace.count + keys > maximumKeys {
      return "the quota of \(maximumKeys) objects is reached; delete some, or raise quota.objects "
        + "in cluster.conf"
    }
    if maximumBytes > 0, bytes > 0, keyspace.bytes + bytes > maximumBytes {
      return "the quota of \(maximumBytes) bytes is reached (\(keyspace.bytes) are in use); delete "
        + "objects, or raise quota.bytes in cluster.conf"
    }
    return nil
  }

  /// A local caller wants to know when all that is committed by now is applied here.
  public mutating func readBarrier(id: UInt64) {
    guard barriers.count < configuration.maximumPending else {
      actions.barriers.append(
        .init(
          id: id,
          result: .failure(
            .unavailable("\(barriers.count) reads already wait on this replica; try again"))))
      return
    }
    barriers.insert(.init(id: id, deadline: now + configuration.deadlineTicks))
  }

  /// A follower's transactions. If this replica doesn't lead (any more) they are dropped: the
  /// follower sends them to the right one as soon as it learns who that is.
  mutating func appendForwarded(_ payloads: [[UInt8]], from peer: ReplicaID) {
    guard raft.role == .leader else { return }
    // Never let bytes into the log that no replica can read.
    let readable = payloads.compactMap { payload in
      (try? TransactionCodec.decode(payload)).map { (payload, $0.requestID) }
    }
    guard !readable.isEmpty else { return }
    let refused = refusesProposals ? readable.filter { !Self.isDeletion($0.0) } : []
    if !refused.isEmpty {
      actions.messages.append(
        OutgoingMessage(
          to: peer, message: .refuse(requestIDs: refused.map(\.1), reason: .noSpace)))
    }
    let taken = readable.filter { entry in !refused.contains { $0.1 == entry.1 } }.map(\.0)
    // Where the log is at its bound nothing is appended, and the follower asks again.
    if !taken.isEmpty { _ = raft.propose(taken) }
  }

  mutating func refused(_ requestIDs: [UInt64], reason: RefusalReason) {
    for requestID in requestIDs {
      for proposal in proposals.remove(requestID: requestID) {
        switch reason {
        case .noSpace:
          complete(proposal, .failure(proposal.attempts > 1 ? unknown : noSpace))
        }
      }
    }
  }

  // MARK: Sending

  /// Hands unsent proposals to the leader, whoever that is now.
  mutating func dispatchProposals() {
    guard !proposals.isEmpty else { return }
    if raft.leader != sentTo.leader || raft.term != sentTo.term {
      sentTo = (raft.leader, raft.term)
      proposals.markAllUnsent()
    }
    guard raft.leader != 0 else { return }
    let unsent = proposals.takeUnsent(now: now)
    guard !unsent.isEmpty else { return }
    if raft.leader == configuration.raft.id {
      propose(unsent)
    } else {
      forward(unsent, to: raft.leader)
    }
  }

  private mutating func propose(_ unsent: [PendingProposals.Proposal]) {
    var unsent = unsent
    if refusesProposals {
      refused(unsent.filter { !Self.isDeletion($0.payload) }.map(\.requestID), reason: .noSpace)
      unsent.removeAll { !Self.isDeletion($0.payload) }
    }
    if !unsent.isEmpty, raft.propose(unsent.map(\.payload)) == nil {
      // The log is at its bound; they go with the next tick.
      proposals.putBack(unsent)
    }
  }

  /// Deletions go on while the disk counts as full: what is kept free is for them.
  private static func isDeletion(_ payload: [UInt8]) -> Bool {
    guard let transaction = try? TransactionCodec.decode(payload) else { return false }
    return transaction.mutations.allSatisfy { mutation in
      if case .delete = mutation { true } else { false }
    }
  }

  /// Several in one message, but none so large that it holds up heartbeats for long.
  private mutating func forward(_ unsent: [PendingProposals.Proposal], to leader: ReplicaID) {
    var batch: [[UInt8]] = []
    var bytes = 0
    func flush(_ actions: inout ReplicaActions) {
      guard !batch.isEmpty else { return }
      actions.messages.append(OutgoingMessage(to: leader, message: .propose(batch)))
      batch = []
      bytes = 0
    }
    for proposal in unsent {
      if bytes + proposal.payload.count > 1 << 20 { flush(&actions) }
      batch.append(proposal.payload)
      bytes += proposal.payload.count
    }
    flush(&actions)
  }

  mutating func dispatchBarriers() {
    guard !barriers.isEmpty, raft.leader != 0 else { return }
    if let context = barriers.startRound(now: now) { raft.readIndex(context: context) }
  }

  // MARK: Answers

  mutating func complete(
    _ proposal: PendingProposals.Proposal, _ result: Result<TransactionResult, StoreError>
  ) {
    actions.completions.append(.init(id: proposal.id, result: result))
  }

  mutating func completeBarriers() {
    for id in barriers.removeReady(applied: applied) {
      actions.barriers.append(.init(id: id, result: .success(keyspace.revision)))
    }
  }

  /// Answers those whose transaction was applied within a snapshot.
  mutating func completeRemembered() {
    guard !proposals.isEmpty else { return }
    let wanted = Set(proposals.requestIDs)
    for (requestID, result) in keyspace.requests where wanted.contains(requestID) {
      for proposal in proposals.remove(requestID: requestID) {
        complete(proposal, .success(result))
      }
    }
  }

  /// Each tick: fails what waited too long, sends again what may be lost.
  mutating func expire() {
    guard hasPending else { return }
    for proposal in proposals.removeExpired(now: now) {
      complete(proposal, .failure(.unavailable(unavailableReason)))
    }
    for id in barriers.removeExpired(now: now) {
      actions.barriers.append(.init(id: id, result: .failure(.unavailable(unavailableReason))))
    }
    guard now % max(1, configuration.resendTicks / 4) == 0 else { return }
    proposals.markUnsent(sentUntil: now - configuration.resendTicks)
    barriers.requeueRounds(sentUntil: now - configuration.resendTicks)
  }

  private var unavailableReason: String {
    raft.status.leader == 0
      ? "no leader: a majority of the replicas is not reachable"
      : "replica \(raft.status.leader) leads, but did not answer in time"
  }

  /// The last attempt was refused, but an earlier one may have been appended.
  private var unknown: StoreError {
    .unavailable("\(fullDisk) is full; whether this was written before is not known")
  }

  private var noSpace: StoreError {
    .noSpace(
      "\(fullDisk) is full, and nothing was written; free some space there, its log names the "
        + "folder")
  }

  private var fullDisk: String {
    let leader = raft.status.leader
    return leader == 0 ? "the leader's disk" : "the disk of replica \(leader), which leads,"
  }
}
