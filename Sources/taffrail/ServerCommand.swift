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
  @OptionGroup(title: "Without a cluster.conf") var standalone: StandaloneOptions
  @OptionGroup var logFormat: LogFormatOptions
  @Option(help: "Which of cluster.conf's servers this is.")
  var id: Int?

  func validate() throws {
    if !standalone.standalone, id == nil {
      throw ValidationError("--id N must say which of the servers this is")
    }
  }

  func run() async throws {
    logFormat.apply()
    if standalone.standalone {
      try await standalone.run()
      return
    }
    guard let id else { return }  // `validate` has seen to it.
    let (configuration, home) = try options.load()
    let logger = Logger(label: "taffrail.server-\(id)")
    try await Server(configuration: configuration, home: home, id: id, logger: logger).run {
      await Signals.waitForStop()
    }
  }
}
