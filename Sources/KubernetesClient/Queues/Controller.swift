import KubernetesAPI
import Logging

/// When a reconciler wants its key back.
public enum Requeue: Sendable, Hashable {
  case after(milliseconds: Int64)
  /// Like after a failure: soon, then ever later.
  case backingOff
}

/// Workers that reconcile the keys of a queue.
///
/// One key is never reconciled twice at once. Each call runs with `WriteContext.cause` set to
/// the newest revision that asked for the key. A call that throws is repeated, ever later.
public struct Controller<Key: Hashable & Sendable>: Sendable {
  public let name: String
  public let queue: WorkQueue<Key>
  private let workers: Int
  private let logger: Logger
  private let reconcile: @Sendable (Key) async throws -> Requeue?

  public init(
    name: String, queue: WorkQueue<Key>, workers: Int = 4,
    reconcile: @escaping @Sendable (Key) async throws -> Requeue?
  ) {
    precondition(workers > 0)
    self.name = name
    self.queue = queue
    self.workers = workers
    self.reconcile = reconcile
    logger = Logger(label: "taffrail.controller.\(name)")
  }

  /// Works until the task is cancelled or the queue is shut down.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<workers { group.addTask { await work() } }
    }
  }

  private func work() async {
    while let item = await queue.next() {
      do {
        let requeue = try await WriteContext.$cause.withValue(item.cause) {
          try await reconcile(item.key)
        }
        switch requeue {
        case nil: queue.forgetFailures(item.key)
        case .after(let milliseconds):
          queue.forgetFailures(item.key)
          queue.add(item.key, cause: item.cause, afterMilliseconds: milliseconds)
        case .backingOff: queue.addAfterFailure(item.key, cause: item.cause)
        }
      } catch {
        if !Task.isCancelled { report(error, item.key) }
        queue.addAfterFailure(item.key, cause: item.cause)
      }
      queue.done(item.key)
    }
  }

  private func report(_ error: any Error, _ key: Key) {
    // Another writer was first, or the object or its namespace is on the way out: the next try
    // sees what it did.
    if let status = error as? APIStatus,
      status.code == 409 || status.code == 404
        || status.code == 403 && status.message.hasSuffix("because it is being terminated")
    {
      logger.debug("\(key): \(error)")
    } else {
      logger.warning("\(key): \(error)")
    }
  }
}
