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
    case write([AppliedBatch], bytes: Int)
    case run(@Sendable (ProjectionWriter) -> Void)
  }

  /// Entries for one transaction of the database.
  private struct Gathered {
    var entries: [AppliedBatch] = []
    /// Of the payloads that the log has of them.
    var bytes = 0
  }

  /// Entries in memory, and bytes of their payloads, beyond which the replica slows down, and
  /// beyond which it takes no more.
  static let throttleEntries = 32_000
  static let maximumEntries = 64_000
  static let throttleBytes = 32 << 20
  static let maximumBytes = 96 << 20
  /// The longest that the replica waits at a time, beyond the least: a third of an election's timer.
  private static let throttleNanoseconds: UInt64 = 80_000_000
  private static let leastThrottleNanoseconds: UInt64 = 5_000_000
  /// Entries written in one transaction of the database: the more, the fewer times the same pages
  /// are written.
  private static let batchEntries = 8_000
  /// How long to wait for a batch, and how many posts are one.
  private static let gatherNanoseconds: UInt64 = 1_000_000_000
  private static let gatherPosts = 256
  /// The database is synced after so many entries, but not more often than this.
  private static let syncEntries = 2_000
  private static let syncIntervalNanoseconds: UInt64 = 1_000_000_000
  private static let pruneIntervalNanoseconds: UInt64 = 10_000_000_000

  private let mailbox = Mailbox<Work>(bound: 1 << 17)
  private let monitor = Monitor()
  private var waiting = 0
  private var waitingBytes = 0
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
  private var nextSync: UInt64 = 0
  private var freeMemory = FreeMemory()
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

  func start() { thread = WorkerThread(name: "projector", isBackground: true) { [self] in run() } }

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
    let bytes = applied.reduce(0) { $0 + $1.bytes }
    monitor.withLock {
      waiting += applied.count
      waitingBytes += bytes
    }
    mailbox.post(.write(applied.map(AppliedBatch.init), bytes: bytes))
  }

  /// Runs `body` on this thread once what was posted before is written.
  @discardableResult
  private func postNow(_ work: Work) -> Bool {
    let isPosted = mailbox.post(work)
    mailbox.hurry()
    return isPosted
  }

  /// Writes what was posted before, then calls `body` on this object's thread.
  func afterWriting(_ body: @escaping @Sendable () -> Void) { postNow(.run { _ in body() }) }

  // MARK: Any thread

  /// History before `revision` is to go.
  func compact(to revision: Revision) {
    let isNew = monitor.withLock {
      defer { floor = max(floor, revision) }
      return revision > floor
    }
    guard isNew else { return }
    postNow(
      .run { writer in
        writer.nextPrune = 0
        writer.prune()
      })
  }

  /// True while so much waits that nothing more should come.
  var isFull: Bool {
    monitor.withLock { waiting >= Self.maximumEntries || waitingBytes >= Self.maximumBytes }
  }

  /// Entries that wait to be written.
  var queueLength: Int { monitor.withLock { waiting } }

  /// What is in the database.
  var meta: ProjectionMeta { monitor.withLock { written } }

  /// Slows the caller down while much waits: the more, the longer, so that `isFull` is not reached by
  /// what the database can keep up with. Never for so long that other replicas would miss a leader.
  func throttle() {
    monitor.withLock {
      let begun = monotonicNanoseconds()
      while !failed {
        let entries = Self.share(waiting, from: Self.throttleEntries, to: Self.maximumEntries)
        let bytes = Self.share(waitingBytes, from: Self.throttleBytes, to: Self.maximumBytes)
        let share = min(1, max(entries, bytes))
        guard share >= 0 else { return }
        let wait = Self.leastThrottleNanoseconds + UInt64(share * Double(Self.throttleNanoseconds))
        guard monotonicNanoseconds() < begun + wait else { return }
        monitor.wait(untilNanoseconds: begun + wait)
      }
    }
  }

  /// Where between two bounds `count` is: 0 at the lower one, 1 at the upper one.
  private static func share(_ count: Int, from low: Int, to high: Int) -> Double {
    Double(count - low) / Double(high - low)
  }

  /// Blocks until the database has `revision`, at most until `deadline`; false where it has not.
  func wait(for revision: Revision, untilNanoseconds deadline: UInt64) -> Bool {
    monitor.withLock {
      while written.revision < revision {
        mailbox.hurry()
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
    let isPosted = postNow(
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
    while let first = mailbox.takeAll(untilNanoseconds: freeMemory.due(before: nextPrune)) {
      if first.isEmpty { freeMemory.giveBack { projection?.releasePages() } }
      var work = first
      if !isStopping.withLockedValue({ $0 }), Self.canWait(first) {
        mailbox.gather(count: Self.gatherPosts, nanoseconds: Self.gatherNanoseconds)
        work += mailbox.takeAll(untilNanoseconds: 0) ?? []
      }
      var gathered = Gathered()
      for item in work {
        switch item {
        case .write(let applied, let bytes):
          gathered.entries += applied
          gathered.bytes += bytes
          if gathered.entries.count >= Self.batchEntries { write(&gathered) }
        case .run(let body):
          write(&gathered)
          body(self)
        }
      }
      write(&gathered)
      prune()
    }
  }

  /// Entries that nobody waits for, and fewer than a batch of them.
  private static func canWait(_ work: [Work]) -> Bool {
    var count = 0
    for item in work {
      guard case .write(let applied, _) = item else { return false }
      count += applied.count
    }
    return count > 0 && count < batchEntries
  }

  private func write(_ gathered: inout Gathered) {
    guard !gathered.entries.isEmpty else { return }
    let batch = gathered.entries
    let (count, bytes) = (batch.count, gathered.bytes)
    freeMemory.wasUsed(bytes: bytes)
    // A burst's room is not kept: the next batch may be far away.
    gathered = Gathered()
    defer {
      monitor.withLock {
        waiting -= count
        waitingBytes -= bytes
        monitor.broadcast()
      }
    }
    while !monitor.withLock({ failed }), let projection {
      do {
        try projection.write(batch: batch)
        try sync(projection)
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

  /// So that the log may forget what the database has, also where writes are few.
  private func sync(_ projection: Projection) throws(ProjectionError) {
    let now = monotonicNanoseconds()
    guard projection.unsyncedEntries >= Self.syncEntries, now >= nextSync else { return }
    nextSync = now + Self.syncIntervalNanoseconds
    try projection.sync()
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
  /// Without the values that events replaced, which the database doesn't need: while an entry waits
  /// they would take as much memory as its own.
  init(_ entry: AppliedEntry) {
    self.init(
      index: entry.index, term: entry.term, revision: entry.revision,
      stateHash: entry.stateHash,
      events: entry.transaction?.events.map { $0.withoutPreviousValue() } ?? [],
      requests: entry.transaction.flatMap { $0.isRetry ? nil : [($0.requestID, $0.result)] } ?? [],
      membership: entry.membership?.encoded)
  }
}
