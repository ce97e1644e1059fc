import Raft

/// What goes wrong, and how it is put right in the end.
extension Simulation {
  func causeFault() {
    guard !isHealing else { return }
    cause(random.pick(profile.faults))
    schedule(.fault, in: random.next(in: profile.faultInterval))
  }

  private func cause(_ fault: SimulationProfile.Fault) {
    let victim = random.pick(replicas)
    switch fault {
    case .crash:
      if victim.isRunning { crash(victim, losesPower: false) }
    case .powerLoss:
      if !victim.isRunning || random.chance(60) {
        // In the middle of something, perhaps of the next start.
        trace("the power of \(victim.id) is about to fail")
        victim.disk.callsUntilPowerLoss = random.next(in: 1...25)
      } else {
        crash(victim, losesPower: true)
      }
    case .powerLossOfAll:
      for replica in replicas where replica.isRunning { crash(replica, losesPower: true) }
    case .isolate:
      trace("replica \(victim.id) is cut off")
      network.isolate(victim.id, among: ids)
      noticeCuts(of: victim.id)
    case .cutOneWay:
      let other = random.pick(ids.filter { $0 != victim.id })
      trace("messages from \(victim.id) to \(other) are lost")
      network.cut(from: victim.id, to: other)
    case .heal:
      trace("the network is whole again")
      network.heal()
    case .pause:
      guard victim.isRunning, !victim.isBusy else { return }
      trace("replica \(victim.id) stands still")
      victim.isPaused = true
      schedule(
        .resume(victim.id, life: victim.life), in: random.next(in: 500...(25 * Self.tick)))
    case .slowDisk:
      trace("the disk of \(victim.id) is slow")
      victim.slowDiskUntil = now + random.next(in: 2_000...(60 * Self.tick))
    case .fullDisk:
      victim.disk.isFull.toggle()
      trace("the disk of \(victim.id) is \(victim.disk.isFull ? "full" : "free again")")
    case .syncError: victim.disk.failsNextSync = true
    case .connectionNotice:
      let other = random.pick(ids.filter { $0 != victim.id })
      give(.connectionLost(other), to: victim)
      if random.chance(70) { give(.connectionLost(victim.id), to: replica(other)) }
    case .transfer: give(.transfer, to: victim)
    case .weather: changeWeather()
    case .members: changeMembers()
    }
  }

  func noticeCuts(of id: ReplicaID) {
    guard profile.noticesConnections, random.chance(50) else { return }
    for other in ids where other != id {
      schedule(.input(other, .connectionLost(id), life: nil), in: random.next(in: 100...20_000))
      schedule(.input(id, .connectionLost(other), life: nil), in: random.next(in: 100...20_000))
    }
  }

  private func changeWeather() {
    network.weather.lossPercent = random.pick([0, 0, 2, 10, 40])
    network.weather.duplicatePercent = random.pick([0, 0, 5, 30])
    network.weather.stragglePercent = random.pick([0, 0, 3, 20])
    network.weather.delay = random.pick([20...150, 20...150, 100...1_500, 1...20])
    network.weather.straggleDelay = random.pick([500...4_000, 2_000...40_000])
    trace("the network: \(network.weather)")
  }

  // MARK: Healing

  private static let peaceTicks = 250

  /// From here on everything works, and all must come to agree.
  func heal() {
    trace("everything heals")
    isHealing = true
    network.heal()
    network.weather = .init()
    for replica in replicas {
      replica.disk.isFull = false
      replica.disk.failsNextSync = false
      replica.disk.callsUntilPowerLoss = nil
      replica.slowDiskUntil = 0
      if replica.isPaused { resume(replica) }
      if !replica.isRunning { start(replica) }
      if replica.core?.refusesProposals == true {
        replica.core?.setRefusesProposals(false)
        perform(replica)
      }
    }
    schedule(.end, in: Self.peaceTicks * Self.tick)
  }

  /// All must have agreed by now.
  func finishHealing() {
    isDone = true
    for client in clients.indices where clients[client].operation != nil {
      oracle.fail("client \(client) was never answered, though everything works")
    }
    let leader = voters.compactMap { replica($0).core?.raft.leader }.first
    for replica in replicas where voters.contains(replica.id) {
      guard let core = replica.core, let log = replica.log else {
        return oracle.fail("replica \(replica.id) did not come back")
      }
      let status = core.raft.status
      if status.leader == 0 || status.applied != status.lastIndex
        || status.leader != leader
      {
        return oracle.fail(
          "replica \(replica.id) has not settled: leader \(status.leader), applied "
            + "\(status.applied) of \(status.lastIndex)")
      }
      oracle.converged(replica.id, core: core, log: log)
    }
  }
}
