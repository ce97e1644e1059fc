import EventLog
import Keyspace
import Logging
import Raft

/// What a replica has on its disk when it starts: a log, and a state from which it goes on.
struct LoadedReplica {
  var log: EventLog<FileDisk>
  var hardState: HardState
  /// The log's entries that are kept in memory, and what precedes them.
  var base: LogPosition
  var entries: [LogEntry]
  var keyspace: KeyspaceState
  var applied: LogPosition
  /// As of `applied`; `nil`: nothing told of it yet, and the configuration is what counts.
  var membership: Membership?

  static func logOptions(_ configuration: ReplicaConfiguration) -> LogOptions {
    LogOptions(
      clusterID: configuration.clusterID, replicaID: configuration.id,
      segmentBytes: configuration.segmentBytes)
  }

  func core(_ configuration: ReplicaConfiguration) -> ReplicaCore {
    // Request ids must differ from those of any former life.
    var random = SystemRandomNumberGenerator()
    let seed = random.next()
    var core = ReplicaCore.Configuration(
      raft: configuration.raft(seed: seed), deadlineTicks: configuration.deadlineTicks,
      seed: seed, recordsMembership: !configuration.peers.isEmpty)
    core.maximumKeys = configuration.maximumObjects
    core.maximumBytes = configuration.maximumStateBytes
    core.tickMilliseconds = configuration.tickMilliseconds
    return ReplicaCore(
      configuration: core,
      hardState: hardState, snapshotIndex: base.index, snapshotTerm: base.term,
      entries: entries, applied: applied.index, appliedTerm: applied.term, keyspace: keyspace,
      membership: membership ?? configuration.firstMembership)
  }

  /// Brings together the log and the state as of `applied`, which the checkpoint has; the log
  /// has what follows.
  static func load(
    log: EventLog<FileDisk>, keyspace: KeyspaceState, applied: LogPosition, memoryBytes: Int
  ) throws(ReplicaStartError) -> LoadedReplica {
    var log = log
    do {
      if log.term(at: applied.index) != applied.term {
        // The power failed between the installation of a streamed state and the log's new
        // beginning: that is made up for.
        try log.reset(toIndex: applied.index, term: applied.term)
      }
      var base = log.base
      // Beyond what is applied everything is needed; before it, what fits, for followers.
      let first = firstInMemory(log, applied: applied.index, memoryBytes: memoryBytes)
      if first > log.firstIndex, let term = log.term(at: first - 1) {
        base = LogPosition(index: first - 1, term: term)
      }
      var entries: [LogEntry] = []
      let records = try log.records(
        from: base.index + 1, through: log.lastIndex, maximumBytes: 0)
      entries.reserveCapacity(records.count)
      for record in records {
        guard let entry = LogEntry(record),
          entry.kind != .membership || Membership(encoded: entry.payload) != nil
        else {
          throw ReplicaStartError(
            "log entry \(record.index) is of kind \(record.kind), which this program does not "
              + "know; was it written by a newer one?")
        }
        entries.append(entry)
      }
      return LoadedReplica(
        log: log,
        hardState: HardState(
          term: log.vote.term, vote: log.vote.vote,
          commit: max(applied.index, min(log.vote.commit, log.lastIndex))),
        base: base, entries: entries, keyspace: keyspace, applied: applied)
    } catch let error as ReplicaStartError {
      throw error
    } catch {
      throw ReplicaStartError("the log can't be read: \(error)")
    }
  }

  /// Entries are as large as the log's bytes tell on average.
  private static func firstInMemory(
    _ log: EventLog<FileDisk>, applied: LogIndex, memoryBytes: Int
  ) -> LogIndex {
    guard log.lastIndex >= log.firstIndex else { return log.firstIndex }
    let count = log.lastIndex - log.firstIndex + 1
    let average = max(64, UInt64(log.byteCount) / count)
    let fitting = UInt64(max(0, memoryBytes)) / 4 / average
    return max(log.firstIndex, applied > fitting ? applied - fitting + 1 : log.firstIndex)
  }
}
