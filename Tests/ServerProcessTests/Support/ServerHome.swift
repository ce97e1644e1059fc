import ChildProcesses
import Foundation
import Synchronization
import Testing

/// A cluster.conf with as many servers as wanted, on free ports, and a home of its own.
struct ServerHome: Sendable {
  struct Server: Sendable {
    var id: Int
    var peerPort: Int
    var apiPort: Int
  }

  let folder: TestFolder
  var servers: [Server]
  var home: String { folder.path + "/home" }
  var configuration: String { folder.path + "/cluster.conf" }

  /// - Parameter ids: of its servers.
  init(ids: [Int]) throws {
    folder = try TestFolder()
    let ports = try FreePorts.find(ids.count * 2 + 1)
    servers = ids.enumerated().map {
      Server(id: $1, peerPort: ports[$0 * 2], apiPort: ports[$0 * 2 + 1])
    }
    let text = Self.text(servers, endpointPort: ports[ids.count * 2])
    try text.write(toFile: configuration, atomically: true, encoding: .utf8)
  }

  static func text(_ servers: [Server], endpointPort: Int) -> String {
    var text = "name: test\nservers:\n"
    for server in servers {
      text += "  - id: \(server.id)\n    peerAddress: 127.0.0.1:\(server.peerPort)\n"
      text += "    apiAddress: 127.0.0.1:\(server.apiPort)\n"
    }
    return text + """
      endpointAddress: 127.0.0.1:\(endpointPort)
      podRange: 10.244.0.0/16
      serviceRange: 10.96.0.0/16
      nodeNetwork: 172.29.66.0/24

      """
  }

  var environment: [String: String] { ["TAFFRAIL_HOME": home] }
  func serverFolder(_ id: Int) -> String { "\(home)/server-\(id)" }

  func start(_ id: Int) throws -> ServerProcess {
    try ServerProcess(
      ["server", "--config", configuration, "--id", String(id)], environment: environment)
  }

  func server(_ id: Int) throws -> Server { try #require(servers.first { $0.id == id }) }

  /// As the administrator.
  func client(_ id: Int) throws -> APIClient {
    APIClient(port: try server(id).apiPort, credential: credential("admin"))
  }

  /// One of the cluster's own keys.
  func credential(_ name: String) -> ClientCredential {
    ClientCredential(certificate: "\(home)/pki/\(name).crt", key: "\(home)/pki/\(name).key")
  }
}

/// `taffrail server --standalone` on a folder.
struct Standalone: Sendable {
  let data: String
  let process: ServerProcess
  let client: APIClient
  var store: String { data + "/store" }

  static func arguments(_ data: String, _ options: [String] = ["--controllers", "none"])
    -> [String]
  { ["server", "--standalone", "--data", data] + options }

  /// Starts, and waits until it is ready.
  static func start(_ data: String, options: [String] = ["--controllers", "none"]) async throws
    -> Standalone
  {
    let process = try ServerProcess(arguments(data, options))
    return try await ready(process, data: data)
  }

  /// - Parameter root: where the process has what is `data` for it, if that is not the same here.
  static func ready(_ process: ServerProcess, data: String, root: String = "") async throws
    -> Standalone
  {
    try await process.printed("ready: export KUBECONFIG=")
    let text = try String(contentsOfFile: root + data + "/kubeconfig", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.contains("server: ") })
    let port = try #require(
      line.split(separator: ":").last.flatMap { Int($0.prefix { $0 != "\"" }) })
    let keys = root + data + "/pki/admin"
    return Standalone(
      data: data, process: process,
      client: APIClient(
        port: port, credential: .init(certificate: keys + ".crt", key: keys + ".key")))
  }
}

/// Three servers that run.
final class RunningCluster: Sendable {
  /// Of the suite that a test belongs to.
  @TaskLocal static var current: RunningCluster?

  let home: ServerHome
  private let running: Mutex<[ServerProcess]>

  var processes: [ServerProcess] { running.withLock { $0 } }

  private init(_ home: ServerHome, _ processes: [ServerProcess]) {
    self.home = home
    running = Mutex(processes)
  }

  /// Starts a server again, and waits until it is ready.
  func restart(_ id: Int) async throws -> ServerProcess {
    let process = try home.start(id)
    running.withLock { $0[id - 1] = process }
    try await process.printed("serving")
    try await home.client(id).untilReady(process)
    return process
  }

  static func start() async throws -> RunningCluster {
    let home = try ServerHome(ids: [1, 2, 3])
    let processes = try [1, 2, 3].map { try home.start($0) }
    let cluster = RunningCluster(home, processes)
    for (index, process) in processes.enumerated() {
      try await process.printed("serving")
      try await home.client(index + 1).untilReady(process)
    }
    return cluster
  }

  func stop() async throws {
    for process in processes { process.signal(SIGTERM) }
    for process in processes {
      let end = try await process.ended()
      #expect(end.exit == .exited(0), "\(end)")
    }
  }

  /// Runs `body` between writes and reads: afterwards every process is still there, and every
  /// server has all that was acknowledged, and takes more.
  static func unharmed(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (RunningCluster) async throws -> Void
  ) async throws {
    let cluster = try #require(current, "the suite has no cluster")
    var written = Acknowledged()
    for id in 1...3 { try await written.write(1, to: cluster.home.client(id)) }
    try await body(cluster)
    for process in cluster.processes {
      #expect(process.isRunning, "\(process.output)", sourceLocation: sourceLocation)
    }
    for id in 1...3 { try await written.write(1, to: cluster.home.client(id)) }
    for id in 1...3 {
      try await written.expectAll(from: cluster.home.client(id), sourceLocation: sourceLocation)
    }
  }
}

/// One cluster for all tests of a suite, which must not damage it.
struct SharedCluster: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
  ) async throws {
    let cluster = try await RunningCluster.start()
    try await RunningCluster.$current.withValue(cluster) { try await body() }
    try await cluster.stop()
  }
}

extension Trait where Self == SharedCluster {
  static var sharedCluster: SharedCluster { SharedCluster() }
}

/// Runs another program, such as kubectl, to its end.
enum Command {
  static func exists(_ name: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
    }
  }

  static func run(_ words: [String], environment: [String: String] = [:]) throws -> ProcessEnd {
    let result = try ChildProcess.run(words, joinsErrors: true, .init(environment: environment))
    return ProcessEnd(exit: result.exit, output: result.outputText)
  }
}
