import Keyspace
import Raft

/// A client with one operation at a time, which it repeats, also elsewhere, until it is answered.
struct SimulatedClient {
  enum Operation {
    case write(Transaction)
    case read
  }

  /// One try of an operation.
  struct Attempt {
    var client: Int
    var operation: Int
    var number: Int
    /// For reads: what was acknowledged when the attempt began.
    var floor: Revision
  }

  var operation: Operation?
  /// Numbers the operations, so that late answers are told apart.
  var operationNumber = 0
  var attemptNumber = 0
  /// Operations that were answered.
  var answers = 0
  var replica: ReplicaID
  /// Does not ask this one; 0: asks anybody.
  var avoids: ReplicaID = 0
  /// Only reads, and from this one; 0: does as the others.
  var readsFrom: ReplicaID = 0

  init(replica: ReplicaID) { self.replica = replica }
}
