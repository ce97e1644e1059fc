import ArgumentParser
import ClusterConfiguration
import ClusterTools
import Foundation
import JSONDocument
import LogTools

/// Where `cluster.conf` is; every subcommand that needs the cluster takes it.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: .long, help: "The cluster's description.")
  var config = "cluster.conf"

  func load() throws -> (configuration: ClusterConfiguration, home: TaffrailHome) {
    let configuration = try ClusterConfiguration.load(path: config)
    return (configuration, TaffrailHome.resolve(configuration))
  }
}

struct ClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "Look at the replicas of the store, change them, and put them to the test.",
    subcommands: [
      Status.self, Watch.self, Add.self, Promote.self, Remove.self, Replace.self, Transfer.self,
      Compact.self, KillLeader.self, Restore.self,
    ])

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show each replica: pid, role, term, applied revision, lag and log size.")

    @OptionGroup var options: ConfigurationOptions
    @Option(name: .shortAndLong, help: "json, or a table if left out.")
    var output: OutputFormat = .table

    enum OutputFormat: String, ExpressibleByArgument { case table, json }

    func run() async throws {
      let (configuration, home) = try options.load()
      let clients = try ClusterClients(
        configuration: configuration, home: home, userAgent: "taffrail-cluster")
      let status = await clients.status()
      clients.shutDown()
      switch output {
      case .json: print(status.json.text)
      case .table:
        print(
          ColumnText.render(header: ClusterStatus.header, rows: status.rows), terminator: "")
        for replica in status.replicas {
          if let failure = replica.failure { print("replica \(replica.id): \(failure)") }
        }
      }
      if status.leader == nil { throw ExitCode(1) }
    }
  }

  struct KillLeader: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "kill-leader",
      abstract: "Kill or stop the leader's process, and prove that nothing was lost.",
      discussion: """
        While writers create objects and a watcher follows them, the leader's process is killed \
        (SIGKILL), or with --silent stopped (SIGSTOP) until the first write without it. Printed are a timeline and the proof: every acknowledged write is there, and the watcher \
        saw every event once and in order. Exits with 1 if not.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Option(
      name: [.customLong("times"), .customLong("repeat")],
      help: "How many times, one after the other; then the median is printed.")
    var times = 1
    @Flag(help: "Stop it rather than kill it: it falls silent, and its connections stay.")
    var silent = false
    @Option(name: .long, help: "Writers at once.")
    var writers = 4

    func validate() throws {
      guard (1...1000).contains(times) else {
        throw ValidationError("--times must be 1 to 1000, not \(times)")
      }
      guard (1...64).contains(writers) else {
        throw ValidationError("--writers must be 1 to 64, not \(writers)")
      }
    }

    func run() async throws {
      let (configuration, home) = try options.load()
      let clients = try ClusterClients(
        configuration: configuration, home: home, userAgent: "taffrail-drill")
      defer { clients.shutDown() }
      var failovers: [Double] = []
      var failed = false
      for round in 1...times {
        if times > 1 { print("round \(round) of \(times)") }
        let report = try await FailoverDrill(
          clients: clients, writers: writers, fault: silent ? .silence : .kill
        ).run { print($0) }
        for (label, milliseconds) in report.timeline {
          let time = figure(milliseconds)
          print(String(repeating: " ", count: max(0, 10 - time.count)) + "\(time) ms  \(label)")
        }
        failovers.append(report.failoverMilliseconds)
        if report.violations.isEmpty {
          print(
            "every acknowledged write is there (\(report.acknowledgedWrites)); the watcher saw"
              + " every event once and in order (\(report.watchedEvents))")
        } else {
          failed = true
          for violation in report.violations { print("BROKEN: \(violation)") }
        }
      }
      if times > 1 {
        print(
          "failover after \(silent ? "SIGSTOP" : "SIGKILL"), median of \(times): "
            + "\(figure(LatencySummary.median(failovers))) ms, the slowest "
            + "\(figure(failovers.max() ?? 0)) ms")
      }
      if failed { throw ExitCode(1) }
    }
  }
}
