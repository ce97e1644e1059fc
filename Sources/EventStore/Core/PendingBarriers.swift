import Keyspace
import Raft

/// Callers that wait until this replica has applied all that was committed before they asked.
///
/// Those that wait together share one round to the leader (ReadIndex). Whoever comes while a
/// round is on its way joins the next: the leader may already have answered the first with an
/// index from before the call.
struct PendingBarriers: Sendable {
  struct Barrier: Sendable {
    var id: UInt64
    var deadline: Int
  }

  private struct Round: Sendable {
    var barriers: [Barrier]
    var sentAt: Int
  }

  /// Bounds the rounds that one busy replica has on their way.
  static let maximumRounds = 4

  private var waiting: [Barrier] = []
  private var rounds: [UInt64: Round] = [:]
  /// Confirmed, waiting for this replica to apply `index`.
  private var confirmed: [(index: LogIndex, barriers: [Barrier])] = []
  private var nextContext: UInt64 = 1
  /// How many were begun.
  var roundsBegun: UInt64 { nextContext - 1 }
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func insert(_ barrier: Barrier) {
    waiting.append(barrier)
    count += 1
  }

  /// Begins a round for all that wait, if one may begin.
  mutating func startRound(now: Int) -> UInt64? {
    guard !waiting.isEmpty, rounds.count < Self.maximumRounds else { return nil }
    let context = nextContext
    nextContext += 1
    rounds[context] = Round(barriers: waiting, sentAt: now)
    waiting = []
    return context
  }

  /// Gives up all rounds: their callers go into the next one.
  mutating func requeueRounds() {
    for context in rounds.keys.sorted() { requeue(context) }
  }

  /// Gives up rounds begun at `time` or before: their messages may be lost.
  mutating func requeueRounds(sentUntil time: Int) {
    for context in rounds.filter({ $0.value.sentAt <= time }).keys.sorted() { requeue(context) }
  }

  private mutating func requeue(_ context: UInt64) {
    guard let round = rounds.removeValue(forKey: context) else { return }
    waiting += round.barriers
  }

  mutating func ready(_ reads: [RaftActions.ReadReady]) {
    for read in reads {
      guard let round = rounds.removeValue(forKey: read.context) else { continue }
      confirmed.append((read.index, round.barriers))
    }
  }

  mutating func failed(_ contexts: [UInt64]) {
    for context in contexts { requeue(context) }
  }

  /// Takes out those whose index is applied.
  mutating func removeReady(applied: LogIndex) -> [UInt64] {
    guard !confirmed.isEmpty else { return [] }
    var ready: [UInt64] = []
    confirmed.removeAll { entry in
      guard entry.index <= applied else { return false }
      ready += entry.barriers.map(\.id)
      return true
    }
    count -= ready.count
    return ready
  }

  mutating func removeExpired(now: Int) -> [UInt64] {
    guard count > 0 else { return [] }
    var expired: [UInt64] = []
    func sift(_ barriers: inout [Barrier]) {
      barriers.removeAll { barrier in
        guard barrier.deadline <= now else { return false }
        expired.append(barrier.id)
        return true
      }
    }
    sift(&waiting)
    for context in rounds.keys.sorted() {
      guard var round = rounds[context] else { continue }
      sift(&round.barriers)
      rounds[context] = round.barriers.isEmpty ? nil : round
    }
    for index in confirmed.indices { sift(&confirmed[index].barriers) }
    confirmed.removeAll { $0.barriers.isEmpty }
    count -= expired.count
    return expired
  }

  mutating func removeAll() -> [UInt64] {
    let all =
      waiting.map(\.id) + rounds.values.flatMap { $0.barriers.map(\.id) }
      + confirmed.flatMap { $0.barriers.map(\.id) }
    waiting = []
    rounds = [:]
    confirmed = []
    count = 0
    return all.sorted()
  }
}
