import EventLog
import Foundation
import Keyspace
import Logging

/// The thread that reads the log's old segments again and again, slowly, so that damage is found
/// while it can still be made up for: a damaged segment is set aside as soon as the state on disk
/// has what it holds.
///
/// `@unchecked Sendable`: the variables are under the monitor's lock.
final class SegmentScrubber: @unchecked Sendable {
  /// At most so much is read in a second: a MiB.
  private static let pauseNanoseconds: UInt64 = 1_000_000_000
  private static let retryNanoseconds: UInt64 = 2_000_000_000

  private let path: String
  private let intervalNanoseconds: UInt64
  private let writer: LogWriter
  private let logger: Logger
  private let monitor = Monitor()
  private var isStopping = false
  private var findings: [UInt64: String] = [:]
  private var thread: WorkerThread?

  init(path: String, intervalMilliseconds: Int, writer: LogWriter, logger: Logger) {
    self.path = path
    intervalNanoseconds = UInt64(max(0, intervalMilliseconds)) * 1_000_000
    self.writer = writer
    self.logger = logger
  }

  /// What is damaged and not yet made up for.
  var problems: [String] { monitor.withLock { findings.sorted { $0.key < $1.key }.map(\.value) } }

  func start() {
    guard intervalNanoseconds > 0 else { return }
    thread = WorkerThread(name: "scrub", isBackground: true) { [self] in run() }
  }

  func stop() {
    monitor.withLock {
      isStopping = true
      monitor.broadcast()
    }
    thread?.join()
  }

  /// False once the replica stops.
  private func wait(_ nanoseconds: UInt64) -> Bool {
    let deadline = monotonicNanoseconds() + nanoseconds
    return monitor.withLock {
      while !isStopping, monotonicNanoseconds() < deadline {
        monitor.wait(untilNanoseconds: deadline)
      }
      return !isStopping
    }
  }

  private func run() {
    while wait(intervalNanoseconds) {
      do {
        // Opened anew each time, so that what is read comes from the disk's present files.
        let disk = try FileDisk(path: path, access: .readOnly)
        for sequence in try LogScrubber.oldSegments(disk) {
          let pause = min(Self.pauseNanoseconds, intervalNanoseconds)
          guard wait(pause) else { return }
          let problem = try LogScrubber.check(disk, sequence) { wait(pause) }
          if let problem { guard repair(sequence, problem) else { return } }
        }
      } catch {
        logger.warning("the log's old segments can't be read", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Waits until it is set aside; false once the replica stops.
  private func repair(_ sequence: UInt64, _ problem: LogVerification.Problem) -> Bool {
    logger.error("a segment of the log is damaged", metadata: ["problem": "\(problem)"])
    monitor.withLock { findings[sequence] = problem.description }
    while !writer.setAside(segment: sequence) {
      // Removed for its age meanwhile?
      if !FileManager.default.fileExists(atPath: "\(path)/\(problem.segment)") { break }
      guard wait(min(Self.retryNanoseconds, intervalNanoseconds)) else { return false }
    }
    monitor.withLock { findings[sequence] = nil }
    logger.notice(
      "the damaged segment was set aside; the state has all that it held",
      metadata: ["segment": "\(problem.segment)"])
    return true
  }
}
