import Keyspace
import Raft

/// What a replica knows about itself and, while it leads, about its followers.
public struct ReplicaStatus: Sendable, Hashable {
  public struct Peer: Sendable, Hashable {
    public var id: ReplicaID
    /// Whether this replica can send to it at the moment.
    public var connected: Bool
    /// The last log index the peer is known to hold; known to the leader only, else 0.
    public var match: LogIndex
    /// Log entries that the peer is behind this leader; 0 on followers.
    public var lag: UInt64
    /// How far a state has come that is being sent to the peer.
    public var snapshot: SnapshotProgress?
  }

  public var id: ReplicaID
  public var clusterID: UInt64
  public var role: Role
  public var term: Term
  /// 0: unknown.
  public var leader: ReplicaID
  public var commit: LogIndex
  public var applied: LogIndex
  public var lastIndex: LogIndex
  public var revision: Revision
  /// Bytes of the log on disk.
  public var logBytes: Int
  /// Equal on replicas with equal states at an equal applied index.
  public var stateHash: UInt64
  public var keyCount: Int
  public var stateBytes: Int
  /// The log index up to which the checkpoint on disk has everything.
  public var checkpoint: LogIndex
  /// Whether writes are refused because the disk is full.
  public var diskIsFull: Bool
  /// The newest in the log.
  public var membership: Membership
  /// Segments of the log that were found damaged, and that the state on disk does not cover yet.
  public var damage: [String]
  public var peers: [Peer]
}
