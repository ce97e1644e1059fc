import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import Raft

/// The thread that writes the projection, behind what is applied, in batches.
///
/// The log has everything that is not yet written here, so a failure costs no data; but where the
/// projection can't be written at all, the log could never shrink, so the replica stops.
///
/// `@unchecked Sendable`: `projection` is used by the writer's thread only, except between `init`
/// and `start`; what callers ask for is under the monitor's lock.
final class ProjectionWriter: @unchecked Sendable {
  struct InstallProblem: Error, CustomStringConvertible {
    var description: String
    /// The replica is left without a projection.
    var isFatal: Bool
  }

  struct InstalledState: Sendable {
    var keyspace: KeyspaceState
    /// As of the state; `nil`: it tells of none.
    var membership: Membership?
  }

  private enum Work: Sendable {
    case write([AppliedEntry])
    case run(@Sendable (ProjectionWriter) -> Void)
  }

  /// Entries in memory beyond which the replica slows down, and beyond which it takes no more.
  static let throttleEntries = 20_000
  static let maximumEntries = 100_000
  /// Entries written in one transaction of the database.
  private static let batchEntries = 2_000
  private static let pruneIntervalNanoseconds: UInt64 = 10_000_000_000

  private let mailbox = Mailbox<Work>(bound: 1 << 17)
  private let monitor = Monitor()
  private var waiting = 0
  private var written: ProjectionMeta
  private var failed = false
  /// `nil` once stopped.
  private var projection: Projection?
  private let configuration: ReplicaConfiguration
  private let statistics: ReplicaStatistics
  private let logger: Logger
  private let report: @Sendable (CoreInput) -> Void
  private var thread: WorkerThread?
  private var nextPrune: UInt64 = 0
  private var floor: Revision = 0
  private let isStopping = NIOLockedValueBox(false)

  init(
    projection: Projection, configuration: ReplicaConfiguration, statistics: ReplicaStatistics,
    logger: Logger, report: @escaping @Sendable (CoreInput) -> Void
  ) {
    self.projection = projection
    self.configuration = configuration
    written = projection.meta
    self.statistics = statistics
    self.logger = logger
    self.report = report
    statistics.update(checkpoint: projection.meta.appliedIndex)
    statistics.update(durable: projection.durableIndex)
  }

  func start() { thread = WorkerThread(name: "projection") { [self] in run() } }

  /// Writes what waits, unless `abandoning` it to the log, then ends the thread.
  func stop(abandoning: Bool = false) {
    isStopping.withLockedValue { $0 = true }
    if abandoning { monitor.withLock { failed = true } }
    mailbox.close()
    thread?.join()
    projection = nil
    monitor.withLock { monitor.broadcast() }
  }

  func post(_ applied: [AppliedEntry]) {
    monitor.withLock { waiting += applied.count }
    mailbox.post(.write(applied))
  }

  // MARK: Any thread

  /// History before `revision` is to go.
  func compact(to revision: Revision) {
    let isNew = monitor.withLock {
      defer { floor = max(floor, revision) }
      return revision > floor
    }
    guard isNew else { return }
    mailbox.post(
      .run { writer in
        writer.nextPrune = 0
        writer.prune()
      })
  }

  /// True while so much waits that nothing more should come.
  var isFull: Bool { monitor.withLock { waiting >= Self.maximumEntries } }

  /// Entries that wait to be written.
  var queueLength: Int { monitor.withLock { waiting } }

  /// What is in the database.
  var meta: ProjectionMeta { monitor.withLock { written } }

  /// Slows the caller down, for a moment only, while much waits.
  func throttle() {
    monitor.withLock {
      guard waiting >= Self.throttleEntries, !failed else { return }
      monitor.wait(untilNanoseconds: monotonicNanoseconds() + 5_000_000)
    }
  }

  /// Blocks until the database has `revision`, at most until `deadline`; false where it has not.
  func wait(for revision: Revision, untilNanoseconds deadline: UInt64) -> Bool {
    monitor.withLock {
      while written.revision < revision {
        if failed || isStopping.withLockedValue({ $0 }) || monotonicNanoseconds() >= deadline {
          return false
        }
        monitor.wait(untilNanoseconds: min(deadline, monotonicNanoseconds() + 100_000_000))
      }
      return true
    }
  }

  /// Puts a peer's database in place of this one and loads the state in it; waits for that.
  func install(
    path: String, index: LogIndex, term: Term
  ) -> Result<InstalledState, InstallProblem> {
    let done = DispatchSemaphore(value: 0)
    let result = NIOLockedValueBox(
      Result<InstalledState, InstallProblem>.failure(
        InstallProblem(description: "the projection's thread has stopped", isFatal: false)))
    let isPosted = mailbox.post(
      .run { writer in
        let installed = writer.installNow(path: path, index: index, term: term)
        result.withLockedValue { $0 = installed }
        done.signal()
      })
    if isPosted { done.wait() }
    return result.withLockedValue { $0 }
  }

