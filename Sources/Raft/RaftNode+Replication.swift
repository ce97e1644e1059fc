/// How entries get from the leader's log to the followers'.
extension RaftNode {
  /// Appends one entry per payload. What is proposed before `takeActions` travels and is synced
  /// together.
  ///
  /// - Returns: `nil` unless this replica leads, is not handing over, and less than its bound
  ///   waits to be applied. Otherwise where the first payload stands; it is committed when an
  ///   entry with that index *and* term is delivered.
  public mutating func propose(_ payloads: [[UInt8]]) -> (term: Term, firstIndex: LogIndex)? {
    guard role == .leader, transferee == 0, !payloads.isEmpty,
      log.unappliedBytes < configuration.maximumUnappliedBytes
    else { return nil }
    let first = log.lastIndex + 1
    log.append(
      payloads.enumerated().map { offset, payload in
        LogEntry(term: term, index: first + UInt64(offset), kind: .command, payload: payload)
      })
    return (term, first)
  }

  /// A sync finished that covered the entries up to `index`, whose term is `term`, and the hard
  /// state handed out before. Reports about entries that were replaced since are ignored.
  public mutating func persisted(index: LogIndex, term: Term) {
    let before = log.persisted
    log.persisted(index: index, term: term)
    if log.persisted > before {
      stalledTicks = 0
      advanceCommit()
    }
  }

  /// The state machine has everything up to `index`, which must have been delivered.
  public mutating func applied(to index: LogIndex) {
    log.applied(to: index)
    // Followers that lag are given what is in memory; without any it has served its purpose.
    log.compact(maximumBytes: peers.count > 1 ? configuration.maximumLogBytes : 0)
  }

  /// Drops entries in memory at or below `index` that are applied.
  public mutating func compact(to index: LogIndex) { log.compact(to: index) }

  // MARK: Leader

  /// Sends what the followers lack, as far as their windows allow.
  mutating func sendAppends() {
    for position in peers.indices where position != own {
      while canSendEntries(to: position), sendAppend(to: position) {}
      let peer = progress[position]
      if peer.state == .replicate, peer.next > log.lastIndex, peer.commitSent < log.committed {
        sendAppend(to: position)
      }
    }
  }

  private func canSendEntries(to position: Int) -> Bool {
    let peer = progress[position]
    if peer.readingAfter != nil { return false }
    switch peer.state {
    case .probe: return !peer.probeSent
    case .replicate:
      return peer.next <= log.lastIndex
        && peer.inFlight.count < configuration.maximumInFlightAppends
    case .snapshot: return false
    }
  }

  /// - Returns: false where the entries have to be read first, and the follower can't be told yet.
  @discardableResult
  private mutating func sendAppend(to position: Int, withEntries: Bool = true) -> Bool {
    let previousIndex = progress[position].next - 1
    guard let previousTerm = log.term(at: previousIndex) else {
      requestEntries(
        for: position, after: previousIndex, through: withEntries ? log.base : previousIndex)
      return false
    }
    let entries =
      withEntries
      ? log.entries(from: previousIndex + 1, maximumBytes: configuration.maximumAppendBytes) : []
    sendAppend(
      to: position, previousIndex: previousIndex, previousTerm: previousTerm, entries: entries)
    return true
  }

  private mutating func sendAppend(
    to position: Int, previousIndex: LogIndex, previousTerm: Term, entries: [LogEntry]
  ) {
    send(
      .append(
        previousIndex: previousIndex, previousTerm: previousTerm, entries: entries,
        commit: log.committed),
      to: peers[position])
    progress[position].commitSent = log.committed
    switch progress[position].state {
    case .probe: progress[position].probeSent = true
    case .replicate:
      if let last = entries.last {
        progress[position].next = last.index + 1
        progress[position].inFlight.append(last.index)
      }
    case .snapshot: preconditionFailure("a follower that awaits the state gets no appends")
    }
  }

  private mutating func requestSnapshot(for position: Int) {
    // Nobody at home: wait for a sign of life before moving a whole state.
    guard progress[position].recentlyActive else {
      progress[position].becomeProbe()
      progress[position].probeSent = true
      return
    }
    progress[position].becomeSnapshot()
    send(
      .snapshot(index: log.applied, term: log.term(at: log.applied) ?? 0), to: peers[position])
    actions.snapshotsNeeded.append(peers[position])
  }

  // MARK: Entries from the disk

  /// Appends on their way to one follower that were read from the disk: nobody else holds their
  /// entries, so they are what a slow follower costs in memory.
  private static let maximumReadInFlight = 4

