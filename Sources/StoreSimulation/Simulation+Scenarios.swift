import EventStore
import Raft

/// Troubles that are aimed at somebody, rather than at random.
extension Simulation {
  /// Until then the replicas settle on a first leader.
  private static let settlingTicks = 60

  func beginScenario() {
    switch scenario {
    case .anything: schedule(.fault, in: random.next(in: profile.faultInterval))
    case .shortReigns: schedule(.fault, in: random.next(in: profile.faultInterval))
    case .flappingFollower: schedule(.scenario, in: Self.settlingTicks * Self.tick)
    case .silentLeader: schedule(.scenario, in: 4 * Self.settlingTicks * Self.tick)
    case .leaseReads:
      schedule(.scenario, in: Self.settlingTicks * Self.tick / 2)
      schedule(.fault, in: random.next(in: profile.faultInterval))
    }
  }

  /// The next step of the scenario.
  func actOut() {
    guard phase == .faults else { return }
    switch scenario {
    case .anything, .shortReigns: break
    case .flappingFollower: flap()
    case .silentLeader: silence()
    case .leaseReads: stretchLease()
    }
  }

  /// The one replica that leads and is followed by a majority.
  private var establishedLeader: SimulatedReplica? {
    replicas.filter { $0.core?.raft.role == .leader }
      .max { ($0.core?.raft.term ?? 0) < ($1.core?.raft.term ?? 0) }
  }

  // MARK: Short reigns

  /// A replica has just begun to lead: it shall not do so for long.
  func leadershipBegan(_ replica: SimulatedReplica) {
    guard scenario == .shortReigns, phase == .faults, random.chance(85) else { return }
    let reign = random.pick([1...60, 20...400, 200...1_500, 500...6_000])
    schedule(.leaderFalls(replica.id, life: replica.life), in: random.next(in: reign))
    // Its first words reach one of the others, or nobody.
    let deaf = ids.filter { $0 != replica.id && random.chance(50) }
    if !deaf.isEmpty { trace("messages from \(replica.id) to \(deaf) are lost") }
    for id in deaf { network.cut(from: replica.id, to: id) }
  }

  /// A replica is about to send; it may fail as soon as it has.
  func failureAfter(_ messages: [OutgoingMessage], _ replica: SimulatedReplica) -> Bool {
    guard scenario == .shortReigns, phase == .faults else { return false }
    return messages.contains { message in
      guard case .raft(let message) = message.message else { return false }
      switch message.body {
      // Who has just voted must not vote again.
      case .voteResponse(true): return random.chance(30)
      // Who has just committed something must not lose it.
      case .append(_, _, let entries, let commit):
        guard !entries.isEmpty, commit > replica.committed else { return false }
        replica.committed = commit
        return random.chance(30)
      default: return false
      }
    }
  }

  /// Requests for votes take their time, and come twice: several replicas stand in one term, and
  /// a request meets a replica that has voted before and been restarted since.
  func arrivals(of message: OutgoingMessage, from replica: SimulatedReplica) -> [Int] {
    let arrivals = network.arrivals(from: replica.id, to: message.to, &random)
    guard scenario == .shortReigns, case .raft(let raft) = message.message,
      case .requestVote = raft.body
    else { return arrivals }
    return arrivals.flatMap { delay in
      [delay, 20].map { $0 + random.next(in: 0...(random.chance(50) ? 200 : 2_000)) }
    }
  }

  func fall(_ replica: SimulatedReplica) {
    guard replica.core?.raft.role == .leader, phase == .faults else { return }
    network.heal()
    switch random.next(in: 0...3) {
    case 0: crash(replica, losesPower: true, restartingIn: 1_000...30_000)
    case 1: crash(replica, losesPower: false, restartingIn: 1_000...30_000)
    default:
      trace("leader \(replica.id) is cut off")
      network.isolate(replica.id, among: ids)
      noticeCuts(of: replica.id)
    }
  }

  // MARK: A flapping follower

