import Keyspace
import Raft

/// Figures that one thread sets and others show.
///
/// `@unchecked Sendable`: every access is under the monitor's lock.
final class ReplicaStatistics: @unchecked Sendable {
  private let monitor = Monitor()
  private var values = (
    logBytes: 0, logFirstIndex: LogIndex(0), checkpoint: LogIndex(0), durable: LogIndex(0)
  )

  private var logFigures = LogFigures()

  /// What the log's thread has done.
  struct LogFigures: Sendable {
    var syncs = LatencyHistogram()
    var entries = 0
    var segments = 0
  }

  var log: LogFigures { monitor.withLock { logFigures } }

  /// A group of entries was appended and synced.
  func appended(entries: Int, nanoseconds: UInt64) {
    monitor.withLock {
      logFigures.entries += entries
      logFigures.syncs.record(nanoseconds: nanoseconds)
    }
  }

  func update(segments: Int) { monitor.withLock { logFigures.segments = segments } }

  var logBytes: Int { monitor.withLock { values.logBytes } }
  var logFirstIndex: LogIndex { monitor.withLock { values.logFirstIndex } }
  var checkpoint: LogIndex { monitor.withLock { values.checkpoint } }

  func update(logBytes: Int, logFirstIndex: LogIndex) {
    monitor.withLock {
      values.logBytes = logBytes
      values.logFirstIndex = logFirstIndex
    }
  }

  /// The entry up to which the state on disk would survive a loss of power.
  var durable: LogIndex { monitor.withLock { values.durable } }

  func update(durable: LogIndex) { monitor.withLock { values.durable = durable } }

  func update(checkpoint: LogIndex) { monitor.withLock { values.checkpoint = checkpoint } }
}
