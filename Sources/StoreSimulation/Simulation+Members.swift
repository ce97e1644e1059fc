import EventStore
import Raft

/// Who belongs to the group, and how that changes.
extension Simulation {
  /// Replicas beyond the first three know of no group, as on a disk that was just bought.
  func firstMembership(_ id: ReplicaID) -> Membership {
    founders.contains(id) ? Membership(voters: founders) : Membership()
  }

  /// The voters of the newest membership that anybody has applied.
  var voters: [ReplicaID] {
    let newest = replicas.filter { $0.core?.appliedMembership?.isEmpty == false }
      .max { ($0.core?.applied ?? 0) < ($1.core?.applied ?? 0) }
    return newest?.core?.appliedMembership?.voters ?? founders
  }

  /// Whoever believes to lead is asked for some change, sensible or not.
  func changeMembers() {
    let leaders = replicas.filter { $0.core?.raft.role == .leader && !$0.isBusy }
    guard !leaders.isEmpty else { return }
    let leader = random.pick(leaders)
    guard let membership = leader.core?.raft.membership else { return }
    let server = random.pick(ids)
    let change: MembershipChange
    if membership.server(server) == nil {
      let other = random.pick(ids.filter { $0 != server })
      change =
        membership.server(other) != nil && random.chance(50)
        ? .replace(server: other, by: server, host: "", port: 0)
        : .add(server: server, host: "", port: 0, votes: random.chance(70))
    } else if membership.learners.contains(server), random.chance(50) {
      change = .promote(server: server)
    } else if membership.voters.count > 2 || membership.learners.contains(server) {
      change = .remove(server: server)
    } else {
      return
    }
    // Not where those that are left could not go on: some may have lost what they had.
    if let next = try? membership.applying(change), !suffice(sound, for: next) { return }
    trace("leader \(leader.id) is asked to \(change)")
    give(.change(change), to: leader)
  }
}
