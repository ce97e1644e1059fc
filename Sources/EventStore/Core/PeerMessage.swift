import Raft

/// What one replica says to another.
public enum PeerMessage: Sendable, Hashable {
  case raft(Message)
  /// A follower passes on transactions for the leader to append, as encoded log payloads.
  /// Losing or repeating one does no harm: the sender asks again, and request ids make
  /// repetition harmless.
  case propose([[UInt8]])
  /// The leader can't take proposals; nothing of them was appended.
  case refuse(requestIDs: [UInt64], reason: RefusalReason)
  /// A replica that has lost data asks where the others stand. See `ReplicaRecovery`.
  case recoveryQuery(nonce: UInt64)
  case recoveryAnswer(RecoveryAnswer)
  /// It asks for the state, as of `atLeast` or later.
  case stateRequest(atLeast: LogIndex)
  /// The hash of the sender's state after entry `index`. See `StateComparison`.
  case stateHash(index: LogIndex, hash: UInt64)
}

/// Why a leader refused forwarded transactions.
public enum RefusalReason: UInt8, Sendable, Hashable {
  /// Its disk is full.
  case noSpace = 0
}

/// A message with its addressee.
public struct OutgoingMessage: Sendable, Hashable {
  public var to: ReplicaID
  public var message: PeerMessage

  public init(to: ReplicaID, message: PeerMessage) {
    self.to = to
    self.message = message
  }
}
