import EventLog
import Foundation
import Keyspace
import Logging
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
  let runner: CoreRunner

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
    replica.writer.start()
    replica.runner.start()
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

    let loaded = try LoadedReplica.load(
      log: try LoadedReplica.openLog(directory, configuration: configuration, logger: logger),
      keyspace: KeyspaceState(), applied: LogPosition(),
      memoryBytes: configuration.logMemoryBytes)
    statistics.update(logBytes: loaded.log.byteCount, logFirstIndex: loaded.log.firstIndex)
    var random = SystemRandomNumberGenerator()
    let seed = random.next()
    let core = ReplicaCore(
      configuration: .init(
        raft: configuration.raft(seed: seed), deadlineTicks: configuration.deadlineTicks,
        seed: seed),
      hardState: loaded.hardState, snapshotIndex: loaded.base.index,
      snapshotTerm: loaded.base.term, entries: loaded.entries, applied: loaded.applied.index,
      appliedTerm: loaded.applied.term, keyspace: loaded.keyspace)
    hub = WatchHub(
      snapshot: loaded.keyspace.snapshot,
      window: EventWindow(
        after: loaded.keyspace.revision, maximumCount: configuration.windowEvents),
      wake: { report(.watchesBegan) }, replay: { _ in })
    writer = LogWriter(
      log: loaded.log, vote: loaded.log.vote, spaceGuard: SpaceGuard(directory: directory),
      statistics: statistics, logger: logger, send: { _ in }, report: report)
    runner = CoreRunner(
      core: core, mailbox: mailbox, configuration: configuration,
      surroundings: .init(hub: hub, writer: writer, statistics: statistics), logger: logger)
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

  private func stopThreads() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      _ = WorkerThread(name: "stop") { [self] in
        runner.join()
        writer.stop()
        directory.release()
        continuation.resume()
      }
    }
  }
}
