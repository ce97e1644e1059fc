import ArgumentParser
import ClusterConfiguration
import ClusterTools
import Foundation
import JSONDocument
import LogTools

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Measure a three-server cluster that is started for it: the store, the API, failover.",
    subcommands: [Run.self, StoreReplica.self], defaultSubcommand: Run.self)

  enum Part: String, ExpressibleByArgument, CaseIterable { case store, api, all }

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
    @Option(help: "Also write the figures here, as JSON.")
    var json: String?

    func validate() throws {
      guard (1...1_000_000).contains(pods), (0...1_000).contains(failovers),
        (1...600).contains(seconds)
      else {
        throw ValidationError(
          "--pods is 1 to 1000000, --failovers 0 to 1000, --seconds 1 to 600")
      }
    }

    func run() async throws {
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
        try await StoreBench(
          binary: Self.binary, configuration: configuration, home: clusterHome,
          seconds: Double(seconds)
        ).run(into: &report, progress: progress)
      }
      if part != .store {
        try Self.command("up", "--config", file)
        defer { try? Self.command("down", "--wipe", "--config", file) }
        let clients = try ClusterClients(
          configuration: configuration, home: clusterHome, userAgent: "taffrail-bench")
        defer { clients.shutDown() }
        try await APIBench(clients: clients, pods: pods, failovers: failovers).run(
          into: &report, progress: { progress($0) })
      }
      print(ColumnText.render(header: ["PART", "MEASURE", "VALUE", "UNIT"], rows: report.cells))
      if let json {
        try (report.json.text + "\n").write(toFile: json, atomically: true, encoding: .utf8)
      }
    }

    static var binary: String {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0]
    }

    static func command(_ arguments: String...) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: binary)
      process.arguments = arguments
      process.standardOutput = FileHandle.standardError
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
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
      hollowNodes: 1

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
