import ChildProcesses
import ClusterConfiguration
import ControlPlane
import EventStore
import Foundation
import Keyspace
import Logging

/// Measures the store alone: three replicas in three processes over TLS, the leader in this one,
/// beside what loads it.
public struct StoreBench: Sendable {
  public enum Part: String, CaseIterable, Sendable { case writes, reads, watches, idle, history }

  public var binary: String
  public var configuration: ClusterConfiguration
  public var home: TaffrailHome
  public var seconds: Double
  /// Tasks that write at once, a measurement for each.
  public var writers = [1, 64, 1_024]
  public var parts: Set<Part> = [.writes, .reads, .watches, .idle]

  public init(
    binary: String, configuration: ClusterConfiguration, home: TaffrailHome, seconds: Double
  ) {
    self.binary = binary
    self.configuration = configuration
    self.home = home
    self.seconds = seconds
  }

  static func start(
    _ configuration: ClusterConfiguration, _ home: TaffrailHome, id: Int,
    adjust: (inout ReplicaConfiguration) -> Void = { _ in }
  ) async throws -> Replica {
    try home.prepare()
    let keys = try ClusterPKI.ensure(configuration: configuration, home: home)
    var logger = Logger(label: "bench")
    logger.logLevel = .error
    var replica = try ReplicaConfiguration(
      configuration: configuration, home: home, keys: keys, id: id,
      dataDirectory: "\(home.path)/bench-\(id)")
    adjust(&replica)
    let started = try await Replica.start(configuration: replica, logger: logger)
    // As a server does.
    ProgramPages.giveBack()
    return started
  }

  /// Runs until it is killed, and hands leadership to the first replica whenever it has it.
  public static func runFollower(configuration: ClusterConfiguration, home: TaffrailHome, id: Int)
    async throws
  {
    let replica = try await start(configuration, home, id: id)
    while true {
      try await Task.sleep(for: .milliseconds(500))
      if await replica.status()?.role == .leader { replica.transferLeadership(to: 1) }
    }
  }

  public func run(into report: inout BenchReport, progress: (String) -> Void) async throws {
    if parts != [.history] { try await runCluster(into: &report, progress: progress) }
    if parts.contains(.history) { try await history(into: &report, progress: progress) }
  }

  private func runCluster(into report: inout BenchReport, progress: (String) -> Void) async throws {
    // Replicas without data begin together: the others must be there before this one starts.
    try home.prepare()
    try ClusterPKI.ensure(configuration: configuration, home: home)
    var followers: [ChildProcess] = []
    defer {
      for follower in followers { follower.signal(SIGKILL) }
      for follower in followers { follower.wait() }
    }
    for server in configuration.servers.dropFirst() {
      followers.append(
        try ChildProcess.start(
          [
            binary, "bench", "store-replica", "--config", configuration.path, "--id",
            String(server.id),
          ], .init(output: .inherited, errors: .inherited)))
    }
    let replica = try await Self.start(configuration, home, id: 1)
    let cluster = BenchCluster(
      replica: replica, processes: [getpid()] + followers.map(\.pid))
    try await cluster.awaitLeadership()
    if parts.contains(.idle) {
      progress("doing nothing")
      try await idle(cluster, into: &report)
    }
    if parts.contains(.writes) {
      for writers in writers {
        progress("committing 1 KB events from \(writers) writer\(writers == 1 ? "" : "s")")
        try await writes(cluster, writers: writers, into: &report)
      }
    }
    if parts.contains(.writes) { try await memory(cluster, into: &report) }
    if parts.contains(.reads) {
      progress("reading")
      try await reads(cluster, into: &report)
    }
    if parts.contains(.watches) {
      progress("watching")
      try await watches(cluster, into: &report)
    }
    await replica.shutdown()
  }
}

/// The three replicas while they are measured.
struct BenchCluster: Sendable {
  /// The leader, which runs in this process.
  var replica: Replica
  /// Of the replicas, this one first.
  var processes: [Int32]

  func awaitLeadership() async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
      if let status = await replica.status(), status.role == .leader,
        status.peers.allSatisfy(\.connected)
      {
        return
      }
      guard ContinuousClock.now < deadline else {
        throw FailoverDrill.Failure(description: "the first replica did not come to lead")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Waits until the followers have what the leader has, and for what is written behind the log, so
  /// that one measurement does not pay for the one before.
  func settle() async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let before = ProcessFigures.of(processes)
      try await Task.sleep(for: .milliseconds(300))
      guard let status = await replica.status() else { return }
      let after = ProcessFigures.of(processes)
      if status.checkpoint >= status.applied, status.peers.allSatisfy({ $0.lag == 0 }),
        after.cpuSeconds - before.cpuSeconds < 0.06
      {
        return
      }
    }
  }
}