  private func flap() {
    guard let leader = establishedLeader else {
      return oracle.fail("nobody leads after \(Self.settlingTicks) quiet ticks")
    }
    if let protected {
      if protected.id != leader.id || protected.term != leader.core?.raft.term {
        return oracle.fail(
          "leader \(protected.id) of term \(protected.term) lost its office to \(leader.id), "
            + "though a majority could always hear it")
      }
    } else {
      protected = (leader.id, leader.core?.raft.term ?? 0)
    }
    network.heal()
    isFlapping.toggle()
    guard isFlapping else {
      // Long enough for a sign of life: two followers that lose it at once may well replace it.
      let quiet = profile.heartbeatTicks + 3
      return schedule(.scenario, in: random.next(in: quiet...(3 * quiet)) * Self.tick)
    }
    let victim = random.pick(ids.filter { $0 != leader.id })
    let other = random.pick(ids.filter { $0 != victim })
    switch random.next(in: 0...3) {
    case 0: network.cut(from: victim, to: other)
    case 1: network.cut(from: other, to: victim)
    case 2: network.isolate(victim, among: ids)
    default: break
    }
    trace("the links of \(victim) change")
    if random.chance(60) {
      give(.connectionLost(leader.id), to: replica(victim))
      give(.connectionLost(victim), to: leader)
    }
    schedule(.scenario, in: random.next(in: 200...(40 * Self.tick)))
  }

  // MARK: A silent leader

  /// Ticks of ten milliseconds in a second.
  private static let silenceTicks = 100

  private func silence() {
    if let silenced {
      guard oracle.acknowledgedCount > silenced.acknowledged else {
        return oracle.fail(
          "no write for \(Self.silenceTicks) ticks after leader \(silenced.id) fell silent")
      }
      trace("writes go on without \(silenced.id)")
      if replica(silenced.id).isPaused { resume(replica(silenced.id)) }
      network.heal()
      self.silenced = nil
      return schedule(.scenario, in: random.next(in: 60...150) * Self.tick)
    }
    guard let leader = establishedLeader else {
      return oracle.fail("nobody leads after a quiet time")
    }
    silenced = (leader.id, oracle.acknowledgedCount)
    // Its own clients are answered nothing: those of the others tell.
    for client in clients.indices { clients[client].avoids = leader.id }
    trace("leader \(leader.id) falls silent")
    switch random.next(in: 0...2) {
    case 0:
      network.isolate(leader.id, among: ids)
      if random.chance(50), !leader.isBusy { leader.isPaused = true }
    case 1:
      if leader.isBusy { network.isolate(leader.id, among: ids) } else { leader.isPaused = true }
    default:
      // It can be heard, but commits nothing.
      leader.stalledUntil = now + Self.silenceTicks * Self.tick
    }
    schedule(.scenario, in: Self.silenceTicks * Self.tick)
  }

  // MARK: A lease that others wait for

  /// Half and twice as fast as each other, which is what leases must bear.
  private static let slowestTick = 1_400
  private static let fastestTick = 700

  private func stretchLease() {
    network.heal()
    guard let leader = establishedLeader, clients[0].readsFrom == 0 else {
      for client in clients.indices {
        clients[client].readsFrom = 0
        clients[client].avoids = 0
      }
      return schedule(.scenario, in: random.next(in: 10...30) * Self.tick)
    }
    trace("leader \(leader.id) is cut off, and its clock is slow")
    for replica in replicas {
      let isSlow = replica.id == leader.id
      let usual = random.next(in: 850...1_150)
      let extreme = isSlow ? Self.slowestTick : Self.fastestTick
      replica.runClock(tickInterval: random.chance(80) ? extreme : usual, at: now)
    }
    for client in clients.indices {
      if client.isMultiple(of: 2) {
        clients[client].readsFrom = leader.id
      } else {
        clients[client].avoids = leader.id
      }
    }
    network.isolate(leader.id, among: ids)
    if random.chance(50) {
      for other in ids where other != leader.id {
        schedule(
          .input(other, .connectionLost(leader.id), life: nil), in: random.next(in: 20...1_000))
      }
    }
    schedule(.scenario, in: random.next(in: 8...25) * Self.tick)
  }
}
