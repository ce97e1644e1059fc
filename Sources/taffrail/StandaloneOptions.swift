import ArgumentParser
import ClusterConfiguration
import ControlPlane
import Foundation
import Logging

/// The flags of `taffrail server --standalone`, which take the place of a cluster.conf.
struct StandaloneOptions: ParsableArguments {
  @Flag(
    help: """
      One replica, an API server, controllers and a scheduler from flags alone, without a \
      cluster.conf.
      """)
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

  @Option(
    help: ArgumentHelp(
      """
      With --standalone: which controllers run: all, none, or names separated by commas out of \
      \(StandaloneServer.allReconcilers.joined(separator: ", ")).
      """, valueName: "all|none|LIST"))
  var controllers = "all"

  /// Whatever is wrong with the flags, before anything is started.
  func validate() throws {
    guard standalone else { return }
    guard data != nil else { throw ValidationError("--standalone needs --data FOLDER") }
    _ = try address()
    _ = try reconcilers()
  }

  private func address() throws -> (host: String, port: Int) {
    guard let colon = api.lastIndex(of: ":"), colon > api.startIndex,
      let port = Int(api[api.index(after: colon)...]), (0...65535).contains(port)
    else {
      throw ValidationError("--api must be HOST:PORT such as 127.0.0.1:6443, not \"\(api)\"")
    }
    return (String(api[..<colon]), port)
  }

  private func reconcilers() throws -> Set<String> {
    let all = StandaloneServer.allReconcilers
    switch controllers {
    case "all": return Set(all)
    case "none": return []
    default:
      let names = controllers.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      if let unknown = names.first(where: { !all.contains($0) }) {
        let nearest = Suggestion.nearest(to: unknown, among: all)
        let hint = nearest.map { ", did you mean \($0)?" } ?? ""
        throw ValidationError(
          "--controllers: there is no controller \"\(unknown)\"\(hint); write all, none, or some of "
            + all.joined(separator: ", "))
      }
      return Set(names)
    }
  }

  func run() async throws {
    guard let data else { throw ValidationError("--standalone needs --data FOLDER") }
    let (host, port) = try address()
    var logger = Logger(label: "taffrail.standalone")
    logger.logLevel = .notice
    let running = try await StandaloneServer(
      dataDirectory: data, host: host, port: port,
      disabledAdmissionPlugins: Set(disableAdmissionPlugins.split(separator: ",").map(String.init)),
      allowPrivileged: allowPrivileged, anonymousAuth: anonymousAuth,
      reconcilers: try reconcilers(), logger: logger
    ).start()
    // Not `print`, which would keep the line back where the output is a pipe.
    FileHandle.standardOutput.write(
      Data("ready: export KUBECONFIG=\(running.kubeconfig)\n".utf8))
    await Signals.waitForStop()
    await running.shutdown()
  }
}
