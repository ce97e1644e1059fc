import ClusterConfiguration
import ControlPlane
import EventStore
import Foundation
import Keyspace
import Logging

/// Measures the store alone: three replicas in three processes over TLS, the leader in this one,
/// committing 1 KB events.
public struct StoreBench: Sendable {
  public var binary: String
  public var configuration: ClusterConfiguration
  public var home: TaffrailHome
  public var seconds: Double

  public init(
    binary: String, configuration: ClusterConfiguration, home: TaffrailHome, seconds: Double
  ) {
    self.binary = binary
    self.configuration = configuration
    self.home = home
    self.seconds = seconds
  }

  static func start(_ configuration: ClusterConfiguration, _ home: TaffrailHome, id: Int)
    async throws -> Replica
  {
    try home.prepare()
    let keys = try ClusterPKI.ensure(configuration: configuration, home: home)
    var logger = Logger(label: "bench")
    logger.logLevel = .error
    return try await Replica.start(
      configuration: try ReplicaConfiguration(
        configuration: configuration, home: home, keys: keys, id: id,
        dataDirectory: "\(home.path)/bench-\(id)"),
      logger: logger)
  }

  /// Runs until it is killed, and hands leadership to the first replica whenever it has it.
  public static func runFollower(configuration: ClusterConfiguration, home: TaffrailHome, id: Int)
    async throws
  {
    let replica = try await start(configuration, home, id: id)
    while true {
      try await Task.sleep(for: .milliseconds(50))
      if await replica.status()?.role == .leader { replica.transferLeadership(to: 1) }
    }
  }

  public func run(into report: inout BenchReport, progress: (String) -> Void) async throws {
    // Replicas without data begin together: the others must be there before this one starts.
    try home.prepare()
    try ClusterPKI.ensure(configuration: configuration, home: home)
    var followers: [Process] = []
    defer {
      for follower in followers { kill(follower.processIdentifier, SIGKILL) }
      for follower in followers { follower.waitUntilExit() }
    }
    for server in configuration.servers.dropFirst() {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: binary)
      process.arguments = [
        "bench", "store-replica", "--config", configuration.path, "--id", String(server.id),
      ]
      try process.run()
      followers.append(process)
    }
    let replica = try await Self.start(configuration, home, id: 1)
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
      if let status = await replica.status(), status.role == .leader,
        status.peers.allSatisfy(\.connected)
      {
        break
      }
      guard ContinuousClock.now < deadline else {
        throw FailoverDrill.Failure(description: "the first replica did not come to lead")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    for writers in [1, 64] {
      progress("committing 1 KB events from \(writers) writer\(writers == 1 ? "" : "s")")
      _ = try await commits(replica, writers: writers, seconds: 0.5)
      let summary = try await commits(replica, writers: writers, seconds: seconds)
      report.add(
        "store", "1 KB events, \(writers) writer\(writers == 1 ? "" : "s")", summary, per: "events")
    }
    await replica.shutdown()
  }

  private func commits(_ replica: Replica, writers: Int, seconds: Double) async throws
    -> LatencySummary
  {
    let value = [UInt8](repeating: UInt8(ascii: "x"), count: 1_024)
    let start = ContinuousClock.now
    let end = start + .milliseconds(Int(seconds * 1_000))
    let latencies = try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for writer in 0..<writers {
        group.addTask {
          var latencies: [UInt64] = []
          var number = 0
          while ContinuousClock.now < end {
            let begun = ContinuousClock.now
            // Keys come round again, as those of a cluster do.
            let key = Key("configmaps/bench/\(writer)-\(number % 1_000)")
            number += 1
            _ = try await replica.commit(
              Transaction(
                mutations: [.put(key: key, value: value, revisionOffset: nil)],
                provenance: Provenance(user: "bench", verb: "update"),
                timeMilliseconds: UInt64(Date().timeIntervalSince1970 * 1_000)))
            latencies.append(nanoseconds(ContinuousClock.now - begun))
          }
          return latencies
        }
      }
      var all: [UInt64] = []
      for try await latencies in group { all += latencies }
      return all
    }
    return LatencySummary(
      nanoseconds: latencies,
      elapsedSeconds: Double(nanoseconds(ContinuousClock.now - start)) / 1e9)
  }
}
