import ArgumentParser
import ControlPlane
import Foundation
import Logging

/// The flags of `taffrail server --standalone`, which take the place of a cluster.conf.
struct StandaloneOptions: ParsableArguments {
  @Flag(help: "One replica and an API server from flags alone, without a cluster.conf.")
  var standalone = false

  @Option(help: "With --standalone: the folder for state, keys and the kubeconfig.")
  var data: String?

  @Option(help: "With --standalone: where to listen; port 0 picks a free one.")
  var api = "127.0.0.1:0"

  @Option(help: "With --standalone: admission plugins to leave out, separated by commas.")
  var disableAdmissionPlugins = ""

  @Option(help: "With --standalone: whether pods may have privileged containers.")
  var allowPrivileged = true

  @Option(help: "With --standalone: whether requests without credentials get to authorization.")
  var anonymousAuth = false

  func run() async throws {
    guard let data else { throw ValidationError("--standalone needs --data FOLDER") }
    guard let colon = api.lastIndex(of: ":"), let port = Int(api[api.index(after: colon)...]),
      (0...65535).contains(port)
    else { throw ValidationError("--api must be HOST:PORT, not \"\(api)\"") }
    var logger = Logger(label: "taffrail.standalone")
    logger.logLevel = .notice
    let running = try await StandaloneServer(
      dataDirectory: data, host: String(api[..<colon]), port: port,
      disabledAdmissionPlugins: Set(disableAdmissionPlugins.split(separator: ",").map(String.init)),
      allowPrivileged: allowPrivileged, anonymousAuth: anonymousAuth, logger: logger
    ).start()
    // Not `print`, which would keep the line back where the output is a pipe.
    FileHandle.standardOutput.write(
      Data("ready: export KUBECONFIG=\(running.kubeconfig)\n".utf8))
    await Signals.waitForStop()
    await running.shutdown()
  }
}
