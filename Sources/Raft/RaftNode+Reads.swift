/// Reads that are never stale (dissertation §6.4): a leader notes its commit index, makes sure by
/// a round of heartbeats that it still leads, and only then names the index.
///
/// All reads asked for before one `takeActions` share a round.
struct Reads: Sendable {
  struct Request: Sendable {
    /// The leader itself, or the follower that forwarded.
    var from: ReplicaID
    var context: UInt64
  }

  struct Round: Sendable {
    var id: UInt64
    var index: LogIndex
    var requests: [Request]
  }

  /// A follower's reads that wait for the leader's answer.
  struct Forwarded: Sendable {
    var id: UInt64
    var contexts: [UInt64]
    var age = 0
  }

  var gathering: [Request] = []
  /// Oldest first; a confirmation of one confirms all before it.
  var rounds: [Round] = []
  var lastRound: UInt64 = 0
  var gatheringToForward: [UInt64] = []
  var forwarded: [Forwarded] = []

  static let maximumRounds = 16
  static let maximumRequests = 65_536

  var requestCount: Int { rounds.reduce(gathering.count) { $0 + $1.requests.count } }
  var forwardedCount: Int {
    forwarded.reduce(gatheringToForward.count) { $0 + $1.contexts.count }
  }
}

extension RaftNode {
  /// Asks for an index that covers everything committed before this call. The answer arrives as
  /// `reads` or `failedReads` of the actions, under the same context.
  public mutating func readIndex(context: UInt64) {
    if role == .leader {
      guard reads.requestCount < Reads.maximumRequests else {
        return actions.failedReads.append(context)
      }
      reads.gathering.append(.init(from: id, context: context))
    } else {
      guard leader != 0, reads.forwardedCount < Reads.maximumRequests else {
        return actions.failedReads.append(context)
      }
      reads.gatheringToForward.append(context)
    }
  }

  mutating func handleReadIndex(from peer: ReplicaID, context: UInt64) {
    guard role == .leader, reads.requestCount < Reads.maximumRequests else { return }
    reads.gathering.append(.init(from: peer, context: context))
  }

  // MARK: Leader

  /// A new leader does not know what is committed until an entry of its own term is.
  var hasCommittedInTerm: Bool { log.term(at: log.committed) == term }

  mutating func startReadRound() {
    guard !reads.gathering.isEmpty, hasCommittedInTerm else { return }
    if leaseHolds {
      answer(reads.gathering, index: log.committed)
      reads.gathering.removeAll(keepingCapacity: true)
      return
    }
    guard reads.rounds.count < Reads.maximumRounds else { return }
    reads.lastRound += 1
    reads.rounds.append(
      .init(id: reads.lastRound, index: log.committed, requests: reads.gathering))
    reads.gathering.removeAll(keepingCapacity: true)
    if isAlone {
      confirmReadRounds()
    } else {
      heartbeatElapsed = 0
      sendHeartbeats()
    }
  }

  mutating func confirmReadRounds() {
    guard let first = reads.rounds.first else { return }
    let confirmed = quorumValue { $0 == own ? reads.lastRound : progress[$0].readRound }
    guard first.id <= confirmed else { return }
    let count = reads.rounds.firstIndex { $0.id > confirmed } ?? reads.rounds.count
    for round in reads.rounds[..<count] { answer(round.requests, index: round.index) }
    reads.rounds.removeFirst(count)
  }

  private mutating func answer(_ requests: [Reads.Request], index: LogIndex) {
    for request in requests {
      if request.from == id {
        actions.reads.append(.init(context: request.context, index: index))
      } else {
        send(.readIndexResponse(context: request.context, index: index), to: request.from)
      }
    }
  }

  // MARK: Follower

  mutating func forwardReads() {
    guard !reads.gatheringToForward.isEmpty else { return }
    precondition(leader != 0 && leader != id)
    // A random name: an answer to a read of this replica's former life must not fit.
    let name = random.next()
    reads.forwarded.append(.init(id: name, contexts: reads.gatheringToForward))
    reads.gatheringToForward.removeAll(keepingCapacity: true)
    send(.readIndex(context: name), to: leader)
  }

  mutating func handleReadIndexResponse(
    from peer: ReplicaID, context: UInt64, index: LogIndex
  ) {
    guard peer == leader, let position = reads.forwarded.firstIndex(where: { $0.id == context })
    else { return }
    for context in reads.forwarded.remove(at: position).contexts {
      actions.reads.append(.init(context: context, index: index))
    }
  }

  mutating func ageForwardedReads() {
    for position in reads.forwarded.indices { reads.forwarded[position].age += 1 }
    // Oldest first, so those that waited too long stand in front.
    while let first = reads.forwarded.first, first.age >= configuration.electionTicks {
      actions.failedReads += first.contexts
      reads.forwarded.removeFirst()
    }
  }

  /// The leader these reads were asked of is not, or no longer, known to lead.
  mutating func failReads() {
    for round in reads.rounds { fail(round.requests) }
    fail(reads.gathering)
    reads.rounds.removeAll()
    reads.gathering.removeAll()
    for forwarded in reads.forwarded { actions.failedReads += forwarded.contexts }
    actions.failedReads += reads.gatheringToForward
    reads.forwarded.removeAll()
    reads.gatheringToForward.removeAll()
  }

  private mutating func fail(_ requests: [Reads.Request]) {
    for request in requests where request.from == id {
      actions.failedReads.append(request.context)
    }
  }
}
