import Raft

/// What lies between the replicas: each direction of each pair can be cut, lossy and slow by
/// itself.
struct SimulatedNetwork {
  struct Weather: Sendable {
    var lossPercent = 0
    var duplicatePercent = 0
    var delay = 20...150
    /// Once in a while a message takes this long, and so comes after later ones.
    var straggleDelay = 500...4_000
    var stragglePercent = 0
  }

  private struct Link: Hashable {
    var from: ReplicaID
    var to: ReplicaID
  }

  var weather = Weather()
  private var cut: Set<Link> = []

  mutating func cut(from: ReplicaID, to: ReplicaID) { cut.insert(Link(from: from, to: to)) }

  mutating func restore(from: ReplicaID, to: ReplicaID) { cut.remove(Link(from: from, to: to)) }

  mutating func heal() { cut = [] }

  mutating func isolate(_ id: ReplicaID, among ids: [ReplicaID]) {
    for other in ids where other != id {
      cut(from: id, to: other)
      cut(from: other, to: id)
    }
  }

  func isCut(from: ReplicaID, to: ReplicaID) -> Bool { cut.contains(Link(from: from, to: to)) }

  /// After how long each copy of a message arrives; none: it is lost.
  func arrivals(
    from: ReplicaID, to: ReplicaID, _ random: inout SimulationRandom
  ) -> [Int] {
    if isCut(from: from, to: to) || random.chance(weather.lossPercent) { return [] }
    let copies = random.chance(weather.duplicatePercent) ? 2 : 1
    return (0..<copies).map { _ in
      random.next(
        in: random.chance(weather.stragglePercent) ? weather.straggleDelay : weather.delay)
    }
  }
}
