import ClusterConfiguration

/// Which API server the next connection goes to: of those that are ready the one with the fewest,
/// then those that say they are not, then those that don't answer; and those that refused a
/// connection a moment ago after their equals.
///
/// All stay in the order: a check may be wrong, and a server that does not answer is better than
/// none.
public struct BackendTable: Sendable {
  /// How long a server that refused a connection comes after the others.
  public static let penaltyMilliseconds: Int64 = 250
  /// So many checks in a row without an answer, and connections to the server are given up, where
  /// another one is ready.
  public static let hungAfterChecks = 3

  /// What a check found.
  public enum CheckResult: Sendable, Hashable {
    case ready
    /// It answered, but not that it is ready.
    case notReady
    /// It took the connection, or not even that, and nothing came back in time.
    case silent
    case refused
  }

  private struct Backend: Sendable {
    var address: HostPort
    var connections = 0
    var failedAtMilliseconds: Int64?
    /// Of the last check; nil before the first, when it counts as ready.
    var lastCheck: CheckResult?
    var silentChecks = 0
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
  public func lastCheck(_ index: Int) -> CheckResult? { backends[index].lastCheck }

  /// The servers in the order in which to try them.
  public mutating func order(nowMilliseconds now: Int64) -> [Int] {
    turn = backends.isEmpty ? 0 : (turn + 1) % backends.count
    func isPenalized(_ index: Int) -> Bool {
      backends[index].failedAtMilliseconds.map { now - $0 < Self.penaltyMilliseconds } ?? false
    }
    func group(_ index: Int) -> Int {
      switch backends[index].lastCheck {
      case nil, .ready: 0
      case .notReady: 1
      // Trying it costs nothing: it refuses again, or is back.
      case .refused: 2
      case .silent: 3
      }
    }
    func rank(_ index: Int) -> (Int, Int, Int, Int) {
      (
        group(index), isPenalized(index) ? 1 : 0, backends[index].connections,
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

  /// Takes note of a check. Returns the servers that hang, whose connections are to be closed so
  /// that their clients reach another.
  public mutating func checked(_ index: Int, _ result: CheckResult) -> [Int] {
    backends[index].lastCheck = result
    backends[index].silentChecks = result == .silent ? backends[index].silentChecks + 1 : 0
    if result == .ready { backends[index].failedAtMilliseconds = nil }
    guard backends.contains(where: { $0.lastCheck == .ready }) else { return [] }
    return backends.indices.filter { backends[$0].silentChecks >= Self.hungAfterChecks }
  }
}
