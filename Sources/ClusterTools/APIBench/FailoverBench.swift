/// Kills and stops leaders under load, one after the other, and sums up how long writes paused; needs the
/// supervisor that brings them back.
public struct FailoverBench: Sendable {
  public var clients: ClusterClients
  public var failovers: Int

  public init(clients: ClusterClients, failovers: Int) {
    self.clients = clients
    self.failovers = failovers
  }

  public func run(into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void)
    async throws
  {
    guard failovers > 0 else { return }
    try await run(.kill, "SIGKILL", into: &report, progress: progress)
    try await run(.silence, "SIGSTOP", into: &report, progress: progress)
  }

  private func run(
    _ fault: FailoverDrill.Fault, _ signal: String, into report: inout BenchReport,
    progress: @escaping @Sendable (String) -> Void
  ) async throws {
    var milliseconds: [Double] = []
    for round in 1...failovers {
      progress("\(signal) to the leader, \(round) of \(failovers)")
      let result = try await FailoverDrill(clients: clients, fault: fault).run { _ in }
      guard result.violations.isEmpty else {
        throw FailoverDrill.Failure(description: result.violations.joined(separator: "; "))
      }
      milliseconds.append(result.failoverMilliseconds)
    }
    report.add(
      "failover", "\(signal) to first write, median of \(failovers)",
      LatencySummary.median(milliseconds), "ms")
    report.add("failover", "\(signal), the slowest", milliseconds.max() ?? 0, "ms")
  }
}
