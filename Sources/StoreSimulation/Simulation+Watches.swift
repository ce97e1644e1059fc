import Keyspace
import Raft

/// A client that watches everything: from one replica, or the next.
struct SimulatedWatch {
  var replica: ReplicaID
  /// Has every event up to here.
  var revision: Revision = 0
}

/// Watches: each sees every event once and in order, whatever replica it resumes on; or it is
/// told that it must list anew.
extension Simulation {
  static let windowEvents = 64

  func pull(_ number: Int) {
    schedule(.watchPulls(number), in: random.next(in: 500...8_000))
    if random.chance(15) { watches[number].replica = random.pick(ids) }
    let replica = replica(watches[number].replica)
    guard let core = replica.core, !replica.isBusy else {
      watches[number].replica = random.pick(ids)
      return
    }
    let revision = watches[number].revision
    // A replica that is behind has nothing to say yet.
    guard core.keyspace.revision >= revision else { return }
    guard let events = replica.window.events(after: revision, prefix: Key(bytes: [])) else {
      // Gone: it lists, and goes on from there.
      outcome.relists += 1
      watches[number].revision = core.keyspace.revision
      return
    }
    oracle.watches(replica.id, events, after: revision, upTo: core.keyspace.revision)
    watches[number].revision = core.keyspace.revision
  }
}
