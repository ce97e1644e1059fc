import EventLog
import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import Raft

/// The thread that owns the log: everything that waits becomes one append and one sync.
///
/// While it syncs, the core goes on and gathers the next batch. A failed sync is never retried:
/// what the disk holds after it is unknown, so the replica stops. A full disk is not a failure:
/// the same batch is tried again until there is space.
///
/// `@unchecked Sendable`: `log` and the other variables are used by the writer's thread only,
/// except between `init` and `start`.
final class LogWriter: @unchecked Sendable {
  enum Work: Sendable {
    case persist(ReplicaActions.Persist)
    /// Reads entries that a follower lacks.
    case read(EntriesRequest)
    /// Removes segments wholly below this index.
    case removeSegments(before: LogIndex)
    /// Runs on the log's thread, between two batches; with `nil` where the log is lost.
    case run(@Sendable (LogWriter?) -> Void)
  }

  /// Persist batches on their way; the core bounds them by its own bound of unapplied bytes.
  private let mailbox = Mailbox<Work>(bound: 1 << 16)
  /// `nil` once stopped, so that the folder is free for another.
  private var log: EventLog<FileDisk>?
  private var vote: LogVote
  private var isVoteDurable = true
  private let send: @Sendable ([OutgoingMessage]) -> Void
  private let report: @Sendable (CoreInput) -> Void
  private let logger: Logger
  private let statistics: ReplicaStatistics
  private let spaceGuard: SpaceGuard
  private var thread: WorkerThread?

  init(
    log: EventLog<FileDisk>, vote: LogVote, spaceGuard: SpaceGuard,
    statistics: ReplicaStatistics, logger: Logger,
    send: @escaping @Sendable ([OutgoingMessage]) -> Void,
    report: @escaping @Sendable (CoreInput) -> Void
  ) {
    self.log = log
    self.vote = vote
    self.spaceGuard = spaceGuard
    self.statistics = statistics
    self.logger = logger
    self.send = send
    self.report = report
  }

  /// Where the log on disk begins.
  var firstIndex: LogIndex { statistics.logFirstIndex }

  var queueLength: Int { mailbox.count }

  func start() { thread = WorkerThread(name: "log") { [self] in run() } }

  func post(_ work: Work) { mailbox.post(work) }

  /// Makes the log empty, to continue after `index`; waits until that is durable. Returns what
  /// went wrong.
  func reset(toIndex index: LogIndex, term: Term) -> String? {
    let done = DispatchSemaphore(value: 0)
    let problem = NIOLockedValueBox<String?>("the log's thread has stopped")
    let isPosted = mailbox.post(
      .run { writer in
        if let writer {
          problem.withLockedValue { $0 = writer.resetNow(toIndex: index, term: term) }
        }
        done.signal()
      })
    if isPosted { done.wait() }
    return problem.withLockedValue { $0 }
  }

  /// Sets a damaged segment aside, and those before it, if the state on disk has all that they
  /// hold; false where it does not yet.
  func setAside(segment sequence: UInt64) -> Bool {
    let done = DispatchSemaphore(value: 0)
    let isAside = NIOLockedValueBox(false)
    let isPosted = mailbox.post(
      .run { writer in
        if let writer {
          let result = writer.setAsideNow(sequence)
          isAside.withLockedValue { $0 = result }
        }
        done.signal()
      })
    if isPosted { done.wait() }
    return isAside.withLockedValue { $0 }
  }

  private func setAsideNow(_ sequence: UInt64) -> Bool {
    do {
      let isAside = try log?.setAside(segment: sequence, coveredBy: statistics.durable) ?? false
      updateStatistics()
      return isAside
    } catch {
      logger.warning("a damaged segment can't be set aside", metadata: ["error": "\(error)"])
      return false
    }
  }

  /// Waits until all that was posted before is durable; false where the log is lost.
  func flush() -> Bool {
    let done = DispatchSemaphore(value: 0)
    let isDurable = NIOLockedValueBox(false)
    let isPosted = mailbox.post(
      .run { writer in
        isDurable.withLockedValue { $0 = writer != nil }
        done.signal()
      })
    if isPosted { done.wait() }
    return isDurable.withLockedValue { $0 }
  }

