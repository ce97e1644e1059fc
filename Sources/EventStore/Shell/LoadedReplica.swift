import EventLog
import Keyspace
import Logging
import Raft

/// What a replica finds on its disk when it starts.
struct LoadedReplica {
  var log: EventLog<FileDisk>
  var hardState: HardState
  /// The log's entries that are kept in memory, and what precedes them.
  var base: LogPosition
  var entries: [LogEntry]
  var keyspace: KeyspaceState
  var applied: LogPosition

  static func openLog(
    _ directory: DataDirectory, configuration: ReplicaConfiguration, logger: Logger
  ) throws(ReplicaStartError) -> EventLog<FileDisk> {
    do {
      let disk: FileDisk
      do { disk = try FileDisk(path: directory.logPath) } catch { throw LogError.disk(error) }
      let log = try EventLog.open(
        disk: disk,
        options: LogOptions(
          clusterID: configuration.clusterID, replicaID: configuration.id,
          segmentBytes: max(1 << 20, min(64 << 20, configuration.logTailBytes / 4))))
      if let torn = log.recovery.tornTail {
        logger.notice(
          "an unsynced write that a crash interrupted was cut from the log",
          metadata: [
            "segment": "\(torn.segment)", "offset": "\(torn.offset)", "bytes": "\(torn.bytes)",
            "reason": "\(torn.reason)",
          ])
      }
      return log
    } catch let error as LogError {
      throw ReplicaStartError("the log in \(directory.logPath) can't be opened: \(error)")
    } catch {
      throw ReplicaStartError("the log in \(directory.logPath) can't be opened: \(error)")
    }
  }

  /// Opens the projection, with the state that it holds. A lost or damaged one is begun anew: the
  /// log, or a peer, fills it again.
  static func openProjection(
    _ directory: DataDirectory, configuration: ReplicaConfiguration, logger: Logger
  ) throws(ReplicaStartError) -> (Projection, KeyspaceState) {
    let path = directory.projectionPath
    func open() throws(ProjectionError) -> Projection {
      let (projection, found) = try Projection.open(
        path: path, clusterID: configuration.clusterID, replicaID: configuration.id)
      if case .rebuilt(let reason) = found, directory.hasLog {
        logger.warning(
          "the projection is made again from the log", metadata: ["reason": "\(reason)"])
      }
      return projection
    }
    do {
      let projection = try open()
      do throws(ProjectionError) {
        return (projection, try projection.loadCurrent().restored())
      } catch {
        guard case .damaged = error else { throw error }
      }
    } catch {
      throw ReplicaStartError("the projection \(path) can't be used: \(error)")
    }
    do {
      let aside = try Projection.moveAside(path)
      logger.warning("the projection is damaged and was moved aside", metadata: ["to": "\(aside)"])
      return (try open(), KeyspaceState())
    } catch {
      throw ReplicaStartError("the projection \(path) can't be used: \(error)")
    }
  }

  func core(_ configuration: ReplicaConfiguration) -> ReplicaCore {
    // Request ids must differ from those of any former life.
    var random = SystemRandomNumberGenerator()
    let seed = random.next()
    return ReplicaCore(
      configuration: .init(
        raft: configuration.raft(seed: seed), deadlineTicks: configuration.deadlineTicks,
        seed: seed),
      hardState: hardState, snapshotIndex: base.index, snapshotTerm: base.term,
      entries: entries, applied: applied.index, appliedTerm: applied.term, keyspace: keyspace)
  }

  /// Brings together the log and the state as of `applied`, which the checkpoint has.
  ///
  /// The log has what follows `applied`. Where it ends before, a crash came between the
  /// installation of a streamed state and the log's new beginning: that is made up for.
  static func load(
    log: EventLog<FileDisk>, keyspace: KeyspaceState, applied: LogPosition, memoryBytes: Int
  ) throws(ReplicaStartError) -> LoadedReplica {
    var log = log
    let vote = log.vote
    guard vote.term >= applied.term else {
      throw ReplicaStartError(
        "the log ends in term \(vote.term), its checkpoint in term \(applied.term): the log was "
          + "lost or is an old copy. Put the right one back, or move the data folder away so "
          + "that the replica gets everything from its peers")
    }
    guard applied.index >= log.base.index else {
      throw ReplicaStartError(
        "the checkpoint has the log up to entry \(applied.index), but the log begins with entry "
          + "\(log.firstIndex): what is between them is gone here. Move the data folder away so "
          + "that the replica gets everything from its peers")
    }
    do {
      if log.term(at: applied.index) != applied.term {
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
        guard let entry = LogEntry(record) else {
          throw ReplicaStartError(
            "log entry \(record.index) is of kind \(record.kind), which this program does not "
              + "know; was it written by a newer one?")
        }
        entries.append(entry)
      }
      return LoadedReplica(
        log: log,
        hardState: HardState(
          term: vote.term, vote: vote.vote,
          commit: max(applied.index, min(vote.commit, log.lastIndex))),
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
