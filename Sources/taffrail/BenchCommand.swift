import ArgumentParser
import ChildProcesses
import ClusterConfiguration
import ClusterTools
import Foundation
import JSONDocument
import KubernetesClient
import LogTools

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Measure the store, the API of one server and of three, and failover, all started for it.",
    subcommands: [Run.self, StoreReplica.self], defaultSubcommand: Run.self)

  enum Part: String, ExpressibleByArgument, CaseIterable { case store, api, all }
  enum Servers: String, ExpressibleByArgument, CaseIterable { case one, three, both }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a part of the measurements, or all.")

    @Argument(help: "store, api or all.")
    var part: Part = .all
    @Option(help: "Pods to create.")
    var pods = 5_000
    @Option(help: "Leaders to kill.")
    var failovers = 10
    @Option(help: "Seconds for each measurement of the store.")
    var seconds = 5
    @Option(help: "Servers whose API is measured: one, three or both.")
    var servers: Servers = .both
    @Option(help: "Connections over which the 32 clients of the API are spread.")
    var connections = 32
    @Option(help: "Objects with which the start of one server is timed; 0: not.")
    var objects = 100_000
    @Option(help: "Informers that list and watch --informed-pods pods at one time, e.g. 1000.")
    var informers = 0
    @Option(help: "Pods for --informers.")
    var informedPods = 20_000
    @Option(
      help: """
        Numbers of writers that measure the store's writes, e.g. 1,64,1024.
        """)
    var writers = "1,64,1024"
    @Option(
      help: "What of the store to measure, of: writes,reads,watches,idle,history.")
    var only: String?
    @Flag(
      help: """
        Also measure restarts of a replica with a history of 1,000,000 events, which takes minutes \
        and 3 GB of disk.
        """)
    var history = false
    @Option(help: "Also write the figures here, as JSON.")
    var json: String?
    @Option(help: "Print the figures of an earlier run beside, and the ratios: a file of --json.")
    var compare: String?
    @Flag(help: "Measure an etcd of three servers beside the store (Debian: etcd-server).")
    var etcd = false

    func validate() throws {
      guard (1...1_000_000).contains(pods), (0...1_000).contains(failovers),
        (1...600).contains(seconds), (1...1_000).contains(connections),
        (0...10_000_000).contains(objects), (0...10_000).contains(informers),
        (1...1_000_000).contains(informedPods)
      else {
        throw ValidationError(
          "--pods and --informed-pods are 1 to 1000000, --failovers 0 to 1000, --seconds 1 to 600, "
            + "--connections 1 to 1000, --objects 0 to 10000000, --informers 0 to 10000")
      }
      _ = try numbersOfWriters()
      _ = try storeParts()
    }

    private func numbersOfWriters() throws -> [Int] {
      try writers.split(separator: ",").map { text in
        guard let number = Int(text), (1...10_000).contains(number) else {
          throw ValidationError("--writers takes numbers of 1 to 10000, with commas between them")
        }
        return number
      }
    }

    private func storeParts() throws -> Set<StoreBench.Part> {
      var parts: Set<StoreBench.Part> = [.writes, .reads, .watches, .idle]
      if let only {
        parts = Set(
          try only.split(separator: ",").map { text in
            guard let part = StoreBench.Part(rawValue: String(text)) else {
              throw ValidationError(
                "--only takes \(StoreBench.Part.allCases.map(\.rawValue).joined(separator: ", ")), "
                  + "with commas between them")
            }
            return part
          })
      }
      if history { parts.insert(.history) }
      return parts
    }

    func run() async throws {
      let earlier = try compare.map(Self.report)
      let home = FileManager.default.temporaryDirectory
        .appendingPathComponent("taffrail-bench-\(getpid())").path
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: home) }
      setenv("TAFFRAIL_HOME", home + "/cluster", 1)
      let file = home + "/cluster.conf"
      try Self.configurationText.write(toFile: file, atomically: true, encoding: .utf8)
      let configuration = try ClusterConfiguration.load(path: file)
      let clusterHome = TaffrailHome.resolve(configuration)
      var report = BenchReport()
      @Sendable func progress(_ text: String) {
        FileHandle.standardError.write(Data("  \(text)\n".utf8))
      }
      if part != .api {
        var bench = StoreBench(
          binary: Self.binary, configuration: configuration, home: clusterHome,
          seconds: Double(seconds))
        bench.writers = try numbersOfWriters()
        bench.parts = try storeParts()
        try await bench.run(into: &report, progress: progress)
      }
      if part != .api, etcd {
        try await EtcdBench(folder: home + "/etcd", seconds: Double(seconds)).run(
          into: &report, progress: progress)
      }
      if part != .store, servers != .three {
        try await StandaloneBench(
          binary: Self.binary, folder: home, pods: pods, connections: connections,
          objects: objects, informers: informers, informedPods: informedPods
        ).run(into: &report, progress: { progress($0) })
      }
      if part != .store, servers != .one {
        try Self.command("up", "--config", file)
        defer { try? Self.command("down", "--wipe", "--config", file) }
        let clients = try ClusterClients(
          configuration: configuration, home: clusterHome, userAgent: "taffrail-bench")
        defer { clients.shutDown() }
        try await APIBench(
          part: "three servers", kubeconfig: KubeConfiguration.load(path: clusterHome.kubeconfig),
          servers: configuration.servers.map { ($0.apiAddress.host, $0.apiAddress.port) },
          processes: await clients.status().replicas.compactMap { $0.pid.map(Int32.init) },
          pods: pods, connections: connections
        ).run(into: &report, progress: { progress($0) })
        try await FailoverBench(clients: clients, failovers: failovers).run(
          into: &report, progress: { progress($0) })
      }
      let table = report.table(comparedWith: earlier)
      print(ColumnText.render(header: table.header, rows: table.rows))
      if let json {
        try (report.json.text + "\n").write(toFile: json, atomically: true, encoding: .utf8)
      }
    }

    private static func report(_ path: String) throws -> BenchReport {
      guard let bytes = FileManager.default.contents(atPath: path) else {
        throw LogToolError("can't read \(path)")
      }
      guard let json = try? JSONValue(parsing: Array(bytes)), let report = BenchReport(json: json)
      else { throw LogToolError("\(path) holds no figures that --json wrote") }
      return report
    }

    static var binary: String {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0]
    }

    static func command(_ arguments: String...) throws {
      let process = try ChildProcess.start(
        [binary] + arguments, .init(input: .inherited, output: .descriptor(2)))
      guard process.wait() == .exited(0) else {
        throw LogToolError("taffrail \(arguments.joined(separator: " ")) failed")
      }
    }

    /// Three servers without nodes, on ports that a cluster beside it would not use.
    static let configurationText = """
      name: bench
      servers:
        - {id: 1, peerAddress: "127.0.0.1:27101", apiAddress: "127.0.0.1:27441"}
        - {id: 2, peerAddress: "127.0.0.1:27102", apiAddress: "127.0.0.1:27442"}
        - {id: 3, peerAddress: "127.0.0.1:27103", apiAddress: "127.0.0.1:27443"}
      endpointAddress: 127.0.0.1:26443
      podRange: 10.246.0.0/16
      serviceRange: 10.98.0.0/16
      nodeNetwork: 172.29.68.0/24
      nodes: []
      controllers: none

      """
  }

  /// One of the two replicas beside the one that the measurement itself runs.
  struct StoreReplica: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "store-replica", shouldDisplay: false)

    @OptionGroup var options: ConfigurationOptions
    @Option var id: Int

    func run() async throws {
      let (configuration, home) = try options.load()
      try await StoreBench.runFollower(configuration: configuration, home: home, id: id)
    }
  }
}
