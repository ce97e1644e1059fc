import EventLog
import Raft

/// What a replica found missing on its disk, and why.
struct ReplicaLoss: Sendable {
  var need: ReplicaRecovery.Need
  /// For people: what is wrong, and where.
  var reason: String

  /// What to tell somebody whose replica has no peers to ask.
  func alone(_ folder: String) -> ReplicaStartError {
    ReplicaStartError(
      "\(reason). Nothing was changed. This replica has no peers that could give it back: restore "
        + "it from a backup, or from what this folder still has, into a new folder: taffrail "
        + "cluster restore --from BACKUP, or --from \(folder)")
  }
}

/// What a start found on the disk.
enum FoundReplica {
  case whole(LoadedReplica, Projection)
  case lacking(ReplicaLoss)
}
