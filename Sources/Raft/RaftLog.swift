/// The part of the log that is in memory, and how far each stage has come with it.
///
/// Indices at or below `base` have been dropped. The stages keep this order at all times:
/// `base <= applied <= delivered <= committed <= lastIndex`, `delivered <= persisted` and
/// `persisted <= handedOut <= lastIndex`.
struct RaftLog: Sendable {
  /// The entry before the first one in memory.
  private(set) var base: LogIndex
  private(set) var baseTerm: Term
  /// Known to be on a majority's disks.
  private(set) var committed: LogIndex
  /// The state machine has it.
  private(set) var applied: LogIndex
  /// Given to the shell to apply.
  private(set) var delivered: LogIndex
  /// Given to the shell to write.
  private(set) var handedOut: LogIndex
  /// On this replica's disk.
  private(set) var persisted: LogIndex
  private(set) var bytes = 0
  private(set) var unappliedBytes = 0

  /// `storage[head]` has index `base + 1`; what stands before is dropped lazily.
  private var storage: [LogEntry]
  private var head = 0
  private var writes: [Write] = []
  /// The memberships in the log, oldest first; the first is in force where the log begins.
  private var memberships: [(index: LogIndex, membership: Membership)]

  /// A batch that the shell was given and whose sync has not been reported.
  private struct Write {
    var index: LogIndex
    var term: Term
    /// Part of it was replaced since: its sync proves nothing about the log as it is now, even
    /// where the same entries came back later, since the replacement is written in between.
    var superseded: Bool
  }

  /// Index, term and kind of an entry, and its array's header, in rough numbers.
  private static let entryOverheadBytes = 64

  init(
    base: LogIndex, baseTerm: Term, entries: [LogEntry], committed: LogIndex, applied: LogIndex,
    membership: Membership = Membership()
  ) {
    memberships = [(base, membership)]
    self.base = base
    self.baseTerm = baseTerm
    storage = entries
    let last = base + UInt64(entries.count)
    precondition(
      applied >= base && applied <= last,
      "the state machine has \(applied), the log spans \(base)...\(last)")
    var previous = (index: base, term: baseTerm)
    for entry in entries {
      precondition(
        entry.index == previous.index + 1 && entry.term >= previous.term,
        "entry \(entry.index) of term \(entry.term) follows \(previous)")
      previous = (entry.index, entry.term)
    }
    self.applied = applied
    delivered = applied
    self.committed = min(max(committed, applied), last)
    handedOut = last
    persisted = last
    for entry in entries {
      bytes += Self.size(of: entry)
      if entry.index > applied { unappliedBytes += Self.size(of: entry) }
      noticeMembership(entry)
    }
  }

  /// The newest one, committed or not.
  var membership: Membership { memberships[memberships.count - 1].membership }
  var membershipIndex: LogIndex { memberships[memberships.count - 1].index }

  /// Whether a membership that may yet be the one that counts, committed or not, gives a vote to `id`.
  func mayBeVoter(_ id: ReplicaID) -> Bool {
    let inForce = memberships.lastIndex { $0.index <= committed } ?? 0
    return memberships[inForce...].contains { $0.membership.isVoter(id) }
  }

  private mutating func noticeMembership(_ entry: LogEntry) {
    guard entry.kind == .membership else { return }
    guard let membership = Membership(encoded: entry.payload) else {
      preconditionFailure("entry \(entry.index) holds no membership; it was to be checked before")
    }
    memberships.append((entry.index, membership))
  }

  static func size(of entry: LogEntry) -> Int { entry.payload.count + entryOverheadBytes }

  var lastIndex: LogIndex { base + UInt64(storage.count - head) }
  var lastTerm: Term { storage.count > head ? storage[storage.count - 1].term : baseTerm }

  /// `nil` for what was dropped or is yet to come.
  func term(at index: LogIndex) -> Term? {
    if index == base { return baseTerm }
    guard index > base, index <= lastIndex else { return nil }
    return storage[position(of: index)].term
  }

  func isUpToDate(lastIndex index: LogIndex, lastTerm term: Term) -> Bool {
    (term, index) >= (lastTerm, lastIndex)
  }

  /// Entries from `index` on until `maximumBytes` are reached, but at least one if there is one.
  func entries(from index: LogIndex, maximumBytes: Int) -> [LogEntry] {
    precondition(index > base)
    guard index <= lastIndex else { return [] }
    let start = position(of: index)
    var end = start
    var total = 0
    while end < storage.count {
      total += storage[end].payload.count
      if end > start && total > maximumBytes { break }
      end += 1
    }
    return Array(storage[start..<end])
  }

