import EventLog
import Foundation
import Keyspace
import Logging
import Raft

/// Brings back, from the peers, what a replica has lost, before it takes part: drives
/// `ReplicaRecovery` on a thread of its own, and puts what arrives in place.
///
/// The damaged files stay where they are until what replaces them is complete; then the log's
/// folder is renamed, so that it can be looked at.
struct RecoveryRunner {
  private static let tickNanoseconds: UInt64 = 100_000_000
  private static let reportNanoseconds: UInt64 = 10_000_000_000

  let directory: DataDirectory
  let configuration: ReplicaConfiguration
  let mailbox: Mailbox<CoreInput>
  let transport: PeerTransport
  let logger: Logger
  private var recovery: ReplicaRecovery
  /// Whom the transport connects to, where that differs from the configuration.
  private var followed: Membership?

  init(
    loss: ReplicaLoss, directory: DataDirectory, configuration: ReplicaConfiguration,
    mailbox: Mailbox<CoreInput>, transport: PeerTransport, logger: Logger
  ) {
    self.directory = directory
    self.configuration = configuration
    self.mailbox = mailbox
    self.transport = transport
    self.logger = logger
    var random = SystemRandomNumberGenerator()
    recovery = ReplicaRecovery(
      id: configuration.id, peers: configuration.peers.map(\.id), need: loss.need,
      nonce: random.next())
  }

  /// Returns once the folder has all that is needed to start; blocks until then.
  ///
  /// - Throws: where the replica is stopped meanwhile, or its disk fails.
  mutating func run() throws(ReplicaStartError) {
    var nextTick = monotonicNanoseconds()
    var nextReport = nextTick + Self.reportNanoseconds / 10
    while true {
      let now = monotonicNanoseconds()
      if now >= nextTick {
        transport.send(recovery.tick())
        nextTick = now + Self.tickNanoseconds
      }
      if case .begin(let term) = recovery.decision { return try begin(term: term) }
      if now >= nextReport, case .wait(let what) = recovery.decision {
        logger.notice("the replica does not take part yet", metadata: ["waits for": "\(what)"])
        nextReport = now + Self.reportNanoseconds
      }
      guard let inputs = mailbox.takeAll(untilNanoseconds: nextTick) else {
        throw ReplicaStartError("stopped while waiting for the peers to restore the replica")
      }
      for (position, input) in inputs.enumerated() {
        switch input {
        case .received(let messages, let peer):
          for message in messages { transport.send(recovery.receive(message, from: peer)) }
          if let membership = recovery.membership, membership != followed {
            followed = membership
            transport.follow(membership)
          }
        case .snapshotArrived(let snapshot):
          if try take(snapshot) {
            // What came after it is for the replica that now starts.
            for later in inputs[(position + 1)...] { mailbox.post(later) }
            return
          }
        case .stop:
          throw ReplicaStartError("stopped while waiting for the peers to restore the replica")
        case .status(let continuation): continuation.resume(returning: nil)
        default: break
        }
      }
    }
  }

  /// The cluster is new: from now on the folder is not empty any more.
  private func begin(term: Term) throws(ReplicaStartError) {
    do {
      let options = LoadedReplica.logOptions(configuration)
      let disk = try FileDisk(path: directory.logPath)
      try EventLog.begin(disk: disk, options: options, term: term)
    } catch {
      throw ReplicaStartError("the log in \(directory.logPath) can't be written: \(error)")
    }
  }

  /// True once the state is in place.
  private func take(_ snapshot: ArrivedSnapshot) throws(ReplicaStartError) -> Bool {
    if let refusal = recovery.refusal(
      of: snapshot.index, leaderTerm: snapshot.leaderTerm, from: snapshot.from)
    {
      snapshot.answer(refusal)
      return false
    }
    do {
      let meta = try Projection.meta(of: snapshot.path)
      guard meta.appliedIndex == snapshot.index, meta.appliedTerm == snapshot.term else {
        throw ProjectionError.damaged("it is of entry \(meta.appliedIndex)")
      }
      try Projection.prepare(
        received: snapshot.path, clusterID: configuration.clusterID,
        replicaID: configuration.id)
    } catch {
      logger.warning("a peer's state can't be used", metadata: ["reason": "\(error)"])
      snapshot.answer("\(error)")
      return false
    }
    do {
      try placeLog(snapshot)
      // Now the log may begin after the old state: a start here would ask for the state again.
      if directory.stateDistrust != nil,
        FileManager.default.fileExists(atPath: directory.projectionPath)
      {
        // For whoever wants to know how it came to differ.
        _ = try Projection.moveAside(directory.projectionPath)
      }
      try Projection.replace(directory.projectionPath, by: snapshot.path)
    } catch let error as ReplicaStartError {
      snapshot.answer(error.description)
      throw error
    } catch {
      snapshot.answer("\(error)")
      throw ReplicaStartError("the state of a peer can't be put in place: \(error)")
    }
    if directory.stateDistrust != nil { directory.trustState() }
    snapshot.answer(nil)
    logger.notice(
      "the replica is restored from a peer, and takes part again",
      metadata: ["peer": "\(snapshot.from)", "index": "\(snapshot.index)"])
    return true
  }

  private func placeLog(_ snapshot: ArrivedSnapshot) throws {
    let position = LogPosition(index: snapshot.index, term: snapshot.term)
    switch recovery.need {
    case .everything: break
    case .state:
      // Its own log stays, and with it what it acknowledged. Its term must not be before that of
      // its state; it can't have voted in a term that it did not know.
      let options = LoadedReplica.logOptions(configuration)
      var log = try EventLog.open(disk: try FileDisk(path: directory.logPath), options: options)
      if log.vote.term < position.term {
        try log.append([], vote: LogVote(term: position.term, vote: 0, commit: position.index))
        try log.sync()
      }
      // The state may be of an entry that the log has not come to yet.
      guard directory.beginInstallation(index: position.index) else {
        throw ReplicaStartError("can't write into \(directory.path): \(errnoText())")
      }
    case .log:
      let vote = LogVote(
        term: snapshot.leaderTerm, vote: snapshot.from, commit: snapshot.index)
      try directory.replaceLog { path in
        let options = LoadedReplica.logOptions(configuration)
        var log = try EventLog.open(disk: try FileDisk(path: path), options: options)
        try log.append([], vote: vote)
        try log.sync()
        try log.reset(toIndex: position.index, term: position.term)
      }
    }
  }
}
