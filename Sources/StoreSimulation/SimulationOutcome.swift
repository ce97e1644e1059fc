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
  /// Entries that a leader read from its disk because a follower was behind what is in memory.
  public var entriesReadForFollowers = 0
  public var tornTails = 0
  /// Faults that destroyed something durable.
  public var damages = 0
  /// Times that a replica found something missing, and took no part; and that peers restored it.
  public var recoveries = 0
  public var restored = 0
  /// Starts with a damaged part of the log that the state had anyway.
  public var setAside = 0
  /// States in which a bit was changed; and replicas that noticed and took themselves out.
  public var tainted = 0
  public var quarantined = 0
  /// Second states that a replica was streamed before it had anything of the log.
  public var snapshotsInRow = 0
  /// Watches that had to list anew.
  public var relists = 0
  /// Equal for two runs of one seed: a digest of everything that was applied and answered.
  public var fingerprint: UInt64 = 0

  public init(seed: UInt64) { self.seed = seed }

  /// Sums over several seeds.
  mutating func add(_ other: SimulationOutcome) {
    for count in Self.counts { self[keyPath: count.path] += other[keyPath: count.path] }
  }

  static var counts: [(name: String, path: WritableKeyPath<SimulationOutcome, Int>)] {
    [
      ("events", \.events), ("writes", \.acknowledgedWrites), ("reads", \.reads),
      ("leaders", \.elections), ("crashes", \.crashes), ("torn tails", \.tornTails),
      ("entries read", \.entriesReadForFollowers),
      ("states streamed", \.installedSnapshots), ("twice in a row", \.snapshotsInRow),
      ("checkpoints", \.checkpoints), ("damages", \.damages), ("recoveries", \.recoveries),
      ("restored", \.restored), ("set aside", \.setAside), ("states changed", \.tainted),
      ("quarantined", \.quarantined), ("lists anew", \.relists),
    ]
  }

  public var succeeded: Bool { failure == nil }

  var counts: String {
    Self.counts.map { "\(self[keyPath: $0.path]) \($0.name)" }.joined(separator: ", ")
  }

  public var description: String {
    return failure.map { "seed \(seed) FAILED: \($0) (\(counts))" } ?? "seed \(seed): \(counts)"
  }
}
