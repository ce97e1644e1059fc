import Keyspace

/// What transactions mean, written down a second time and as simply as possible, to hold the
/// replicas against.
struct ModelKeyspace {
  struct Value: Hashable {
    var bytes: [UInt8]
    var created: Revision
    var modified: Revision
  }

  private(set) var values: [Key: Value] = [:]
  private(set) var revision: Revision = 0
  private var results: [UInt64: TransactionResult] = [:]

  mutating func apply(_ transaction: Transaction) -> TransactionResult {
    if let result = results[transaction.requestID] { return result }
    let result = take(transaction)
    results[transaction.requestID] = result
    return result
  }

  private mutating func take(_ transaction: Transaction) -> TransactionResult {
    for compare in transaction.compares {
      let actual = values[compare.key]?.modified ?? 0
      if actual != compare.revision { return .conflict(key: compare.key, actual: actual) }
    }
    let changes = transaction.mutations.contains {
      if case .put = $0 { true } else { values[$0.key] != nil }
    }
    guard changes else { return .committed(revision: revision) }
    revision += 1
    for mutation in transaction.mutations {
      switch mutation {
      case .put(let key, let value, _):
        values[key] = Value(
          bytes: value, created: values[key]?.created ?? revision, modified: revision)
      case .delete(let key): values[key] = nil
      }
    }
    return .committed(revision: revision)
  }
}
