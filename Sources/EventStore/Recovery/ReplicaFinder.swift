import EventLog
import Keyspace
import Logging
import Raft

/// Opens what a data folder has, and tells what it lacks.
///
/// An incomplete write at the log's end is cut, and damage to what the state has anyway is set
/// aside; any other damage leaves the folder as it is.
struct ReplicaFinder {
  let directory: DataDirectory
  let configuration: ReplicaConfiguration
  let logger: Logger

  func find() throws(ReplicaStartError) -> FoundReplica {
    let (projection, keyspace) = try openProjection()
    let applied = LogPosition(
      index: projection.meta.appliedIndex, term: projection.meta.appliedTerm)
    let log: EventLog<FileDisk>
    switch try openLog(applied) {
    case .success(let opened): log = opened
    case .failure(let loss): return .lacking(loss.loss)
    }
    if let distrust = directory.stateDistrust, !configuration.peers.isEmpty {
      return .lacking(
        ReplicaLoss(
          need: .state(atLeast: max(1, log.base.index)),
          reason: "its state was found to differ from its peers' (\(distrust))"))
    }
    if !configuration.peers.isEmpty, configuration.emptyFolder == .asksPeers,
      log.lastIndex == 0, log.vote.term == 0, applied.index == 0
    {
      return .lacking(ReplicaLoss(need: .everything, reason: "the data folder is empty"))
    }
    guard applied.index >= log.base.index else {
      let missing =
        applied.index == 0
        ? "there is no state" : "the state ends with entry \(applied.index)"
      return .lacking(
        ReplicaLoss(
          need: .state(atLeast: log.base.index),
          reason: "\(missing), but the log begins only with entry \(log.firstIndex)"))
    }
    var loaded = try LoadedReplica.load(
      log: log, keyspace: keyspace, applied: applied, memoryBytes: configuration.logMemoryBytes)
    do {
      loaded.membership = try projection.membership().flatMap(Membership.init(encoded:))
    } catch {
      throw ReplicaStartError("the projection \(directory.projectionPath) can't be read: \(error)")
    }
    // It was made up for, if it was interrupted.
    if directory.interruptedInstallation != nil { directory.endInstallation() }
    return .whole(loaded, projection)
  }

  // MARK: The log

  private struct Lost: Error { var loss: ReplicaLoss }

  private func openLog(
    _ applied: LogPosition
  ) throws(ReplicaStartError) -> Result<EventLog<FileDisk>, Lost> {
    let options = LoadedReplica.logOptions(configuration)
    // What was applied was in the log, unless a peer's state was just being put in place.
    let reaching = directory.interruptedInstallation == applied.index ? nil : applied
    do {
      let disk: FileDisk
      do { disk = try FileDisk(path: directory.logPath) } catch { throw LogError.disk(error) }
      disk.failing = configuration.failingLogCalls
      do throws(LogError) {
        return .success(note(try EventLog.open(disk: disk, options: options, reaching: reaching)))
      } catch {
        guard error.isDamage else { throw error }
        if applied.index > 0, let moved = try LogRepair.setAside(disk, coveredBy: applied) {
          logger.warning(
            "a part of the log is damaged, but the state has all of it: it was set aside",
            metadata: ["damage": "\(error)", "files": "\(moved.joined(separator: ", "))"])
          return .success(
            note(try EventLog.open(disk: disk, options: options, reaching: reaching)))
        }
        return .failure(Lost(loss: try loss(error, disk, applied)))
      }
    } catch {
      throw ReplicaStartError("the log in \(directory.logPath) can't be opened: \(error)")
    }
  }

  private func loss(
    _ error: LogError, _ disk: FileDisk, _ applied: LogPosition
  ) throws(LogError) -> ReplicaLoss {
    let damage = try LogRepair.examine(disk) ?? LogDamage(error: error)
    return ReplicaLoss(
      need: .log(
        vote: damage.vote.map { HardState(term: $0.term, vote: $0.vote, commit: 0) },
        seenTerm: max(damage.seenTerm, applied.term)),
      reason: "the log in \(directory.logPath) has lost entries: \(error)")
  }

  private func note(_ log: EventLog<FileDisk>) -> EventLog<FileDisk> {
    if let torn = log.recovery.tornTail {
      logger.notice(
        "an unsynced write that a crash interrupted was cut from the log",
        metadata: [
          "segment": "\(torn.segment)", "offset": "\(torn.offset)", "bytes": "\(torn.bytes)",
          "reason": "\(torn.reason)",
        ])
    }
    return log
  }

  // MARK: The projection

  /// Opens the projection, with the state that it holds. A lost or damaged one is begun anew: the
  /// log, or a peer, fills it again.
  private func openProjection() throws(ReplicaStartError) -> (Projection, KeyspaceState) {
    let path = directory.projectionPath
    func open() throws(ProjectionError) -> Projection {
      let (projection, found) = try Projection.open(
        path: path, clusterID: configuration.clusterID, replicaID: configuration.id)
      if case .rebuilt(let reason) = found, directory.hasLog {
        logger.warning(
          "the projection is made again, from the log or a peer", metadata: ["reason": "\(reason)"])
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
}
