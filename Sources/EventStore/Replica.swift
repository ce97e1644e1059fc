import EventLog
import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import Raft

/// One replica of the store on this machine: log, keyspace, history, and the connections to its
/// peers.
///
/// Threads: the core's decides and applies, the log's writes and syncs, the checkpoint's follows
/// behind; connections run on an event loop. Callers wait in continuations that the core's thread
/// resumes.
public final class Replica: EventStore, Sendable {
  /// Inputs on their way to the core.
  private static let maximumInputs = 100_000

  public let configuration: ReplicaConfiguration
  let logger: Logger
  let directory: DataDirectory
  let mailbox: Mailbox<CoreInput>
  let hub: WatchHub
  let writer: LogWriter
  let projector: ProjectionWriter
  let history: HistoryService
  let transport: PeerTransport?
  let runner: CoreRunner
  private let boundPort = NIOLockedValueBox(0)

  /// Where peers connect to; 0 without peers.
  public var listenPort: Int { boundPort.withLockedValue { $0 } }

  /// Opens the data folder, restores the state, and begins to take part. Alone it returns once
  /// everything is applied; with peers it returns at once, and calls wait for a leader.
  ///
  /// - Throws: where the folder is another replica's, in use or damaged, or a file or port can't
  ///   be used; says what to do.
  public static func start(
    configuration: ReplicaConfiguration, logger: Logger
  ) async throws(ReplicaStartError) -> Replica {
    var logger = logger
    logger[metadataKey: "replica"] = "\(configuration.id)"
    try configuration.validate()
    // Opening reads files, so it has a thread of its own.
    let replica = try await onThread { [logger] () throws(ReplicaStartError) in
      try Replica(configuration: configuration, logger: logger)
    }
    if let transport = replica.transport {
      do {
        let port = try await transport.listen()
        replica.boundPort.withLockedValue { $0 = port }
      } catch {
        await transport.shutdown()
        replica.directory.release()
        throw error
      }
    }
    replica.projector.start()
    replica.history.start(hub: replica.hub)
    replica.writer.start()
    replica.runner.start()
    replica.transport?.connect()
    if configuration.peers.isEmpty {
      do { _ = try await replica.barrier() } catch {
        throw ReplicaStartError("the replica did not come up: \(error)")
      }
    }
    return replica
  }

  private init(
    configuration: ReplicaConfiguration, logger: Logger
  ) throws(ReplicaStartError) {
    self.configuration = configuration
    self.logger = logger
    directory = try DataDirectory.open(
      path: configuration.dataDirectory, clusterID: configuration.clusterID, id: configuration.id)
    let mailbox = Mailbox<CoreInput>(bound: Self.maximumInputs)
    self.mailbox = mailbox
    let report: @Sendable (CoreInput) -> Void = { mailbox.post($0) }
    let statistics = ReplicaStatistics()

    let (projection, keyspace) = try LoadedReplica.openProjection(
      directory, configuration: configuration, logger: logger)
    let loaded = try LoadedReplica.load(
      log: try LoadedReplica.openLog(directory, configuration: configuration, logger: logger),
      keyspace: keyspace,
      applied: LogPosition(
        index: projection.meta.appliedIndex, term: projection.meta.appliedTerm),
      memoryBytes: configuration.logMemoryBytes)
    statistics.update(logBytes: loaded.log.byteCount, logFirstIndex: loaded.log.firstIndex)
    let projector = ProjectionWriter(
      projection: projection, configuration: configuration, statistics: statistics,
      logger: logger, report: report)
    self.projector = projector
    let history = HistoryService(
      path: directory.projectionPath, projector: projector, logger: logger)
    self.history = history
    hub = WatchHub(
      snapshot: keyspace.snapshot,
      window: EventWindow(
        after: keyspace.revision, maximumCount: configuration.windowEvents),
      wake: { report(.watchesBegan) }, replay: { history.replay($0) })
    let transport = try Self.makeTransport(
      configuration, directory: directory, logger: logger, report: report)
    self.transport = transport
    writer = LogWriter(
      log: loaded.log, vote: loaded.log.vote, spaceGuard: SpaceGuard(directory: directory),
      statistics: statistics, logger: logger, send: { transport?.send($0) }, report: report)
    runner = CoreRunner(
      core: loaded.core(configuration), mailbox: mailbox, configuration: configuration,
      surroundings: .init(
        hub: hub, writer: writer, projector: projector, statistics: statistics,
        transport: transport),
      logger: logger)
  }

  private static func makeTransport(
    _ configuration: ReplicaConfiguration, directory: DataDirectory, logger: Logger,
    report: @escaping @Sendable (CoreInput) -> Void
  ) throws(ReplicaStartError) -> PeerTransport? {
    guard !configuration.peers.isEmpty, let files = configuration.tls else { return nil }
    let snapshots = SnapshotExchange(
      directory: directory, logger: logger,
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

  /// Runs what blocks on a thread of its own.
  static func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ReplicaStartError) -> Value
  ) async throws(ReplicaStartError) -> Value {
    let result: Result<Value, ReplicaStartError> = await withUnsafeContinuation { continuation in
      _ = WorkerThread(name: "start") {
        continuation.resume(returning: Result { () throws(ReplicaStartError) in try body() })
      }
    }
    return try result.get()
  }

  /// Stops: a leader hands over first, so that writes go on elsewhere without a pause. Everything
  /// that waits fails as stopped; what was acknowledged is durable. May be called repeatedly.
  public func shutdown() async {
    await handOver()
    mailbox.post(.stop)
    await stopThreads()
    await transport?.shutdown()
  }

  /// Stops without handing over and without finishing what waits, much as a killed process does:
  /// for tests.
  func stopAbruptly() async {
    transport?.close()
    mailbox.post(.stop)
    await stopThreads(abandoning: true)
    await transport?.shutdown()
  }

  /// Tells where a peer listens, e.g. one that has chosen its port itself.
  public func setPeerAddress(_ peer: ReplicaID, host: String, port: Int) {
    transport?.setAddress(of: peer, host: host, port: port)
  }

  private func handOver() async {
    guard !configuration.peers.isEmpty, let status = await status(), status.role == .leader
    else { return }
    mailbox.post(.transferLeadership(nil))
    for _ in 0..<50 {
      guard let status = await self.status(), status.role == .leader else { return }
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  private func stopThreads(abandoning: Bool = false) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      _ = WorkerThread(name: "stop") { [self] in
        runner.join()
        writer.stop()
        history.stop()
        projector.stop(abandoning: abandoning)
        directory.release()
        continuation.resume()
      }
    }
  }
}
