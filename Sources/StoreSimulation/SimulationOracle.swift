import EventLog
import EventStore
import Keyspace
import Raft

/// Sees everything all replicas and clients do, and notices what must never happen.
struct SimulationOracle {
  /// A committed entry, as the first replica applied it.
  private struct Committed {
    var term: Term
    var digest: UInt64
    var stateHash: UInt64?
  }

  private struct Position: Hashable {
    var index: LogIndex
    var term: Term
  }

  /// What (index, term) of an entry determines.
  private struct Written: Equatable {
    var previousTerm: Term
    var digest: UInt64
  }

  private(set) var failure: String?
  private var history: [Committed] = []
  private var leaders: [Term: ReplicaID] = [:]
  private var written: [Position: Written] = [:]
  private var transactions: [UInt64: Transaction] = [:]
  private var firstApplied: [UInt64: (index: LogIndex, result: TransactionResult)] = [:]
  private var acknowledged: [(requestID: UInt64, result: TransactionResult)] = []
  private(set) var model = ModelKeyspace()
  /// All events, as those who applied them first saw them.
  private var events: [Event] = []
  /// No read that begins now may see less.
  private(set) var acknowledgedRevision: Revision = 0
  private(set) var fingerprint = Digest()

  var committedCount: LogIndex { LogIndex(history.count) }
  var electionCount: Int { leaders.count }
  var acknowledgedCount: Int { acknowledged.count }

  mutating func fail(_ reason: String) {
    if failure == nil { failure = reason }
  }

  mutating func proposes(_ transaction: Transaction) {
    transactions[transaction.requestID] = transaction
  }

  // MARK: Consensus

  /// - Returns: whether this is news.
  mutating func leads(_ id: ReplicaID, term: Term) -> Bool {
    if let other = leaders[term] {
      if other != id { fail("replicas \(other) and \(id) both lead term \(term)") }
      return false
    }
    leaders[term] = id
    return true
  }

  /// Log matching, by induction: an index and a term determine the entry and the one before it.
  mutating func writes(_ id: ReplicaID, _ record: LogRecord, previousTerm: Term) {
    var digest = Digest()
    digest.add(UInt64(record.kind))
    digest.add(record.payload)
    let fact = Written(previousTerm: previousTerm, digest: digest.value)
    let position = Position(index: record.index, term: record.term)
    if let known = written[position], known != fact {
      fail("replica \(id) writes another entry \(record.index) of term \(record.term)")
    }
    written[position] = fact
  }

  // MARK: State

  mutating func applies(_ id: ReplicaID, _ entry: AppliedEntry, revisionBefore: Revision) {
    let digest = Self.digest(entry)
    let index = Int(entry.index)
    if index <= history.count {
      let known = history[index - 1]
      if known.term != entry.term || known.digest != digest {
        fail(
          "replica \(id) applies entry \(index) of term \(entry.term), "
            + "another one applied it differently, of term \(known.term)")
      }
    } else if index == history.count + 1 {
      history.append(Committed(term: entry.term, digest: digest))
      fingerprint.add(digest)
      appliesFirst(id, entry)
    } else {
      fail("replica \(id) applies entry \(index), but \(history.count + 1) was never applied")
    }
    var revision = revisionBefore
    for event in entry.transaction?.events ?? [] {
      if event.revision != revision && event.revision != revisionBefore + 1 {
        fail("replica \(id) goes from revision \(revision) to \(event.revision)")
      }
      revision = event.revision
    }
  }

  private mutating func appliesFirst(_ id: ReplicaID, _ entry: AppliedEntry) {
    guard let applied = entry.transaction else { return }
    guard let transaction = transactions[applied.requestID] else {
      return fail("entry \(entry.index) holds a transaction that nobody proposed")
    }
    events += applied.events
    let expected = model.apply(transaction)
    if expected != applied.result {
      fail("entry \(entry.index) gives \(applied.result) on replica \(id), not \(expected)")
    }
    if firstApplied[applied.requestID] == nil {
      firstApplied[applied.requestID] = (entry.index, applied.result)
    }
  }

