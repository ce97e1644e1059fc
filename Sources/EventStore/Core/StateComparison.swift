import Keyspace
import Raft

/// Compares the hash of this replica's state with those of its peers, at the same entry of the
/// log.
///
/// Equal logs give equal states; where they don't, memory, disk or program were at fault in one of
/// them. From time to time the leader names an entry and its hash; every replica then tells all
/// others its own. One whose hash differs from that on which a majority of all replicas agrees
/// is the one that is wrong.
struct StateComparison: Sendable {
  struct Divergence: Sendable, Hashable {
    var index: LogIndex
    var own: UInt64
    /// On which the others agree.
    var others: UInt64
  }

  /// Entries whose hash is remembered: a peer that lags by more is compared later.
  static let rememberedEntries = 4096
  /// Comparisons under way at once.
  private static let maximumComparisons = 8
  /// Ticks between comparisons that a leader begins.
  static let intervalTicks = 100

  private struct Comparison {
    var index: LogIndex
    var hashes: [ReplicaID: UInt64] = [:]
    var isTold = false
  }

  private let id: ReplicaID
  /// The voters but this one.
  private var peers: [ReplicaID] = []
  private var quorum = 1
  /// A ring: entry `index` stands at `index % rememberedEntries`.
  private var remembered: [(index: LogIndex, hash: UInt64)] = []
  private var comparisons: [Comparison] = []
  private var newest: LogIndex = 0
  private var lastBegun: LogIndex = 0
  private var isDone = false

  init(id: ReplicaID, replicas: [ReplicaID]) {
    self.id = id
    follow(replicas)
  }

  /// The voters are others now.
  mutating func follow(_ replicas: [ReplicaID]) {
    peers = replicas.filter { $0 != id }
    quorum = replicas.count / 2 + 1
  }

  /// This replica's state after an entry.
  mutating func applied(_ index: LogIndex, hash: UInt64) {
    guard !peers.isEmpty else { return }
    let place = Int(index % LogIndex(Self.rememberedEntries))
    if remembered.isEmpty {
      remembered = Array(repeating: (0, 0), count: Self.rememberedEntries)
    }
    remembered[place] = (index, hash)
    newest = index
  }

  /// The state was replaced: what was before says nothing about it.
  mutating func restarted() {
    remembered = []
    comparisons = []
    newest = 0
  }

  private func hash(at index: LogIndex) -> UInt64? {
    guard !remembered.isEmpty else { return nil }
    let found = remembered[Int(index % LogIndex(Self.rememberedEntries))]
    return found.index == index ? found.hash : nil
  }

  /// A leader begins a comparison, if there is something new.
  mutating func begin() {
    guard newest > lastBegun, !remembered.isEmpty else { return }
    lastBegun = newest
    open(newest)
  }

  mutating func heard(_ index: LogIndex, hash: UInt64, from peer: ReplicaID) {
    guard peers.contains(peer), index > 0 else { return }
    let position = open(index)
    comparisons[position].hashes[peer] = hash
  }

  @discardableResult
  private mutating func open(_ index: LogIndex) -> Int {
    if let position = comparisons.firstIndex(where: { $0.index == index }) { return position }
    if comparisons.count == Self.maximumComparisons { comparisons.removeFirst() }
    comparisons.append(Comparison(index: index))
    return comparisons.count - 1
  }

  /// What to tell the peers now.
  mutating func takeMessages() -> [OutgoingMessage] {
    var messages: [OutgoingMessage] = []
    for position in comparisons.indices where !comparisons[position].isTold {
      let index = comparisons[position].index
      guard let hash = hash(at: index) else { continue }
      comparisons[position].isTold = true
      messages += peers.map {
        OutgoingMessage(to: $0, message: .stateHash(index: index, hash: hash))
      }
    }
    return messages
  }

  /// Whether this replica is the one that is wrong; told once.
  mutating func takeDivergence() -> Divergence? {
    guard !isDone else { return nil }
    for comparison in comparisons {
      guard let own = hash(at: comparison.index) else { continue }
      var counts: [UInt64: Int] = [:]
      for hash in comparison.hashes.values where hash != own { counts[hash, default: 0] += 1 }
      guard let agreed = counts.first(where: { $0.value >= quorum }) else { continue }
      isDone = true
      return Divergence(index: comparison.index, own: own, others: agreed.key)
    }
    return nil
  }
}
