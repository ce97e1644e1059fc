import ArgumentParser
import ClusterConfiguration
import Foundation
import LocalCluster

struct EndpointCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endpoint",
    abstract: "Relay the API's one address to whichever API servers are alive.",
    discussion: "TLS stays between client and API server. `taffrail up` starts it.")

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var logFormat: LogFormatOptions

  func run() async throws {
    logFormat.apply()
    let (configuration, _) = try options.load()
    try await EndpointRun.run(configuration: configuration) { line in
      let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
      try? FileHandle.standardOutput.write(contentsOf: Data("\(time) \(line)\n".utf8))
    } waitForStop: {
      await Signals.waitForStop()
    }
  }
}
