import Keyspace
import Raft

extension ReplicaCore {
  /// Whether time matters to this replica although nobody waits.
  public var hasLeases: Bool { !leases.isEmpty }

  /// What the core knows of itself, for `/metrics`.
  func addFigures(to figures: inout ReplicaFigures) {
    figures.readRounds = barriers.roundsBegun
    figures.pendingProposals = proposals.count
    figures.pendingBarriers = barriers.count
    figures.leases = leases.count
    figures.logMemoryBytes = raft.logBytes
    figures.bytesInFlight = raft.status.peers.filter { $0.id != configuration.raft.id }.map {
      ($0.id, raft.bytesInFlight(to: $0.id))
    }
  }

  /// Leader: ends the leases whose time is over.
  mutating func tickLeases() {
    guard raft.role == .leader else {
      leasesLedIn = 0
      return
    }
    if leasesLedIn != raft.term {
      leasesLedIn = raft.term
      leases.beginToLead(now: now)
    }
    let state = keyspace.snapshot
    let ends = leases.ended(now: now).compactMap { id in
      Lease.end(id: id, in: state, verb: "expire", timeMilliseconds: timeMilliseconds)
    }
    // Where the log is at its bound they are told again.
    if !ends.isEmpty { _ = raft.propose(ends.map(TransactionCodec.encode)) }
  }
}