  private static func digest(_ entry: AppliedEntry) -> UInt64 {
    var digest = Digest()
    digest.add(entry.term)
    digest.add(UInt64(entry.bytes))
    guard let transaction = entry.transaction else { return digest.value }
    digest.add(transaction.requestID)
    switch transaction.result {
    case .committed(let revision): digest.add(revision)
    case .conflict(let key, let actual):
      digest.add(key.bytes)
      digest.add(actual)
    }
    for event in transaction.events {
      digest.add(event.revision)
      digest.add(UInt64(event.kind.rawValue))
      digest.add(event.key.bytes)
      digest.add(event.value)
    }
    return digest.value
  }

  /// States at one applied index are equal.
  mutating func reaches(_ id: ReplicaID, applied: LogIndex, stateHash: UInt64) {
    guard applied > 0, applied <= history.count else { return }
    let index = Int(applied) - 1
    if let known = history[index].stateHash {
      if known != stateHash { fail("replica \(id) has another state at entry \(applied)") }
    } else {
      history[index].stateHash = stateHash
    }
  }

  // MARK: Clients

  mutating func acknowledges(_ id: ReplicaID, requestID: UInt64, _ result: TransactionResult) {
    guard let applied = firstApplied[requestID] else {
      return fail("replica \(id) acknowledges request \(requestID), which nobody applied")
    }
    if applied.result != result {
      fail("replica \(id) answers \(result) to request \(requestID), it was \(applied.result)")
    }
    acknowledged.append((requestID, result))
    if case .committed(let revision) = result {
      acknowledgedRevision = max(acknowledgedRevision, revision)
    }
    fingerprint.add(requestID)
  }

  mutating func reads(_ id: ReplicaID, revision: Revision, notBefore floor: Revision) {
    if revision < floor {
      fail("a read on replica \(id) sees revision \(revision), \(floor) was acknowledged before")
    }
    fingerprint.add(revision)
  }

  /// A watch that has everything up to `revision` is given what comes up to `last`.
  mutating func watches(
    _ id: ReplicaID, _ given: [Event], after revision: Revision, upTo last: Revision
  ) {
    var low = 0
    var high = events.count
    while low < high {
      let middle = (low + high) / 2
      if events[middle].revision <= revision { low = middle + 1 } else { high = middle }
    }
    for event in given {
      guard low < events.count, events[low] === event || events[low].isEqual(event) else {
        return fail(
          "a watch on replica \(id) from revision \(revision) is given revision "
            + "\(event.revision), which is not the next event")
      }
      low += 1
    }
    if low < events.count, events[low].revision <= last {
      fail("a watch on replica \(id) misses revision \(events[low].revision)")
    }
  }

  /// At the end, when all have converged on `applied`.
  mutating func converged(_ id: ReplicaID, core: ReplicaCore, log: EventLog<SimulatedDisk>) {
    if core.applied != history.count {
      fail("replica \(id) ends at entry \(core.applied), \(history.count) were applied")
    }
    for (requestID, result) in acknowledged {
      guard let applied = firstApplied[requestID], applied.index <= core.applied,
        applied.result == result
      else { return fail("the acknowledged request \(requestID) is lost") }
    }
    let snapshot = core.keyspace.snapshot
    let entries = snapshot.range(from: Key(bytes: []), to: nil, limit: 0)
    let equal = entries.allSatisfy {
      model.values[$0.key]
        == ModelKeyspace.Value(
          bytes: $0.value, created: $0.createRevision, modified: $0.modRevision)
    }
    if !equal || entries.count != model.values.count || snapshot.revision != model.revision {
      fail("replica \(id) ends with another state than the transactions make")
    }
    guard log.base.index < log.lastIndex else { return }
    for index in (log.base.index + 1)...log.lastIndex where index <= committedCount {
      if log.term(at: index) != history[Int(index) - 1].term {
        fail("the log of replica \(id) holds another entry \(index) than was committed")
      }
    }
  }
}

extension Event {
  fileprivate func isEqual(_ other: Event) -> Bool {
    revision == other.revision && kind == other.kind && key == other.key && value == other.value
  }
}
