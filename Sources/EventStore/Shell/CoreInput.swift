import Keyspace
import Raft

/// What the core's thread is told.
enum CoreInput: Sendable {
  typealias Commit = UnsafeContinuation<Result<TransactionResult, StoreError>, Never>
  typealias Barrier = UnsafeContinuation<Result<Revision, StoreError>, Never>

  typealias Change = UnsafeContinuation<Result<Membership, StoreError>, Never>

  case commit(Transaction, Commit)
  case barrier(Barrier)
  case received([PeerMessage], from: ReplicaID)
  case connectionLost(ReplicaID)
  /// A sync covered one batch of the core.
  case persisted(index: LogIndex, term: Term)
  /// Log segments up to `index` are not needed by the checkpoint any more.
  case checkpointed(LogIndex)
  case diskIsFull(Bool)
  /// A watch has just begun and waits for its events.
  case watchesBegan
  case figures(UnsafeContinuation<(ReplicaStatus, ReplicaFigures)?, Never>)
  case status(UnsafeContinuation<ReplicaStatus?, Never>)
  case changeMembership(MembershipChange, Change)
  case transferLeadership(ReplicaID?)
  case snapshotSent(to: ReplicaID, index: LogIndex, succeeded: Bool)
  /// The log was read for a follower.
  case entriesRead(EntriesRequest, EntriesRead?)
  /// A streamed state lies verified in a file and waits to be installed.
  case snapshotArrived(ArrivedSnapshot)
  /// The replica can't go on.
  case failed(String)
  /// For tests: does something to the core.
  case run(@Sendable (inout ReplicaCore) -> Void)
  case stop
}
