import EventLog
import EventStore
import Keyspace
import Raft

/// Faults that destroy what was durable.
///
/// The planner's rule: they hit a replica only where, with it and all that are not restored yet
/// taken away, every membership that any replica knows still has its majority. What was promised
/// on a majority's disks can't be kept when a majority's disks are gone. Nothing is destroyed
/// before the group has committed anything: until then a lost log can't be told from one that held
/// the only copy. And the log's newest write is
/// not changed such that it looks like one that a power failure interrupted: nothing could tell.
extension Simulation {
  /// Those that have lost nothing.
  var sound: Set<ReplicaID> {
    Set(replicas.filter { !$0.isImpaired && !$0.isTainted && !$0.checkpoint.isTainted }.map(\.id))
  }

  var knownMemberships: [Membership] {
    replicas.map { $0.core?.raft.membership ?? $0.knownMembership }.filter { !$0.isEmpty }
  }

  /// All members known to anybody, also with the votes that learners are about to get, still have majorities among these.
  func suffice(_ ids: Set<ReplicaID>) -> Bool {
    let known = knownMemberships
    return !known.isEmpty && known.allSatisfy { suffice(ids, for: $0) }
  }

  /// Learners may come to have the log in any order.
  func suffice(_ ids: Set<ReplicaID>, for membership: Membership) -> Bool {
    guard membership.hasMajority(ids) else { return false }
    let settled = membership.leavingJoint
    return settled.learners.allSatisfy { learner in
      settled.successor { $0 == learner }.map { suffice(ids, for: $0) } ?? true
    }
  }

  func mayLose(_ victim: SimulatedReplica) -> Bool {
    oracle.committedCount > 0 && suffice(sound.subtracting([victim.id]))
  }

  enum Damage: CaseIterable {
    case wipe, logLost, stateLost, rot, unreadable, misdirected, stale, missing
  }

  func damage(_ victim: SimulatedReplica) {
    guard mayLose(victim) else { return }
    let damage = random.pick(Damage.allCases)
    if victim.isRunning || victim.recovery != nil {
      crash(victim, losesPower: true)
    } else {
      victim.disk.losePower(&random)
    }
    victim.isImpaired = true
    outcome.damages += 1
    switch damage {
    case .wipe:
      trace("the folder of \(victim.id) is wiped")
      victim.disk = SimulatedDisk()
      victim.checkpoint = SimulatedCheckpoint()
      victim.installing = nil
      victim.isDistrusted = false
    case .logLost:
      trace("the log of \(victim.id) is lost")
      victim.disk = SimulatedDisk()
    case .stateLost:
      trace("the state of \(victim.id) is lost")
      victim.checkpoint = SimulatedCheckpoint()
    case .rot, .unreadable, .misdirected, .stale, .missing:
      let before = victim.disk.copy()
      guard let file = damageFile(of: victim, damage) else { return }
      if isNoticed(victim, before) {
        trace("\(file) of \(victim.id) is damaged: \(damage)")
      } else {
        victim.disk = before
      }
    }
  }

  private func damageFile(of victim: SimulatedReplica, _ damage: Damage) -> String? {
    let names = victim.disk.files.keys.sorted()
    guard !names.isEmpty else { return nil }
    let name = random.pick(names)
    guard let file = victim.disk.files[name], !file.data.isEmpty else { return nil }
    let sector = SimulatedFile.sectorBytes
    let start = random.next(in: 0...(file.data.count - 1)) / sector * sector
    let end = min(start + sector, file.data.count)
    switch damage {
    case .rot:
      file.data[random.next(in: 0...(file.data.count - 1))] ^= 1 << UInt8(random.next(in: 0...7))
    case .unreadable: file.isUnreadable = true
    case .misdirected:
      // A write that was meant for elsewhere.
      guard let source = victim.disk.files[random.pick(names)]?.data, !source.isEmpty else {
        return nil
      }
      let from = random.next(in: 0...(source.count - 1)) / sector * sector
      for (offset, byte) in source[from..<min(source.count, from + end - start)].enumerated() {
        file.data[start + offset] = byte
      }
    case .stale: for position in start..<end { file.data[position] = 0 }
    case .missing: victim.disk.destroy(name)
    case .wipe, .logLost, .stateLost: return nil
    }
    return name
  }

  /// Whether the next start would see the damage, or lose nothing by it.
  private func isNoticed(_ victim: SimulatedReplica, _ before: SimulatedDisk) -> Bool {
    func open(_ disk: SimulatedDisk) -> EventLog<SimulatedDisk>? {
      try? EventLog.open(
        disk: disk.copy(), options: logOptions(victim.id),
        reaching: victim.installing == victim.checkpoint.index
          ? nil : victim.checkpoint.position)
    }
    guard let after = open(victim.disk) else { return true }
    guard let whole = open(before) else { return false }
    return (after.lastIndex, after.lastTerm, after.firstIndex)
      == (whole.lastIndex, whole.lastTerm, whole.firstIndex)
      && (after.vote.term, after.vote.vote) == (whole.vote.term, whole.vote.vote)
  }

  // MARK: A state that differs

  /// Written once.
  static let constantKey = Key("pods/constant")
  static let constantValue: [UInt8] = [1, 2, 3]

  /// Changes one bit of a voter's checkpoint such that only a comparison with the others can tell.
  /// Only where all others are sound, and members don't change: a majority of the others must be
  /// there to say so. And the bit is one that a state which is streamed does not have, see
  /// `untainted`: a majority to which it had spread would be right.
  func taint(_ victim: SimulatedReplica) {
    guard !profile.faults.contains(.members), sound.count == replicas.count,
      let place = victim.checkpoint.entries.firstIndex(where: { $0.key == Self.constantKey })
    else { return }
    crash(victim, losesPower: true)
    let entry = victim.checkpoint.entries[place]
    var value = entry.value
    value[0] ^= 1
    victim.checkpoint.entries[place] = Entry(
      key: entry.key, value: value, createRevision: entry.createRevision,
      modRevision: entry.modRevision)
    victim.checkpoint.isTainted = true
    outcome.tainted += 1
    trace("a bit of the state of \(victim.id) changes")
  }

  func untainted(_ state: SimulatedCheckpoint) -> SimulatedCheckpoint {
    var state = state
    state.isTainted = false
    if let place = state.entries.firstIndex(where: { $0.key == Self.constantKey }) {
      state.entries[place].value = Self.constantValue
    }
    return state
  }

  /// Its state is not what the others have: the next start gets another one.
  func quarantine(_ replica: SimulatedReplica, _ reason: String) {
    trace("replica \(replica.id) stops: \(reason)")
    guard replica.isTainted else {
      return oracle.fail("replica \(replica.id) is sound, but takes itself out: \(reason)")
    }
    outcome.quarantined += 1
    replica.isDistrusted = true
    crash(replica, losesPower: false)
  }
}
