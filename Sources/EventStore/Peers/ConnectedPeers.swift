import NIOConcurrencyHelpers
import Raft

/// The peers that this replica can send to at the moment.
final class ConnectedPeers: Sendable {
  private let peers = NIOLockedValueBox<Set<ReplicaID>>([])

  var all: Set<ReplicaID> { peers.withLockedValue { $0 } }

  func set(_ peer: ReplicaID, _ isConnected: Bool) {
    peers.withLockedValue { peers in
      if isConnected { peers.insert(peer) } else { peers.remove(peer) }
    }
  }
}
