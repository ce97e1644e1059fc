import Foundation
import SeededRuns

/// What goes wrong in a torture run, one thing after the other, in an order that follows from the
/// seed; each is put right before the next.
struct TortureFaults: Sendable {
  enum Fault: String, CaseIterable, Sendable {
    case killLeader, killFollower, killAll
    case stopLeader, stopFollower
    case isolateLeader, isolateFollower, deafLeader, muteLeader, loss

    var needsPacketLoss: Bool {
      switch self {
      case .isolateLeader, .isolateFollower, .deafLeader, .muteLeader, .loss: true
      default: false
      }
    }
  }

  let servers: TortureServers
  let record: TortureRecord
  /// Who leads, as far as the servers say.
  let leader: @Sendable () async -> Int?
  var random: SplitMix64

  /// - Returns: when a leader was silenced, and which.
  mutating func run(until end: Int64) async throws -> [(fault: Fault, server: Int, at: Int64)] {
    var silences: [(fault: Fault, server: Int, at: Int64)] = []
    var rest: [Fault] = []
    while record.now < end {
      if rest.isEmpty {
        rest = Fault.allCases.filter { servers.network.dropsPackets || !$0.needsPacketLoss }
          .shuffled(using: &random)
      }
      let fault = rest.removeLast()
      let leader = await leader() ?? random.pick(TortureServers.ids)
      let follower = random.pick(TortureServers.ids.filter { $0 != leader })
      let duration = 400 + random.next(below: 1_800)
      switch fault {
      case .killLeader, .stopLeader, .isolateLeader, .muteLeader:
        silences.append((fault, leader, record.now))
      default: break
      }
      record.fault("\(fault.rawValue): leader \(leader), follower \(follower)")
      try await cause(fault, leader: leader, follower: follower, milliseconds: duration)
      record.fault("over")
      try await Task.sleep(for: .milliseconds(300 + random.next(below: 700)))
    }
    return silences
  }

  private func cause(_ fault: Fault, leader: Int, follower: Int, milliseconds: Int) async throws {
    let pause = Duration.milliseconds(milliseconds)
    let network = servers.network
    func others(_ id: Int) -> [Int] { TortureServers.ids.filter { $0 != id } }
    func kill(_ ids: [Int]) async throws {
      for id in ids { servers.kill(id) }
      try await Task.sleep(for: pause)
      for id in ids { try servers.start(id) }
    }
    func stop(_ id: Int) async throws {
      servers.signal(id, SIGSTOP)
      defer { servers.signal(id, SIGCONT) }
      try await Task.sleep(for: pause)
    }
    /// Neither side hears the other.
    func isolate(_ id: Int) throws {
      try network.drop(from: others(id), at: id)
      for other in others(id) { try network.drop(from: [id], at: other) }
    }
    switch fault {
    case .killLeader: try await kill([leader])
    case .killFollower: try await kill([follower])
    case .killAll: try await kill(TortureServers.ids)
    case .stopLeader: try await stop(leader)
    case .stopFollower: try await stop(follower)
    case .isolateLeader: try isolate(leader)
    case .isolateFollower: try isolate(follower)
    case .deafLeader: try network.drop(from: others(leader), at: leader)
    case .muteLeader: for other in others(leader) { try network.drop(from: [leader], at: other) }
    case .loss:
      for id in TortureServers.ids { try network.drop(percent: 30, from: others(id), at: id) }
    }
    guard fault.needsPacketLoss else { return }
    try await Task.sleep(for: pause)
    try network.heal()
  }
}
