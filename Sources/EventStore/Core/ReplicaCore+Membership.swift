import Keyspace
import Raft

/// A change of the members whose caller waits.
struct PendingChange: Sendable {
  var id: UInt64
  var index: LogIndex
  var term: Term
}

/// How the members change: what an operator asks for, and what follows from it by itself.
extension ReplicaCore {
  static let settleTicks = 5
  /// Entries by which a learner may be behind and count as having the log.
  private static let caughtUpEntries: LogIndex = 256

  /// Leader: gives votes to those who have the log.
  mutating func tickMembership() {
    guard raft.role == .leader, now.isMultiple(of: Self.settleTicks), raft.canChangeMembership
    else { return }
    if configuration.recordsMembership, !raft.membership.isRecorded {
      var first = raft.membership
      first.isRecorded = true
      _ = raft.propose(first)
      return
    }
    guard
      let next = raft.membership.successor(
        isCaughtUp: { raft.isCaughtUp($0, within: Self.caughtUpEntries) })
    else { return }
    _ = raft.propose(next)
  }

  /// An operator wants the members changed; this replica must lead. Answered when the change is
  /// committed; a new voter has its vote some time after, when it has the log.
  public mutating func changeMembership(id: UInt64, _ change: MembershipChange) {
    func refuse(_ error: StoreError) {
      actions.changes.append(.init(id: id, result: .failure(error)))
    }
    guard raft.role == .leader else {
      let leader = raft.leader
      return refuse(
        .unavailable(leader == 0 ? "no leader is known; try again" : "replica \(leader) leads"))
    }
    let next: Membership
    do { next = try raft.membership.applying(change) } catch {
      return refuse(.invalid(error.description))
    }
    // Who can be reached changes from one moment to the next: the same request may do later.
    if let reason = loss(next) { return refuse(.unavailable(reason)) }
    guard raft.canChangeMembership, let position = raft.propose(next) else {
      return refuse(.unavailable("another change of the members is under way; try again"))
    }
    changes.append(PendingChange(id: id, index: position.index, term: position.term))
  }

  /// Why the voters that would be left could not go on, if so.
  private func loss(_ next: Membership) -> String? {
    guard next.voters != raft.membership.voters else { return nil }
    let active = Set(
      raft.status.peers.filter { $0.recentlyActive || $0.id == configuration.raft.id }.map(\.id))
    let count = next.voters.count(where: active.contains)
    guard count <= next.voters.count / 2 else { return nil }
    return "of the \(next.voters.count) voters that would be left only \(count) can be reached, "
      + "which is no majority; bring the others back first"
  }

  mutating func completeChanges(_ entry: LogEntry, _ membership: Membership) {
    for change in changes where change.index <= entry.index {
      let isItself = change.index == entry.index && change.term == entry.term
      actions.changes.append(
        .init(
          id: change.id,
          result: isItself
            ? .success(membership)
            : .failure(.unavailable("a new leader took over; whether it is changed, status tells"))
        ))
    }
    changes.removeAll { $0.index <= entry.index }
  }

  mutating func failChanges(_ error: StoreError) {
    for change in changes {
      actions.changes.append(.init(id: change.id, result: .failure(error)))
    }
    changes = []
  }

  /// A leader that has lost its office does not know what becomes of its changes.
  mutating func showMembership() {
    if raft.role != .leader, !changes.isEmpty {
      failChanges(.unavailable("a new leader took over; whether it is changed, status tells"))
    }
    guard raft.membership != shownMembership else { return }
    shownMembership = raft.membership
    actions.membership = shownMembership
  }
}
