import ArgumentParser
import ClusterConfiguration
import LocalCluster

struct DownCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down",
    abstract: "Stop everything that `taffrail up` started.",
    discussion: """
      Finds processes by their pid files, also if the supervisor was killed, and takes the nodes' \
      networks and containers apart. Running it again is harmless.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Also remove the cluster's folder: all its state, keys and logs.")
  var wipe = false

  func run() async throws {
    let (configuration, home) = try options.load()
    try await ClusterStop(configuration: configuration, home: home).run(wipe: wipe)
  }
}
