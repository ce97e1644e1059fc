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
    let asksPeers = !configuration.peers.isEmpty && configuration.emptyFolder == .asksPeers
    if let need = log.need(applied: applied.index, asksPeers: asksPeers) {
      return .lacking(ReplicaLoss(need: need, reason: reason(need, log, applied)))
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

  private func reason(
    _ need: ReplicaRecovery.Need, _ log: EventLog<FileDisk>, _ applied: LogPosition
  ) -> String {
    if need == .everything { return "the data folder is empty" }
    let missing =
      applied.index == 0
      ? "there is no state" : "the state ends with entry \(applied.index)"
    return "\(missing), but the log begins only with entry \(log.firstIndex)"
  }

  // MARK: The log

  private struct Lost: Error { var loss: ReplicaLoss }

  private func openLog(
    _ applied: LogPosition
  ) throws(ReplicaStartError) -> Result<EventLog<FileDisk>, Lost> {
    do {
      let disk: FileDisk
      do { disk = try FileDisk(path: directory.logPath) } catch { throw LogError.disk(error) }
      disk.failing = configuration.failingLogCalls
      disk.aheadBytes = configuration.logAheadBytes
      let found = try FoundLog.open(
        disk, options: LoadedReplica.logOptions(configuration), applied: applied,
        isInstalling: directory.interruptedInstallation == applied.index)
      switch found {
      case .whole(let log, let setAside):
        if let setAside {
          logger.warning(
            "a part of the log is damaged, but the state has all of it: it was set aside",
            metadata: [
              "damage": "\(setAside.damage)",
              "files": "\(setAside.files.joined(separator: ", "))",
            ])
        }
        return .success(note(log))
      case .lost(let need, let error):
        let reason = "the log in \(directory.logPath) has lost entries: \(error)"
        return .failure(Lost(loss: ReplicaLoss(need: need, reason: reason)))
      }
    } catch {
      throw ReplicaStartError("the log in \(directory.logPath) can't be opened: \(error)")
    }
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
