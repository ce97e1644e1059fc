import ArgumentParser
import ClusterConfiguration
import ControlPlane
import Foundation
import Logging

struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server",
    abstract: "Run one server: a replica of the store, an API server, controllers and a scheduler.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Which of cluster.conf's servers this is.")
  var id: Int

  func run() async throws {
    let (configuration, home) = try options.load()
    let logger = Logger(label: "taffrail.server-\(id)")
    try await Server(configuration: configuration, home: home, id: id, logger: logger).run {
      await Signals.waitForStop()
    }
  }
}
