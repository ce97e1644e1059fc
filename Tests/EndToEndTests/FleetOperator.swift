import ChildProcesses
import Foundation
import Testing

/// The operator of Clients/, written with kopf, as a process with a service account of its own.
final class FleetOperator {
  /// What a handler did, in the order in which handlers ended.
  struct Entry: Decodable {
    var handler: String
    var name: String
    var uid: String?
    var reason: String?
    var generation: Int?
    var retry: Int?
  }

  private let process: ChildProcess
  private let journalPath: String
  private let logPath: String
  /// The folder of the scripts.
  let scripts: String

  /// Makes the definition of ships and all that the operator needs in `cluster`, and starts it.
  init(in cluster: TestCluster, clients: PythonClients) throws {
    scripts = cluster.repository + "/Tests/EndToEndTests/Clients"
    journalPath = cluster.root + "/journal"
    logPath = cluster.root + "/operator.log"
    cluster.kubectl("apply", "-f", scripts + "/ships.yaml", "-f", scripts + "/fleet.yaml").expect(
      "customresourcedefinition.apiextensions.k8s.io/ships.harbour.example.com created",
      "rolebinding.rbac.authorization.k8s.io/operator created")
    cluster.kubectl(
      "wait", "--for=condition=Established", "crd/ships.harbour.example.com", "--timeout=60s",
      timeoutSeconds: 90
    ).expect("condition met")
    let token = cluster.kubectl("create", "token", "operator", "-n", "fleet")
    try #require(token.status == 0, "\(token)")
    let kubeconfig = cluster.root + "/operator.kubeconfig"
    try FileManager.default.copyItem(atPath: cluster.home + "/kubeconfig", toPath: kubeconfig)
    cluster.kubectl(
      "config", "set-credentials", "operator", "--kubeconfig", kubeconfig,
      "--token", token.output.trimmingCharacters(in: .whitespacesAndNewlines)
    ).expect("User \"operator\" set")
    cluster.kubectl(
      "config", "set-context", "--current", "--user=operator", "--kubeconfig", kubeconfig
    ).expect("modified")

    try Data().write(to: URL(fileURLWithPath: journalPath))
    process = try ChildProcess.start(
      [
        clients.python, "-m", "kopf", "run", "--namespace=fleet", "--standalone",
        scripts + "/fleet_operator.py",
      ],
      .init(
        output: .appended(toFile: logPath),
        environment: [
          "KUBECONFIG": kubeconfig, "JOURNAL": journalPath, "PYTHONDONTWRITEBYTECODE": "1",
        ]))
  }

  var isRunning: Bool { process.isRunning }

  var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

  func journal() throws -> [Entry] {
    try String(contentsOfFile: journalPath, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Entry.self, from: Data($0.utf8))
    }
  }

  /// Asks it to end, and waits; it is killed if that takes more than a minute.
  func stop() -> ChildProcess.Exit { process.terminateAndWait() }

  /// Whatever state it is in, it is gone afterwards.
  func kill() { process.killAndWait() }
}

/// Python with the packages of Clients/requirements.txt, as `tools/test` installs it.
struct PythonClients {
  var python: String

  /// `nil` where it is not installed.
  init?() {
    let folder =
      ProcessInfo.processInfo.environment["TAFFRAIL_PYTHON_CLIENTS"]
      ?? FileManager.default.currentDirectoryPath + "/.build/python-clients"
    python = folder + "/bin/python"
    guard FileManager.default.isExecutableFile(atPath: python),
      Shell().run(["which", "kubectl"]).status == 0
    else { return nil }
  }

  /// Whether the test may be skipped without them.
  static var isRequired: Bool {
    ProcessInfo.processInfo.environment["TAFFRAIL_SKIP_NOTHING"] != nil
  }
}
