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

  private let process = Process()
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

    for path in [journalPath, logPath] {
      try Data().write(to: URL(fileURLWithPath: path))
    }
    let log = try FileHandle(forWritingTo: URL(fileURLWithPath: logPath))
    process.executableURL = URL(fileURLWithPath: clients.python)
    // A process inherits which signals the thread that starts it has blocked, and threads of a pool
    // have blocked nearly all: Python would never hear of SIGTERM.
    process.arguments = [
      "-c",
      "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); "
        + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
      "-m", "kopf", "run", "--namespace=fleet", "--standalone", scripts + "/fleet_operator.py",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "KUBECONFIG": kubeconfig, "JOURNAL": journalPath, "PYTHONDONTWRITEBYTECODE": "1",
    ]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = log
    process.standardError = log
    try process.run()
    try log.close()
  }

  var isRunning: Bool { process.isRunning }

  var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

  func journal() throws -> [Entry] {
    try String(contentsOfFile: journalPath, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Entry.self, from: Data($0.utf8))
    }
  }

  /// Asks it to end, and waits; returns its exit status, which is that of SIGKILL if it takes more
  /// than a minute.
  func stop() -> Int32 {
    let identifier = process.processIdentifier
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + 60)
    timer.setEventHandler { Foundation.kill(identifier, SIGKILL) }
    timer.resume()
    process.terminate()
    process.waitUntilExit()
    timer.cancel()
    return process.terminationStatus
  }

  /// Whatever state it is in, it is gone afterwards.
  func kill() {
    guard process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
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
