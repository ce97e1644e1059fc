import EventLog
import Foundation
import Keyspace
import Logging
import Raft

/// What a replica stands on before it has a state: its folder, its mailbox, its connections.
struct ReplicaGround: Sendable {
  let configuration: ReplicaConfiguration
  let logger: Logger
  let directory: DataDirectory
  let mailbox: Mailbox<CoreInput>
  let transport: PeerTransport?

  /// Inputs on their way to the core.
  private static let maximumInputs = 100_000

  var report: @Sendable (CoreInput) -> Void { { [mailbox] in mailbox.post($0) } }

  init(configuration: ReplicaConfiguration, logger: Logger) throws(ReplicaStartError) {
    self.configuration = configuration
    self.logger = logger
    let directory = try DataDirectory.open(
      path: configuration.dataDirectory, clusterID: configuration.clusterID, id: configuration.id)
    self.directory = directory
    let mailbox = Mailbox<CoreInput>(bound: Self.maximumInputs)
    self.mailbox = mailbox
    do {
      transport = try Self.makeTransport(
        configuration, directory: directory, logger: logger, report: { mailbox.post($0) })
    } catch {
      directory.release()
      throw error
    }
  }

  private static func makeTransport(
    _ configuration: ReplicaConfiguration, directory: DataDirectory, logger: Logger,
    report: @escaping @Sendable (CoreInput) -> Void
  ) throws(ReplicaStartError) -> PeerTransport? {
    guard !configuration.peers.isEmpty, let files = configuration.tls else { return nil }
    let snapshots = SnapshotExchange(
      directory: directory, logger: logger, isCut: configuration.cutsSnapshot,
      makeCopy: { path in
        unlink(path)
        try Projection.snapshot(of: directory.projectionPath, to: path)
        let meta = try Projection.meta(of: path)
        return .init(index: meta.appliedIndex, term: meta.appliedTerm)
      },
      report: report)
    return PeerTransport(
      configuration: configuration, tls: try PeerTLS(files), snapshots: snapshots,
      logger: logger, report: report)
  }

  /// Listens for peers; returns the port.
  func listen() async throws(ReplicaStartError) -> Int {
    guard let transport else { return 0 }
    let port = try await transport.listen()
    configuration.onListening?(port)
    return port
  }

  /// Gets from the peers what the folder lacks; returns once it has it.
  func recover(_ loss: ReplicaLoss) async throws(ReplicaStartError) {
    guard let transport else { throw loss.alone(directory.path) }
    logger.warning(
      "the replica takes no part until its peers have restored it",
      metadata: ["reason": "\(loss.reason)"])
    transport.connect()
    let (directory, configuration, mailbox, logger) = (directory, configuration, mailbox, logger)
    let result = await withTaskCancellationHandler {
      await Replica.resultOnThread { () throws(ReplicaStartError) in
        var runner = RecoveryRunner(
          loss: loss, directory: directory, configuration: configuration, mailbox: mailbox,
          transport: transport, logger: logger)
        try runner.run()
      }
    } onCancel: {
      mailbox.post(.stop)
    }
    try result.get()
  }

  /// Blocks on the disk.
  ///
  /// - Parameter isRestored: the peers have said that the cluster is new, or have filled the
  ///   folder.
  func find(isRestored: Bool) throws(ReplicaStartError) -> FoundReplica {
    var configuration = configuration
    if isRestored { configuration.emptyFolder = .begins }
    return try ReplicaFinder(directory: directory, configuration: configuration, logger: logger)
      .find()
  }
}
