/// Which troubles a seed has in store. Each seed leaves some out, since rare combinations come
/// up only where others don't drown them (swarm testing, Groce et al. 2012).
struct SimulationProfile: Sendable {
  enum Fault: String, CaseIterable, Sendable {
    case crash, powerLoss, powerLossOfAll, isolate, cutOneWay, heal, pause, slowDisk, fullDisk
    case syncError, connectionNotice, transfer, weather, members
    case damage, taint, clock, stalledDisk, flap
  }

  var faults: [Fault]
  var faultInterval: ClosedRange<Int>
  /// Ticks until everything heals.
  var ticks: Int
  var heartbeatTicks: Int
  var maximumLogBytes: Int
  var maximumUnappliedBytes: Int
  var maximumAppendBytes: Int
  var maximumInFlightAppends: Int
  var segmentBytes: Int
  var checkpointInterval: ClosedRange<Int>
  var clients: Int
  var watches: Int
  var keys: Int
  var thinkTime: ClosedRange<Int>
  var valueBytes: Int
  /// Whether replicas learn of broken connections.
  var noticesConnections: Bool
  var electionTicks = 10
  /// Those beyond three are blank, and no members at first.
  var replicas = 3

  init(
    _ random: inout SimulationRandom, _ scenario: SimulationOptions.Scenario = .anything
  ) {
    self.init(&random)
    switch scenario {
    case .anything: replicas = faults.contains(.members) ? random.pick([3, 4, 4, 5]) : 3
    case .shortReigns:
      faults = [.heal, .heal, .heal, .crash, .powerLoss, .weather, .connectionNotice, .members]
      replicas = random.pick([3, 3, 4])
      faultInterval = 3_000...20_000
      ticks = random.next(in: 300...600)
      // Each entry travels alone, so that a reign may end between two.
      maximumAppendBytes = 1
      maximumInFlightAppends = random.pick([1, 4])
      valueBytes = random.pick([60, 600])
      thinkTime = 50...500
      clients = random.next(in: 3...6)
      checkpointInterval = 20_000...100_000
    case .flappingFollower:
      ticks = random.next(in: 200...500)
      clients = 2
      watches = 1
      thinkTime = 1_000...5_000
    case .silentLeader:
      // As `ReplicaConfiguration` has them, with ticks of ten milliseconds.
      electionTicks = 30
      heartbeatTicks = 5
      ticks = 900
      clients = 2
      watches = 1
      thinkTime = 3_000...10_000
    case .leaseReads:
      faults = [.crash, .powerLoss, .transfer, .weather, .connectionNotice, .members, .heal]
      faultInterval = 10_000...60_000
      replicas = random.pick([3, 3, 4, 5])
      ticks = random.next(in: 300...500)
      clients = 6
      watches = 1
      thinkTime = 100...700
    }
  }

  private init(_ random: inout SimulationRandom) {
    faults = []
    for fault in Fault.allCases where random.chance(55) { faults.append(fault) }
    if faults.isEmpty { faults = [.powerLoss] }
    faultInterval = random.pick([3_000...15_000, 8_000...40_000, 1_000...60_000])
    ticks = random.next(in: 80...240)
    heartbeatTicks = random.next(in: 1...3)
    maximumLogBytes = random.pick([0, 2_000, 64_000])
    maximumUnappliedBytes = random.pick([500, 2_000, 16_000])
    maximumAppendBytes = random.pick([200, 2_000, 1 << 20])
    maximumInFlightAppends = random.pick([1, 4, 64])
    segmentBytes = random.pick([600, 4_000, 32_000])
    checkpointInterval = random.pick([5_000...15_000, 20_000...100_000])
    clients = random.next(in: 1...6)
    watches = random.next(in: 0...2)
    keys = random.pick([1, 4, 12])
    thinkTime = random.pick([50...500, 500...3_000, 1_000...6_000])
    valueBytes = random.pick([8, 60, 600])
    noticesConnections = random.chance(60)
  }
}
