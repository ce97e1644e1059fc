import Raft

/// What goes wrong, and how it is put right in the end.
extension Simulation {
  func causeFault() {
    guard phase == .faults else { return }
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
    case .damage: damage(victim)
    case .taint: taint(victim)
    case .clock: changeClock(victim)
    case .stalledDisk:
      let leader = replicas.first { $0.core?.raft.role == .leader } ?? victim
      trace("the disk of \(leader.id) stands still")
      leader.stalledUntil = now + random.next(in: (5 * Self.tick)...(60 * Self.tick))
    case .flap:
      let other = random.pick(ids.filter { $0 != victim.id })
      trace("the link from \(victim.id) to \(other) comes and goes")
      flapLink(victim.id, other, random.next(in: 4...20))
    }
  }

  func flapLink(_ from: ReplicaID, _ to: ReplicaID, _ remaining: Int) {
    guard phase == .faults else { return }
    if remaining.isMultiple(of: 2) {
      network.cut(from: from, to: to)
    } else {
      network.restore(from: from, to: to)
    }
    guard remaining > 1 else { return }
    schedule(
      .flap(from: from, to: to, remaining: remaining - 1),
      in: random.next(in: 100...(15 * Self.tick)))
  }

  /// The wall clock jumps, or the other one runs faster or slower than it should for some time; or
  /// what the process missed comes at once, as it limits it.
  private func changeClock(_ victim: SimulatedReplica) {
    switch random.next(in: 0...2) {
    case 0:
      victim.clockOffset = random.next(in: -10_000_000...10_000_000)
      trace("the clock of \(victim.id) is off by \(victim.clockOffset)")
    case 1:
      let usual = victim.tickInterval
      victim.runClock(tickInterval: random.next(in: 400...2_500), at: now)
      trace("the clock of \(victim.id) ticks every \(victim.tickInterval)")
      schedule(
        .clockRuns(victim.id, interval: usual), in: random.next(in: Self.tick...(60 * Self.tick)))
    default:
      trace("the clock of \(victim.id) jumps")
      for _ in 0..<3 { give(.tick, to: victim) }
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
}
