/// Results of the last requests, in the order in which they were applied, so that a retry gets
/// the first one's result. Every replica forgets the same ones at the same point of the log.
struct RequestMemory: Sendable {
  static let capacity = 100_000

  private var results: [UInt64: TransactionResult] = [:]
  /// A ring once it is full; `oldest` is then the next to be replaced.
  private var order: [UInt64] = []
  private var oldest = 0
  private(set) var hash: UInt64 = 0

  subscript(_ requestID: UInt64) -> TransactionResult? { results[requestID] }

  /// An id that is already known keeps its first result.
  mutating func remember(_ requestID: UInt64, _ result: TransactionResult) {
    guard requestID != 0, results[requestID] == nil else { return }
    if order.count < Self.capacity {
      order.append(requestID)
    } else {
      let forgotten = order[oldest]
      if let old = results.removeValue(forKey: forgotten) {
        hash &-= StateHash.hash(requestID: forgotten, old)
      }
      order[oldest] = requestID
      oldest = (oldest + 1) % Self.capacity
    }
    results[requestID] = result
    hash &+= StateHash.hash(requestID: requestID, result)
  }

  var all: [(UInt64, TransactionResult)] {
    (order[oldest...] + order[..<oldest]).compactMap { id in results[id].map { (id, $0) } }
  }
}
