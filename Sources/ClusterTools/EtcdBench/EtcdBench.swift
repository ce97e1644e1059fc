import Foundation
import NIOCore

/// Measures an etcd of three servers beside the store, in the same run on the same machine, over
/// etcd's own gRPC protocol. Clients talk to the leader, as the store's writers are in the
/// leader's process; etcd's figures hold a round trip over loopback TCP that the store's do not.
public struct EtcdBench: Sendable {
  public var folder: String
  public var seconds: Double

  /// Requests that share a connection: more would not fit into the window of 64 KiB that a gRPC
  /// server begins with.
  private static let requestsOnAConnection = 16
  private static let readers = 512
  private static let watchers = 1_000
  private static let watchedWrites = 300

  public init(folder: String, seconds: Double) {
    self.folder = folder
    self.seconds = seconds
  }

  public func run(into report: inout BenchReport, progress: (String) -> Void) async throws {
    let binary = try EtcdCluster.binary()
    progress("starting three servers of \(EtcdCluster.version(binary))")
    let cluster = try EtcdCluster(binary: binary, folder: folder)
    defer { cluster.stop() }
    let leader = try await leader(of: cluster)
    let generator = LoadGenerator(plain: [leader])
    do {
      try await measure(generator, cluster, into: &report, progress: progress)
    } catch {
      await generator.shutDown()
      throw error
    }
    await generator.shutDown()
  }

  private func measure(
    _ generator: LoadGenerator, _ cluster: EtcdCluster, into report: inout BenchReport,
    progress: (String) -> Void
  ) async throws {
    let value = [UInt8](repeating: UInt8(ascii: "x"), count: 1_024)
    for writers in [1, 64, 1_024] {
      progress("etcd: 1 KB puts from \(writers) client\(writers == 1 ? "" : "s")")
      let name = "1 KB events, \(writers) writer\(writers == 1 ? "" : "s")"
      try await timed(name, writers, "events", generator, cluster, into: &report) { number in
        EtcdMessages.put(key: "bench/\(number % (writers * 1_000))", value: value)
      }
    }
    for isSerializable in [false, true] {
      let kind = isSerializable ? "serializable" : "linearizable"
      progress("etcd: \(kind) reads from \(Self.readers) clients")
      try await timed(
        "\(kind) reads, \(Self.readers) readers", Self.readers, "reads", generator, cluster,
        into: &report
      ) { EtcdMessages.range(key: "bench/\($0 % 1_000)", isSerializable: isSerializable) }
    }
    report.compare(
      "reads of the local replica, 2 readers",
      withEtcd: "serializable reads, \(Self.readers) readers")
    progress("etcd: \(Self.watchers) watchers of one prefix")
    try await watches(generator, value, into: &report)
    let resident = cluster.processes.compactMap { ProcessFigures.of($0)?.residentMegabytes }
    report.add(
      BenchReport.etcdPart, "memory of a server afterwards",
      resident.reduce(0, +) / Double(max(1, resident.count)), "MB")
  }

  private func timed(
    _ name: String, _ clients: Int, _ unit: String, _ generator: LoadGenerator,
    _ cluster: EtcdCluster, into report: inout BenchReport,
    _ request: @escaping @Sendable (Int) -> LoadRequest
  ) async throws {
    let connections = try await generator.connect(
      max(1, (clients + Self.requestsOnAConnection - 1) / Self.requestsOnAConnection))
    // A short run first, so that everything is warm.
    for duration in [0.5, seconds] {
      let meter = CPUMeter(cluster.processes)
      // An answer without a message is one with an error.
      let result = try await connections.run(
        workers: clients, count: .max, seconds: duration, status: 200, minimumBytes: 5,
        request: request)
      guard duration == seconds else { continue }
      report.add(BenchReport.etcdPart, name, result.latency, per: unit)
      meter.add(name, count: result.latency.count, to: &report, part: BenchReport.etcdPart)
    }
    try await connections.close()
  }

  private func watches(
    _ generator: LoadGenerator, _ value: [UInt8], into report: inout BenchReport
  ) async throws {
    let watching = try await generator.connect(Self.watchers / 50)
    let writing = try await generator.connect(4)
    let counters = try await watching.watchEtcd(
      EtcdMessages.watch(from: "fan/", to: "fan0"), watchers: Self.watchers)
    let start = ContinuousClock.now
    let written = try await writing.run(
      workers: 64, count: Self.watchedWrites, status: 200, minimumBytes: 5,
      request: { EtcdMessages.put(key: "fan/\($0)", value: value) })
    let wanted = Self.watchers * Self.watchedWrites
    try await counters.seen(wanted)
    let elapsed = Double(nanoseconds(ContinuousClock.now - start)) / 1e9
    let name = "\(Self.watchers) watchers of one prefix, events"
    report.add(
      BenchReport.etcdPart, "\(name) written", written.latency.perSecond, "events/s")
    report.add(BenchReport.etcdPart, "\(name) delivered", Double(wanted) / elapsed, "events/s")
    try await watching.close()
    try await writing.close()
  }

  /// Asks until one of the servers says that it leads.
  private func leader(of cluster: EtcdCluster) async throws -> (host: String, port: Int) {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      for client in cluster.clients {
        let generator = LoadGenerator(plain: [client])
        let leads = try? await Self.leads(generator)
        await generator.shutDown()
        if leads == true { return client }
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw EtcdCluster.Failure(description: "etcd did not come to have a leader")
  }

  private static func leads(_ generator: LoadGenerator) async throws -> Bool {
    let connections = try await generator.connect(1)
    let bytes = try await connections.oneBytes(EtcdMessages.status)
    try await connections.close()
    guard bytes.count > 5, let fields = EtcdMessages.fields(bytes.dropFirst(5)) else {
      return false
    }
    var (member, leader) = (UInt64(0), UInt64(0))
    for (number, value) in fields {
      switch (number, value) {
      // The header, with the id of the server that answers.
      case (1, .bytes(let header)):
        for case (2, .number(let id)) in EtcdMessages.fields(header) ?? [] { member = id }
      case (4, .number(let id)): leader = id
      default: break
      }
    }
    return leader != 0 && leader == member
  }
}
