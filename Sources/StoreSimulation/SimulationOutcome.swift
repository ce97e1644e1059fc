/// What came of one seed.
public struct SimulationOutcome: Sendable, CustomStringConvertible {
  public var seed: UInt64
  /// What went wrong first; `nil`: everything held.
  public var failure: String?
  /// What happened, one line an event; only where it was asked for.
  public var trace: [String] = []
  public var events = 0
  public var acknowledgedWrites = 0
  public var reads = 0
  public var elections = 0
  public var crashes = 0
  public var installedSnapshots = 0
  public var checkpoints = 0
  public var tornTails = 0
  /// Equal for two runs of one seed: a digest of everything that was applied and answered.
  public var fingerprint: UInt64 = 0

  public init(seed: UInt64) { self.seed = seed }

  public var succeeded: Bool { failure == nil }

  public var description: String {
    let counts =
      "\(events) events, \(acknowledgedWrites) writes, \(reads) reads, \(elections) leaders, "
      + "\(crashes) crashes, \(installedSnapshots) snapshots, \(tornTails) torn tails"
    return failure.map { "seed \(seed) FAILED: \($0) (\(counts))" } ?? "seed \(seed): \(counts)"
  }
}
