import Raft

/// Decides which part of the log on disk may go: what the checkpoint has, except a tail of some
/// size that spares followers a transfer of the whole state.
struct LogRetention: Sendable {
  private let tailBytes: Int
  private let stepBytes: Int
  /// Where a step of the log ends, and how many bytes were applied up to there.
  private var steps: [(index: LogIndex, total: Int)] = []
  private var total = 0
  private var inStep = 0
  private var removed: LogIndex = 0

  init(tailBytes: Int) {
    self.tailBytes = max(0, tailBytes)
    stepBytes = max(1, tailBytes / 16)
  }

  mutating func applied(index: LogIndex, bytes: Int) {
    // A record's own bytes count too, or empty entries would never go.
    total += bytes + 32
    inStep += bytes + 32
    guard inStep >= stepBytes else { return }
    inStep = 0
    steps.append((index, total))
  }

  /// The index below which the log may go, if that is further than before.
  mutating func removable(checkpoint: LogIndex) -> LogIndex? {
    var best: LogIndex?
    while let first = steps.first, first.index <= checkpoint, total - first.total >= tailBytes {
      best = first.index
      steps.removeFirst()
    }
    guard let best, best > removed else { return nil }
    removed = best
    return best
  }
}
