/// What a follower does with its leader's messages.
extension RaftNode {
  /// Accepts `peer` as the leader of this term. False if that can't be: a term has one leader.
  @discardableResult
  mutating func follow(_ peer: ReplicaID) -> Bool {
    if role == .leader || (leader != 0 && leader != peer) { return false }
    if role != .follower || leader == 0 {
      becomeFollower(term: term, leader: peer)
    }
    electionElapsed = 0
    return true
  }

  mutating func handleAppend(
    _ message: Message, previousIndex: LogIndex, previousTerm: Term, entries: [LogEntry],
    commit: LogIndex
  ) {
    guard
      isWellFormed(
        entries, after: previousIndex, previousTerm: previousTerm, term: message.term),
      follow(message.from)
    else { return }
    if previousIndex < log.committed {
      // What is committed is in every later leader's log.
      return accept(upTo: log.committed, from: message.from)
    }
    guard matches(previousIndex, previousTerm, entries) else {
      let hint = max(
        log.committed,
        log.lastIndex(
          notAfter: min(previousIndex, log.lastIndex), withTermAtMost: previousTerm))
      return sendAfterPersist(
        .appendResponse(
          rejected: true, index: previousIndex, hintIndex: hint,
          hintTerm: log.term(at: hint) ?? 0),
        to: message.from)
    }
    let news = entries.firstIndex { log.term(at: $0.index) != $0.term }
    if let news {
      // The bound of the memory: the leader will try again when more is applied. Where all that is
      // committed is applied, only new entries can bring the next commit, so they are taken: what
      // short-lived leaders left uncommitted may by itself be more than the bound.
      guard
        log.unappliedBytes < 8 * configuration.maximumUnappliedBytes || log.applied == log.committed
      else { return }
      let index = entries[news].index
      if index <= log.lastIndex { log.truncate(from: index) }
      log.append(Array(entries[news...]))
      adoptMembership()
    }
    let lastNew = previousIndex + UInt64(entries.count)
    log.commit(to: min(commit, lastNew))
    accept(upTo: lastNew, from: message.from)
  }

  /// Raft §5.3: with the entry before the new ones, all before it agree too.
  private func matches(
    _ previousIndex: LogIndex, _ previousTerm: Term, _ entries: [LogEntry]
  ) -> Bool {
    guard let own = log.term(at: previousIndex) else { return false }
    if configuration.mutations.contains(.ignoresLogMismatch) {
      return entries.first.map { own <= $0.term } ?? true
    }
    return own == previousTerm
  }

  private mutating func accept(upTo index: LogIndex, from peer: ReplicaID) {
    sendAfterPersist(
      .appendResponse(rejected: false, index: index, hintIndex: 0, hintTerm: 0), to: peer)
  }

  private func isWellFormed(
    _ entries: [LogEntry], after previousIndex: LogIndex, previousTerm: Term, term: Term
  ) -> Bool {
    guard previousIndex <= LogIndex.max / 2, previousTerm <= term else { return false }
    var index = previousIndex
    var lastTerm = previousTerm
    for entry in entries {
      index += 1
      guard entry.index == index, entry.term >= lastTerm, entry.term <= term else { return false }
      if entry.kind == .membership, Membership(encoded: entry.payload) == nil { return false }
      lastTerm = entry.term
    }
    return true
  }

  mutating func handleHeartbeat(from peer: ReplicaID, commit: LogIndex, readContext: UInt64) {
    guard follow(peer) else { return }
    log.commit(to: min(commit, log.lastIndex))
    send(.heartbeatResponse(readContext: answer(toRound: readContext)), to: peer)
  }

  /// The leader has applied `index`. Where this log agrees there, nothing needs to be streamed,
  /// and must not be: a leader may be counting on the entries that a new log would lack.
  mutating func handleSnapshot(from peer: ReplicaID, index: LogIndex, term: Term) {
    guard follow(peer), log.term(at: index) == term else { return }
    log.commit(to: index)
    accept(upTo: index, from: peer)
  }

  /// Whether a state that was streamed by the leader of this term would bring this replica
  /// forward. The shell asks before it replaces anything.
  public func accepts(snapshotIndex: LogIndex) -> Bool {
    role != .leader && snapshotIndex > log.committed
  }

  /// The shell has durably installed the state at `snapshotIndex`, which a leader streamed.
  ///
  /// Entries after it stay if this log agrees there; they are handed out once more, in case the
  /// shell began a new log file with the state.
  ///
  /// The hard state on disk must be of the term in which the leader streamed, or later, before
  /// the state is installed: a leader of an earlier term may hold other entries at these indices,
  /// and must not be answered as if they were the same. Stepping the `snapshot` message that
  /// announces the stream, and syncing, sees to it.
  ///
  /// - Parameter membership: in force at `snapshotIndex`; `nil`: the one known so far.
  public mutating func restore(
    snapshotIndex: LogIndex, snapshotTerm: Term, membership: Membership? = nil
  ) {
    guard snapshotIndex > log.applied else { return }
    precondition(snapshotTerm <= term, "the announcement of the state was not stepped")
    if role == .leader { becomeFollower(term: term, leader: 0) }
    log.restore(
      index: snapshotIndex, term: snapshotTerm, membership: membership ?? log.membership)
    adoptMembership()
  }
}