  private mutating func requestEntries(
    for position: Int, after index: LogIndex, through last: LogIndex
  ) {
    let peer = progress[position]
    guard peer.readingAfter == nil, peer.state != .snapshot,
      last == index || peer.inFlight.count < Self.maximumReadInFlight
    else { return }
    // Nobody at home: wait for a sign of life before reading, or moving a whole state.
    guard peer.recentlyActive else {
      progress[position].becomeProbe()
      progress[position].probeSent = true
      return
    }
    progress[position].readingAfter = index
    actions.entriesNeeded.append(
      EntriesRequest(
        peer: peers[position], term: term, after: index, through: last,
        maximumBytes: configuration.maximumAppendBytes))
  }

  /// The disk has answered a request; where it has the entries no more, the follower needs the
  /// state.
  public mutating func entriesRead(_ request: EntriesRequest, _ read: EntriesRead?) {
    guard role == .leader, term == request.term, let position = position(of: request.peer),
      progress[position].readingAfter == request.after
    else { return }
    progress[position].readingAfter = nil
    // The follower was found to be elsewhere meanwhile.
    guard progress[position].next == request.after + 1 else { return }
    guard let read else { return requestSnapshot(for: position) }
    precondition(
      read.entries.isEmpty
        ? request.through == request.after : read.entries[0].index == request.after + 1,
      "the disk has other entries than were asked for")
    sendAppend(
      to: position, previousIndex: request.after, previousTerm: read.previousTerm,
      entries: read.entries)
  }

  mutating func handleAppendResponse(
    from position: Int, rejected: Bool, index: LogIndex, hintIndex: LogIndex, hintTerm: Term
  ) {
    guard role == .leader else { return }
    progress[position].recentlyActive = true
    guard index <= log.lastIndex else { return }
    if rejected {
      appendRejected(by: position, index: index, hintIndex: hintIndex, hintTerm: hintTerm)
    } else {
      appendAccepted(by: position, index: index)
    }
  }

  private mutating func appendAccepted(by position: Int, index: LogIndex) {
    let advanced = index > progress[position].match
    progress[position].accepted(index)
    switch progress[position].state {
    case .probe:
      // An answer from before the probe says nothing about what is sent next. Taken for the probe's
      // own, it would open the whole window to a follower that refuses all of it, again and again.
      if advanced || progress[position].match == log.lastIndex {
        progress[position].becomeReplicate()
      }
    case .snapshot:
      if progress[position].match >= log.base { progress[position].becomeReplicate() }
    case .replicate: break
    }
    guard advanced else { return }
    advanceCommit()
    if peers[position] == transferee && progress[position].match == log.lastIndex {
      send(.timeoutNow, to: transferee)
    }
  }

  private mutating func appendRejected(
    by position: Int, index: LogIndex, hintIndex: LogIndex, hintTerm: Term
  ) {
    switch progress[position].state {
    case .snapshot: return
    case .replicate:
      // An answer that was overtaken by a later acceptance says nothing.
      guard index > progress[position].match, index < progress[position].next else { return }
      progress[position].becomeProbe()
    case .probe:
      guard index == progress[position].next - 1 else { return }
      progress[position].probeSent = false
    }
    let agreed =
      hintTerm == 0
      ? hintIndex : log.lastIndex(notAfter: hintIndex, withTermAtMost: hintTerm)
    progress[position].next = max(
      progress[position].match + 1, min(index, agreed &+ 1, log.lastIndex + 1), 1)
  }

  mutating func handleHeartbeatResponse(from position: Int, readContext: UInt64) {
    guard role == .leader else { return }
    progress[position].recentlyActive = true
    progress[position].probeSent = false
    let round = readContext & ~LeaderLease.promiseFlag
    if round <= reads.lastRound {
      progress[position].readRound = max(progress[position].readRound, round)
      if round != readContext {
        progress[position].promisedRound = max(progress[position].promisedRound, round)
      }
      confirmReadRounds()
    }
    // No progress since the last heartbeat: an append or its answer was lost. One without
    // entries finds out, for it is accepted or refused at once.
    let match = progress[position].match
    if progress[position].state == .replicate, match < log.lastIndex,
      progress[position].matchAtHeartbeat == match
    {
      sendAppend(to: position, withEntries: false)
    }
    progress[position].matchAtHeartbeat = match
  }

  /// The shell has streamed the state at `index` to `peer`, or could not.
  public mutating func snapshotSent(to peer: ReplicaID, index: LogIndex, succeeded: Bool) {
    guard role == .leader, let position = position(of: peer),
      progress[position].state == .snapshot
    else { return }
    progress[position].becomeProbe()
    if succeeded && index <= log.lastIndex {
      progress[position].next = max(progress[position].next, index + 1)
    }
    // Not at once: the next sign of life starts it.
    progress[position].probeSent = true
  }
}