  /// The last index at or before `index` whose term is at most `term`: below it lies the first
  /// point where two logs can agree if they differ at `index` (Raft §5.3). Indices that were
  /// dropped are taken to qualify.
  func lastIndex(notAfter index: LogIndex, withTermAtMost term: Term) -> LogIndex {
    guard index > base else { return index }
    // Terms never decrease along the log, so this is a binary search.
    var low = head
    var high = head + Int(min(index, lastIndex) - base)
    while low < high {
      let middle = (low + high) / 2
      if storage[middle].term <= term { low = middle + 1 } else { high = middle }
    }
    let found = base + UInt64(low - head)
    return found == base && baseTerm > term && base > 0 ? base - 1 : found
  }

  private func position(of index: LogIndex) -> Int {
    precondition(index > base && index <= lastIndex)
    return head + Int(index - base) - 1
  }
}

// MARK: Growing

extension RaftLog {
  mutating func append(_ entries: [LogEntry]) {
    for entry in entries {
      precondition(entry.index == lastIndex + 1 && entry.term >= lastTerm)
      let size = Self.size(of: entry)
      bytes += size
      unappliedBytes += size
      storage.append(entry)
      noticeMembership(entry)
    }
  }

  /// Drops `index` and all after it, because a leader has other entries there.
  mutating func truncate(from index: LogIndex) {
    precondition(index > committed, "committed entries never change")
    while lastIndex >= index {
      let size = Self.size(of: storage.removeLast())
      bytes -= size
      unappliedBytes -= size
    }
    while memberships.count > 1, membershipIndex >= index { memberships.removeLast() }
    handedOut = min(handedOut, index - 1)
    persisted = min(persisted, index - 1)
    for position in writes.indices where writes[position].index >= index {
      writes[position].superseded = true
    }
  }

  mutating func commit(to index: LogIndex) {
    guard index > committed else { return }
    precondition(index <= lastIndex)
    committed = index
  }

  /// What the shell is to write next.
  mutating func takeUnwritten() -> [LogEntry] {
    guard handedOut < lastIndex else { return [] }
    let taken = Array(storage[position(of: handedOut + 1)...])
    handedOut = lastIndex
    writes.append(Write(index: lastIndex, term: lastTerm, superseded: false))
    return taken
  }

  /// What the shell is to apply next. Entries wait for this replica's own disk: a state machine
  /// must never be ahead of the log that it would be rebuilt from.
  mutating func takeCommitted() -> [LogEntry] {
    let end = min(committed, persisted)
    guard delivered < end else { return [] }
    let taken = Array(storage[position(of: delivered + 1)...position(of: end)])
    delivered = end
    return taken
  }

  /// A sync finished. Reports that speak of replaced entries are ignored.
  mutating func persisted(index: LogIndex, term: Term) {
    if let found = writes.firstIndex(where: { $0.index == index && $0.term == term }) {
      let superseded = writes[found].superseded
      writes.removeSubrange(...found)
      if superseded { return }
    } else if writes.contains(where: \.superseded) {
      return
    }
    guard index > persisted, index <= handedOut, self.term(at: index) == term else { return }
    persisted = index
  }
}

// MARK: Shrinking

extension RaftLog {
  mutating func applied(to index: LogIndex) {
    guard index > applied else { return }
    precondition(index <= delivered, "applied \(index), but only \(delivered) were given out")
    for position in position(of: applied + 1)...position(of: index) {
      unappliedBytes -= Self.size(of: storage[position])
    }
    applied = index
  }

  /// Drops entries at or below `index` that the state machine has.
  mutating func compact(to index: LogIndex) {
    let end = min(index, applied)
    guard end > base else { return }
    let newHead = position(of: end) + 1
    baseTerm = storage[newHead - 1].term
    for position in head..<newHead {
      bytes -= Self.size(of: storage[position])
      storage[position].payload = []
    }
    while memberships.count > 1, memberships[1].index <= end { memberships.removeFirst() }
    head = newHead
    base = end
    if head > storage.count / 2 {
      storage.removeFirst(head)
      head = 0
    }
  }

  /// Drops the oldest applied entries until at most `maximumBytes` are in memory.
  mutating func compact(maximumBytes: Int) {
    guard bytes > maximumBytes else { return }
    var excess = bytes - maximumBytes
    var end = base
    while end < applied && excess > 0 {
      end += 1
      excess -= Self.size(of: storage[position(of: end)])
    }
    compact(to: end)
  }

  /// The state machine was replaced by the state at `index`. What follows it in the log stays
  /// if the log agrees at `index`: a leader may be counting on it.
  mutating func restore(index: LogIndex, term: Term, membership: Membership) {
    precondition(index > applied)
    let kept =
      self.term(at: index) == term && index < lastIndex
      ? Array(storage[position(of: index + 1)...]) : []
    let committedBefore = committed
    storage = []
    memberships = [(index, membership)]
    head = 0
    base = index
    baseTerm = term
    bytes = 0
    unappliedBytes = 0
    applied = index
    delivered = index
    handedOut = index
    persisted = index
    committed = index
    for position in writes.indices { writes[position].superseded = true }
    append(kept)
    // The kept tail is handed out again: the shell may have begun a new log.
    commit(to: min(committedBefore, lastIndex))
  }
}
