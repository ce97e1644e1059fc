/// Runs `count` calls in batches of 1, 2, 4 and so on, each batch at once, so that a failure that
/// would hit all of them (a quota, say) is met by few. Stops after a batch with a failure and
/// throws its error.
func inGrowingBatches(
  _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void
) async throws {
  var next = 0
  var size = 1
  while next < count {
    let batch = next..<min(next + size, count)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for position in batch { group.addTask { try await body(position) } }
      // All of the batch runs to its end: what was begun is accounted for.
      var failure: (any Error)?
      while let result = await group.nextResult() {
        if case .failure(let error) = result { failure = failure ?? error }
      }
      if let failure { throw failure }
    }
    next = batch.upperBound
    size *= 2
  }
}