  /// Finishes what waits, then ends the thread.
  func stop() {
    mailbox.close()
    thread?.join()
    log = nil
  }

  private func run() {
    // Once the log is lost nothing is written any more, but whoever waits is answered.
    var isLost = false
    while let work = mailbox.takeAll(untilNanoseconds: isLost ? nil : spaceGuard.nextCheck) {
      if !isLost { checkSpace() }
      var batches: [ReplicaActions.Persist] = []
      func finish() {
        if !isLost { isLost = !persist(&batches) }
      }
      for item in work {
        switch item {
        case .persist(let batch): batches.append(batch)
        case .read(let request):
          // What is asked for is on disk since long before.
          report(.entriesRead(request, isLost ? nil : read(request)))
        case .removeSegments(let index):
          finish()
          if !isLost { removeSegments(before: index) }
        case .run(let body):
          finish()
          body(isLost ? nil : self)
        }
      }
      finish()
    }
  }

  private func resetNow(toIndex index: LogIndex, term: Term) -> String? {
    do {
      try log?.reset(toIndex: index, term: term)
      updateStatistics()
      return nil
    } catch {
      return "the log can't be begun anew: \(error)"
    }
  }

  // MARK: One group

  /// False where the log is lost for good.
  private func persist(_ batches: inout [ReplicaActions.Persist]) -> Bool {
    guard !batches.isEmpty else { return true }
    defer { batches.removeAll() }
    var records: [LogRecord] = []
    for batch in batches {
      if let hardState = batch.hardState { vote = LogVote(hardState) }
      // A later batch replaces what it overlaps.
      if let first = batch.entries.first {
        while let last = records.last, last.index >= first.index { records.removeLast() }
      }
      records += batch.entries.map(LogRecord.init)
    }
    let needsWrite = !records.isEmpty || batches.contains { $0.hardState != nil }
    if needsWrite, !write(records) { return false }
    for batch in batches {
      if !batch.messages.isEmpty { send(batch.messages) }
      if let last = batch.entries.last {
        report(.persisted(index: last.index, term: last.term))
      }
    }
    return true
  }

  private func write(_ records: [LogRecord]) -> Bool {
    var isFull = false
    while true {
      do {
        let begun = monotonicNanoseconds()
        try log?.append(records, vote: vote)
        try log?.sync()
        statistics.appended(entries: records.count, nanoseconds: monotonicNanoseconds() - begun)
        updateStatistics()
        return true
      } catch {
        guard case .noSpace = error else {
          logger.critical("the log can't be written", metadata: ["error": "\(error)"])
          report(.failed("the log can't be written: \(error)"))
          return false
        }
        if !isFull {
          isFull = true
          spaceGuard.ranFull()
          report(.diskIsFull(true))
          logger.error(
            "the disk is full: no writes until there is space",
            metadata: [
              "folder": "\(spaceGuard.path)",
              "error": "\(error)",
            ])
        }
        if mailbox.isClosed { return false }
        Thread.sleep(forTimeInterval: 0.2)
      }
    }
  }

  private func checkSpace() {
    guard let isFull = spaceGuard.check() else { return }
    if isFull {
      logger.error(
        "the disk is almost full: no writes until there is space",
        metadata: ["folder": "\(spaceGuard.path)"])
    } else {
      logger.notice("the disk has space again")
    }
    report(.diskIsFull(isFull))
  }

  private func read(_ request: EntriesRequest) -> EntriesRead? {
    do { return try log?.read(request) } catch {
      logger.warning(
        "the log can't be read for a follower, which gets the state instead",
        metadata: ["peer": "\(request.peer)", "error": "\(error)"])
      return nil
    }
  }

  private func removeSegments(before index: LogIndex) {
    do {
      try log?.removeSegments(before: index)
      updateStatistics()
    } catch {
      logger.warning("old log segments stay", metadata: ["error": "\(error)"])
    }
  }

  private func updateStatistics() {
    guard let log else { return }
    statistics.update(logBytes: log.byteCount, logFirstIndex: log.firstIndex)
    statistics.update(segments: log.segmentCount)
  }
}