  // MARK: The thread

  private func run() {
    while let work = mailbox.takeAll(untilNanoseconds: nextPrune) {
      var entries: [AppliedEntry] = []
      for item in work {
        switch item {
        case .write(let applied):
          entries += applied
          if entries.count >= Self.batchEntries { write(&entries) }
        case .run(let body):
          write(&entries)
          body(self)
        }
      }
      write(&entries)
      prune()
    }
  }

  private func write(_ entries: inout [AppliedEntry]) {
    guard !entries.isEmpty else { return }
    let batch = entries.map(AppliedBatch.init)
    let count = entries.count
    entries.removeAll(keepingCapacity: true)
    defer {
      monitor.withLock {
        waiting -= count
        monitor.broadcast()
      }
    }
    while !monitor.withLock({ failed }), let projection {
      do {
        try projection.write(batch: batch)
        didWrite(projection)
        return
      } catch .noSpace(let reason) {
        logger.error("the projection waits for space", metadata: ["error": "\(reason)"])
        // The log has it all, so nothing is lost where the replica stops meanwhile.
        if isStopping.withLockedValue({ $0 }) { return }
        Thread.sleep(forTimeInterval: 0.5)
      } catch {
        monitor.withLock { failed = true }
        report(.failed("the projection can't be written: \(error)"))
      }
    }
  }

  private func didWrite(_ projection: Projection) {
    let meta = projection.meta
    monitor.withLock {
      written = meta
      monitor.broadcast()
    }
    statistics.update(checkpoint: meta.appliedIndex)
    statistics.update(durable: projection.durableIndex)
    // The log may forget only what would survive a loss of power here.
    report(.checkpointed(projection.durableIndex))
  }

  private func prune() {
    let now = monotonicNanoseconds()
    guard now >= nextPrune, let projection else { return }
    nextPrune = now + Self.pruneIntervalNanoseconds
    let retention = configuration.retention
    let time = wallClockMilliseconds()
    do {
      let pruning = try projection.prune(
        olderThan: retention.milliseconds == 0 || retention.milliseconds > time
          ? nil : time - retention.milliseconds,
        maximumBytes: retention.bytes == 0 ? nil : Int(clamping: retention.bytes),
        upTo: monitor.withLock { floor })
      // A step at a time, so that writing never waits long.
      if !pruning.isComplete { nextPrune = now }
      monitor.withLock { written = projection.meta }
    } catch {
      logger.warning("old history stays", metadata: ["error": "\(error)"])
    }
  }

  private func installNow(
    path: String, index: LogIndex, term: Term
  ) -> Result<InstalledState, InstallProblem> {
    // No reference may stay: one that is closed later would remove the new file's write-ahead log.
    guard let target = projection?.path else {
      return .failure(InstallProblem(description: "the projection is closed", isFatal: false))
    }
    do {
      let received = try Projection.meta(of: path)
      guard received.appliedIndex == index, received.appliedTerm == term else {
        throw ProjectionError.damaged(
          "it is of entry \(received.appliedIndex), not of entry \(index)")
      }
    } catch {
      return .failure(InstallProblem(description: "\(error)", isFatal: false))
    }
    // Closed, so that its write-ahead log is gone before another file takes its name.
    projection = nil
    var problem: InstallProblem?
    do {
      _ = try Projection.install(
        received: path, at: target, clusterID: configuration.clusterID,
        replicaID: configuration.id)
    } catch {
      problem = InstallProblem(description: "\(error)", isFatal: false)
    }
    do {
      let opened = try Projection.open(
        path: target, clusterID: configuration.clusterID, replicaID: configuration.id)
      projection = opened.projection
      if let problem { return .failure(problem) }
      let state = try opened.projection.loadCurrent().restored()
      didWrite(opened.projection)
      return .success(
        InstalledState(
          keyspace: state,
          membership: try opened.projection.membership().flatMap(Membership.init(encoded:))))
    } catch {
      return .failure(
        InstallProblem(description: "the projection can't be opened again: \(error)", isFatal: true)
      )
    }
  }
}

extension AppliedBatch {
  init(_ entry: AppliedEntry) {
    self.init(
      index: entry.index, term: entry.term, revision: entry.revision,
      stateHash: entry.stateHash, events: entry.transaction?.events ?? [],
      requests: entry.transaction.map { [($0.requestID, $0.result)] } ?? [],
      membership: entry.membership?.encoded)
  }
}
