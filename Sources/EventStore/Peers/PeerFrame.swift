import NIOCore
import Raft

/// The first frame on a connection between replicas: who speaks, to whom, and what for.
struct PeerHello: Sendable, Hashable {
  enum Purpose: UInt8, Sendable {
    case messages = 0
    /// The state, as a stream of its own so that it never delays messages.
    case snapshot = 1
  }

  var version: UInt16
  var clusterID: UInt64
  var from: ReplicaID
  var to: ReplicaID
  var purpose: Purpose
}

/// What a streamed state is, sent ahead of it.
struct SnapshotHeader: Sendable, Hashable {
  /// In which the sender leads.
  var leaderTerm: Term
  var identity: SnapshotIdentity
}

/// What travels between replicas: four bytes of length (big-endian), one byte of kind, a body.
enum PeerFrame: Sendable, Hashable {
  case hello(PeerHello)
  case welcome
  /// Why the connection is closed.
  case refusal(String)
  case messages([PeerMessage])
  case snapshotHeader(SnapshotHeader)
  /// The receiver has the first bytes of that state from an interrupted stream, and their checksum.
  case snapshotResume(offset: UInt64, checksum: UInt32)
  /// From where on the sender sends: after what the receiver has, or 0.
  case snapshotStart(UInt64)
  case snapshotBlock(SnapshotBlock)
  /// The receiver has written that many of the state's bytes.
  case snapshotTaken(UInt64)
  /// All blocks were sent.
  case snapshotEnd
  /// Empty: installed; else why not.
  case snapshotResult(String)

  /// Raise with every change that an older replica would misread.
  static let protocolVersion: UInt16 = 3
  /// "TFRL" followed by "PEER".
  static let magic: UInt64 = 0x5446_524C_5045_4552
  static let maximumBytes = 64 << 20
  /// Until the other side is known, nothing large is taken from it.
  static let maximumHandshakeBytes = 4 << 10
}

/// Bytes that are not a frame of this protocol.
struct PeerFrameError: Error, Hashable, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
