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
  public let configuration: ReplicaConfiguration
  let logger: Logger
  let directory: DataDirectory
  let mailbox: Mailbox<CoreInput>
  let hub: WatchHub
  let writer: LogWriter
  let projector: ProjectionWriter
  let scrubber: SegmentScrubber
  let statistics: ReplicaStatistics
  let history: HistoryService
  let transport: PeerTransport?
  let runner: CoreRunner
  private let boundPort = NIOLockedValueBox(0)

  /// Where peers connect to; 0 without peers.
  public var listenPort: Int { boundPort.withLockedValue { $0 } }

  /// Opens the data folder, restores the state, and begins to take part. Alone it returns once
  /// everything is applied; with peers it returns at once, and calls wait for a leader.
  ///
  /// Where the folder is empty, or its log or state damaged, it first gets from its peers what it
  /// lacks, takes no part until then, and returns only afterwards, since it has nothing to serve.
  /// Cancelling the task ends that.
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
    let replica = try await open(configuration, logger)
    replica.projector.start()
    replica.history.start(hub: replica.hub)
    replica.writer.start()
    replica.runner.start()
    replica.scrubber.start()
    replica.transport?.connect()
    if configuration.peers.isEmpty {
      do { _ = try await replica.barrier() } catch {
        // Its threads and its folder's lock must not stay behind.
        await replica.shutdown()
        throw ReplicaStartError("the replica did not come up: \(error)")
      }
    }
    return replica
  }

  private static func open(
    _ configuration: ReplicaConfiguration, _ logger: Logger
  ) async throws(ReplicaStartError) -> Replica {
    let ground = try await onThread { () throws(ReplicaStartError) in
      try ReplicaGround(configuration: configuration, logger: logger)
    }
    do throws(ReplicaStartError) {
      let first = try await construct(ground, isRestored: false)
      let port = try await ground.listen()
      switch first {
      case .replica(let replica): return replica.listening(port)
      case .lacking(let loss): try await ground.recover(loss)
      }
      switch try await construct(ground, isRestored: true) {
      case .replica(let replica): return replica.listening(port)
      case .lacking(let loss):
        throw ReplicaStartError("the replica could not be restored: \(loss.reason)")
      }
    } catch {
      await ground.transport?.shutdown()
      ground.directory.release()
      throw error
    }
  }

  private enum Constructed: Sendable {
    case replica(Replica)
    case lacking(ReplicaLoss)
  }

  private static func construct(
    _ ground: ReplicaGround, isRestored: Bool
  ) async throws(ReplicaStartError) -> Constructed {
    try await onThread { () throws(ReplicaStartError) in
      switch try ground.find(isRestored: isRestored) {
      case .whole(let loaded, let projection):
        .replica(Replica(ground: ground, loaded: loaded, projection: projection))
      case .lacking(let loss): .lacking(loss)
      }
    }
  }

  private func listening(_ port: Int) -> Replica {
    boundPort.withLockedValue { $0 = port }
    return self
  }

  private init(ground: ReplicaGround, loaded: LoadedReplica, projection: Projection) {
    configuration = ground.configuration
    logger = ground.logger
    directory = ground.directory
    mailbox = ground.mailbox
    let report = ground.report
    let statistics = ReplicaStatistics()
    self.statistics = statistics
    statistics.update(segments: loaded.log.segmentCount)
    statistics.update(logBytes: loaded.log.byteCount, logFirstIndex: loaded.log.firstIndex)
    let projector = ProjectionWriter(
      projection: projection, configuration: configuration, statistics: statistics,
      logger: logger, report: report)
    self.projector = projector
    let history = HistoryService(
      path: directory.projectionPath, projector: projector, logger: logger)
    self.history = history
    hub = WatchHub(
      snapshot: loaded.keyspace.snapshot,
      window: EventWindow(
        after: loaded.keyspace.revision, maximumCount: configuration.windowEvents,
        maximumBytes: configuration.windowBytes),
      wake: { report(.watchesBegan) }, replay: { history.replay($0) })
    if let floor = Compaction.floor(in: loaded.keyspace.snapshot) {
      hub.forget(before: floor)
      projector.compact(to: floor)
    }
    let transport = ground.transport
    self.transport = transport
    writer = LogWriter(
      log: loaded.log, vote: loaded.log.vote, spaceGuard: SpaceGuard(directory: directory),
      statistics: statistics, logger: logger, send: { transport?.send($0) }, report: report)
    let scrubber = SegmentScrubber(
      path: directory.logPath, intervalMilliseconds: configuration.scrubIntervalMilliseconds,
      writer: writer, logger: logger)
    self.scrubber = scrubber
    runner = CoreRunner(
      core: loaded.core(configuration), mailbox: mailbox, configuration: configuration,
      surroundings: .init(
        directory: directory, hub: hub, writer: writer, projector: projector, scrubber: scrubber,
        statistics: statistics, transport: transport),
      logger: logger)
  }

  /// Runs what blocks on a thread of its own.
  static func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ReplicaStartError) -> Value
  ) async throws(ReplicaStartError) -> Value {
    try await resultOnThread(body).get()
  }

  static func resultOnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ReplicaStartError) -> Value
  ) async -> Result<Value, ReplicaStartError> {
    await withUnsafeContinuation { continuation in
      _ = WorkerThread(name: "start") {
        continuation.resume(returning: Result { () throws(ReplicaStartError) in try body() })
      }
    }
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
        scrubber.stop()
        writer.stop()
        history.stop()
        projector.stop(abandoning: abandoning)
        directory.release()
        continuation.resume()
      }
    }
  }
}
