import Keyspace
import Raft

extension Replica {
  public func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
    let result = await withUnsafeContinuation { (continuation: CoreInput.Commit) in
      if !mailbox.offer(.commit(transaction, continuation)) {
        continuation.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  public func barrier() async throws(StoreError) -> Revision {
    let result = await withUnsafeContinuation { (continuation: CoreInput.Barrier) in
      if !mailbox.offer(.barrier(continuation)) {
        continuation.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  public func current() -> any KeyspaceReader { hub.current }

  /// What this replica knows about itself; `nil` once it has stopped.
  public func status() async -> ReplicaStatus? {
    await withUnsafeContinuation { continuation in
      if !mailbox.post(.status(continuation)) { continuation.resume(returning: nil) }
    }
  }

  /// Asks this replica, if it leads, to hand over: to `peer`, or to who has most of the log.
  public func transferLeadership(to peer: ReplicaID? = nil) {
    mailbox.post(.transferLeadership(peer))
  }

  /// Has the members changed; this replica must lead. Returns the new membership once it is
  /// committed. A new voter has its vote only when it has the log, which `status` tells.
  ///
  /// - Throws: `invalid` where the change can't be; `unavailable` where another replica leads,
  ///   another change is under way, or the outcome is not known.
  public func changeMembership(
    _ change: MembershipChange
  ) async throws(StoreError) -> Membership {
    guard transport != nil else {
      throw .invalid(
        "this server stands alone, and its peers would not reach it; begin with at least two "
          + "servers in cluster.conf")
    }
    let result = await withUnsafeContinuation { (continuation: CoreInput.Change) in
      if !mailbox.offer(.changeMembership(change, continuation)) {
        continuation.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  private var refusal: StoreError {
    mailbox.isClosed
      ? .stopped("the replica is shut down")
      : .unavailable("too many calls wait on this replica; try again")
  }
}
