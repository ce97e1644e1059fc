import ChildProcesses
import ClusterConfiguration
import Foundation
import KubernetesClient
import Synchronization

/// The server processes of a torture run: started, killed, stopped and started again.
final class TortureServers: Sendable {
  static let ids = [1, 2, 3]

  let network: TortureNetwork
  private let binary: String
  private let file: String
  private let home: TaffrailHome
  private let credentials: KubeConfiguration
  private let configuration: ClusterConfiguration
  private let logFolder: String
  private struct State {
    var running: [Int: ChildProcess] = [:]
    var ended: [String] = []
  }

  private let state = Mutex(State())

  /// - Parameter folder: for everything they write; its `home` must not exist yet.
  init(
    binary: String, folder: String, network: TortureNetwork, ports: [Int], leaseReads: Bool
  ) throws {
    self.binary = binary
    self.network = network
    file = "\(folder)/cluster.conf"
    logFolder = folder
    var text = "name: torture\nservers:\n"
    for id in Self.ids {
      let host = network.host(of: id)
      // Alone in their namespaces all could have the same ports.
      text += "  - {id: \(id), peerAddress: \"\(host):\(ports[2 * id - 2])\", "
      text += "apiAddress: \"\(host):\(ports[2 * id - 1])\"}\n"
    }
    text += """
      endpointAddress: 127.0.0.1:\(ports[6])
      podRange: 10.246.0.0/16
      serviceRange: 10.98.0.0/16
      nodeNetwork: 172.29.68.0/24
      leaseReads: \(leaseReads)

      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    configuration = try ClusterConfiguration.load(path: file)
    home = TaffrailHome(path: "\(folder)/home")
    try home.prepare()
    try ClusterPKI.ensure(configuration: configuration, home: home)
    credentials = try KubeConfiguration.load(path: home.kubeconfig)
  }

  func client(of id: Int, options: HTTPSClient.Options) throws -> HTTPSClient {
    guard let server = configuration.server(id: id) else {
      throw TortureRun.Failure(description: "there is no server \(id)")
    }
    var direct = credentials
    direct.server = "https://\(server.apiAddress)"
    direct.host = server.apiAddress.host
    direct.port = server.apiAddress.port
    return try HTTPSClient(configuration: direct, options: options)
  }

  func start(_ id: Int) throws {
    let process = try ChildProcess.start(
      network.launcher(of: id) + [binary, "server", "--config", file, "--id", String(id)],
      .init(
        output: .appended(toFile: "\(logFolder)/server-\(id).log"),
        environment: ["TAFFRAIL_HOME": home.path]))
    state.withLock { $0.running[id] = process }
  }

  /// SIGKILL, and waits for the end.
  func kill(_ id: Int) {
    noteEnded()
    state.withLock({ $0.running.removeValue(forKey: id) })?.killAndWait()
  }

  func signal(_ id: Int, _ signal: Int32) {
    state.withLock { _ = $0.running[id]?.signal(signal) }
  }

  /// Servers that ended by themselves, with what they had to say.
  var ended: [String] {
    noteEnded()
    return state.withLock { $0.ended }
  }

  private func noteEnded() {
    state.withLock { state in
      for (id, process) in state.running where !process.isRunning {
        state.running[id] = nil
        let log = FileManager.default.contents(atPath: "\(logFolder)/server-\(id).log") ?? Data()
        state.ended.append(
          "server \(id) \(process.wait()) by itself: "
            + String(decoding: log.suffix(2_000), as: UTF8.self))
      }
    }
  }

  func killAll() { for id in Self.ids { kill(id) } }
}
