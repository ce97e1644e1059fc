import Keyspace
import Raft

/// Local transactions that wait for their place in the log.
struct PendingProposals: Sendable {
  struct Proposal: Sendable {
    var id: UInt64
    var requestID: UInt64
    var payload: [UInt8]
    var deadline: Int
    /// When it was last sent to a leader.
    var sentAt = 0
    /// Once it was sent more than once, an earlier one may be in the log.
    var attempts = 0
  }

  private var byID: [UInt64: Proposal] = [:]
  /// Local ids in the callers' order; answered ones are dropped lazily.
  private var order: [UInt64] = []
  private var idsByRequest: [UInt64: [UInt64]] = [:]
  /// To be sent to the leader, in the callers' order.
  private var unsent: [UInt64] = []
  private(set) var bytes = 0

  var isEmpty: Bool { byID.isEmpty }
  var count: Int { byID.count }

  mutating func insert(_ proposal: Proposal) {
    precondition(byID[proposal.id] == nil, "a local id is used once")
    byID[proposal.id] = proposal
    order.append(proposal.id)
    unsent.append(proposal.id)
    idsByRequest[proposal.requestID, default: []].append(proposal.id)
    bytes += proposal.payload.count
  }

  /// Takes out everybody who waits for this request.
  mutating func remove(requestID: UInt64) -> [Proposal] {
    guard let ids = idsByRequest.removeValue(forKey: requestID) else { return [] }
    let removed = ids.compactMap { byID.removeValue(forKey: $0) }
    for proposal in removed { bytes -= proposal.payload.count }
    compactOrder()
    return removed
  }

  mutating func removeAll() -> [Proposal] {
    defer { self = PendingProposals() }
    return order.compactMap { byID[$0] }
  }

  /// Takes out what waited too long.
  mutating func removeExpired(now: Int) -> [Proposal] {
    // Deadlines grow with the order, so the first tells for all.
    var requests: [UInt64] = []
    for id in order {
      guard let proposal = byID[id] else { continue }
      guard proposal.deadline <= now else { break }
      requests.append(proposal.requestID)
    }
    return requests.flatMap { remove(requestID: $0, deadline: now) }
  }

  private mutating func remove(requestID: UInt64, deadline: Int) -> [Proposal] {
    guard let ids = idsByRequest[requestID] else { return [] }
    let expired = ids.compactMap { byID[$0] }.filter { $0.deadline <= deadline }
    for proposal in expired {
      byID[proposal.id] = nil
      bytes -= proposal.payload.count
    }
    let rest = ids.filter { byID[$0] != nil }
    idsByRequest[requestID] = rest.isEmpty ? nil : rest
    compactOrder()
    return expired
  }

  /// Everything is to be sent again, e.g. to a new leader.
  mutating func markAllUnsent() {
    unsent = order.filter { byID[$0] != nil }
  }

  /// What was last sent at `time` or before is to be sent again: it may be lost.
  mutating func markUnsent(sentUntil time: Int) {
    let waiting = Set(unsent)
    let lost = order.filter { id in
      guard let proposal = byID[id], !waiting.contains(id) else { return false }
      return proposal.sentAt <= time
    }
    unsent += lost
  }

  /// What is to be sent, in the callers' order; the caller sends it or puts it back.
  mutating func takeUnsent(now: Int) -> [Proposal] {
    guard !unsent.isEmpty else { return [] }
    let ids = unsent
    unsent = []
    return ids.compactMap { id in
      byID[id]?.sentAt = now
      byID[id]?.attempts += 1
      return byID[id]
    }
  }

  mutating func putBack(_ proposals: some Sequence<Proposal>) {
    for proposal in proposals { byID[proposal.id]?.attempts -= 1 }
    unsent = proposals.map(\.id) + unsent
  }

  var requestIDs: [UInt64] { Array(idsByRequest.keys) }

  /// Amortized: the order is rebuilt once most of it is answered.
  private mutating func compactOrder() {
    if order.count > 64, order.count > byID.count * 2 {
      order.removeAll { byID[$0] == nil }
    }
    if byID.isEmpty {
      order.removeAll(keepingCapacity: true)
      unsent.removeAll(keepingCapacity: true)
    }
  }
}
