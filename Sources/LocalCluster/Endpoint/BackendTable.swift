import ClusterConfiguration

/// Which API server the next connection goes to: the one with the fewest, and those that failed a
/// moment ago last.
public struct BackendTable: Sendable {
  /// How long a server that refused a connection comes after the others.
  public static let penaltyMilliseconds: Int64 = 250

  private struct Backend: Sendable {
    var address: HostPort
    var connections = 0
    var failedAtMilliseconds: Int64?
  }

  private var backends: [Backend]
  /// Rotates among equals, so that short connections spread too.
  private var turn = 0

  public init(_ addresses: [HostPort]) {
    backends = addresses.map { Backend(address: $0) }
  }

  public var count: Int { backends.count }
  public func address(_ index: Int) -> HostPort { backends[index].address }
  public func connections(_ index: Int) -> Int { backends[index].connections }

  /// The servers in the order in which to try them.
  public mutating func order(nowMilliseconds now: Int64) -> [Int] {
    turn = backends.isEmpty ? 0 : (turn + 1) % backends.count
    func isPenalized(_ index: Int) -> Bool {
      backends[index].failedAtMilliseconds.map { now - $0 < Self.penaltyMilliseconds } ?? false
    }
    func rank(_ index: Int) -> (Int, Int, Int) {
      (
        isPenalized(index) ? 1 : 0, backends[index].connections,
        (index + backends.count - turn) % backends.count
      )
    }
    return backends.indices.sorted { rank($0) < rank($1) }
  }

  public mutating func connected(_ index: Int) {
    backends[index].connections += 1
    backends[index].failedAtMilliseconds = nil
  }

  public mutating func closed(_ index: Int) {
    precondition(backends[index].connections > 0)
    backends[index].connections -= 1
  }

  public mutating func failed(_ index: Int, nowMilliseconds now: Int64) {
    backends[index].failedAtMilliseconds = now
  }
}
