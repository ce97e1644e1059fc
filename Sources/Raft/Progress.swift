/// A leader's view of one voter (after the progress states of etcd's raft).
struct Progress: Sendable {
  enum State: Sendable, Hashable {
    /// The match is unknown: one message at a time, until one is accepted.
    case probe
    /// Messages are sent one after the other without waiting for answers.
    case replicate
    /// The follower needs entries that are gone: its shell gets the state instead.
    case snapshot
  }

  var match: LogIndex = 0
  var next: LogIndex
  var state: State = .probe
  /// In `probe`: a message is on its way; wait for its answer, or for a sign of life.
  var probeSent = false
  /// Entries after this one are being read from the disk for the follower; nothing else is sent
  /// meanwhile.
  var readingAfter: LogIndex?
  /// Last indices of the appends on their way, oldest first.
  var inFlight: [LogIndex] = []
  /// The highest commit index an append told the follower.
  var commitSent: LogIndex = 0
  /// Heard from since the last check of the quorum.
  var recentlyActive = false
  /// The newest read round that the follower confirmed.
  var readRound: UInt64 = 0
  /// The newest round with which the follower promised to stay away from elections.
  var promisedRound: UInt64 = 0
  /// `match` at the last heartbeat answered: if it has not moved on, something was lost.
  var matchAtHeartbeat: LogIndex?

  init(next: LogIndex) { self.next = next }

  mutating func becomeProbe() {
    state = .probe
    probeSent = false
    readingAfter = nil
    inFlight.removeAll(keepingCapacity: true)
    next = match + 1
  }

  mutating func becomeReplicate() {
    state = .replicate
    probeSent = false
    readingAfter = nil
    inFlight.removeAll(keepingCapacity: true)
    next = match + 1
  }

  mutating func becomeSnapshot() {
    state = .snapshot
    probeSent = false
    readingAfter = nil
    inFlight.removeAll(keepingCapacity: true)
  }

  /// The follower has everything up to `index`.
  mutating func accepted(_ index: LogIndex) {
    match = max(match, index)
    next = max(next, match + 1)
    let answered = inFlight.firstIndex { $0 > index } ?? inFlight.count
    inFlight.removeFirst(answered)
  }
}
