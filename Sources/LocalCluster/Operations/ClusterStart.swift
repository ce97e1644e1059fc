import ClusterConfiguration
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import PodNetwork

/// Starts the cluster of a configuration and waits until it serves.
public struct ClusterStart: Sendable {
  static let readySeconds = 90
  static let nodeSeconds = 120
  /// After `crashSeconds` without a server that ran for `stableSeconds`, waiting is in vain.
  static let crashSeconds = 15
  static let stableSeconds = 5

  let configuration: ClusterConfiguration
  let home: TaffrailHome
  let progress: ProgressReport
  let executable: String

  public init(
    configuration: ClusterConfiguration, home: TaffrailHome,
    progress: ProgressReport = ProgressReport(), executable: String = ClusterPlan.ownExecutable()
  ) {
    self.configuration = configuration
    self.home = home
    self.progress = progress
    self.executable = executable
  }

  /// Harmless when the cluster runs already. `images`: a folder of image archives for the nodes.
  ///
  /// - Throws: an error that says what is wrong and where to look.
  public func run(images: String?) async throws {
    for warning in configuration.warnings { progress.note(warning) }
    try await progress.step("Keys and certificates in \(home.path)") {
      try home.prepare()
      try ClusterPKI.ensure(configuration: configuration, home: home)
      if let images { try copyImages(from: images) }
    }
    let missing = configuration.nodes.isEmpty ? [] : NodeRequirements.missing()
    if !missing.isEmpty {
      progress.note(
        "No containers here: \(missing.joined(separator: ", ")) missing. "
          + "\(configuration.nodes.count) hollow nodes stand in: pods go through their phases, "
          + "and nothing runs.")
    }
    if let running = ProcessIdentity.running(pidFile: home.pidFile("supervisor")) {
      progress.note("The cluster is running already (supervisor \(running.pid)).")
    } else {
      try await check(runsContainers: missing.isEmpty)
      let count = configuration.servers.count
      try await progress.step("Starting \(count) \(count == 1 ? "server" : "servers")") {
        try await startSupervisor()
      }
    }
    let kubeConfiguration = try KubeConfiguration.load(path: home.kubeconfig)
    let client = try HTTPSClient(
      configuration: kubeConfiguration,
      options: .init(
        userAgent: "taffrail-up", maximumConnections: 1, requestTimeoutSeconds: 5,
        retryBudgetMilliseconds: 0))
    defer { client.shutDown() }
    try await progress.step("Waiting for the API at https://\(configuration.endpointAddress)") {
      try await waitForAPI(client)
    }
    let expected = configuration.nodes.count + configuration.hollowNodes
    if expected > 0 {
      let ready = try await progress.step("Waiting for the nodes") {
        try await waitForNodes(client, expected: expected, isHollow: !missing.isEmpty)
      }
      if ready < expected {
        progress.note("\(ready) of \(expected) nodes are Ready; the logs are in \(home.logsFolder)")
      }
    }
  }

  private func copyImages(from folder: String) throws {
    try AtomicFile.createFolder(home.imagesFolder)
    let files = FileManager.default
    for name in try files.contentsOfDirectory(atPath: folder) where name.hasSuffix(".tar") {
      let target = "\(home.imagesFolder)/\(name)"
      if files.contentsEqual(atPath: "\(folder)/\(name)", andPath: target) { continue }
      try? files.removeItem(atPath: target)
      try files.copyItem(atPath: "\(folder)/\(name)", toPath: target)
    }
  }

  /// What would keep the cluster from starting, all at once.
  private func check(runsContainers: Bool) async throws {
    let own = Set(RunningProcesses.all(home: home).map(\.process.pid))
    var problems = PortCheck.conflicts(configuration, own: own)
    if runsContainers, !configuration.nodes.isEmpty {
      let text = try await CommandRunner.check(Command(["ip", "-json", "route", "show"]))
      // An empty table is printed as nothing.
      let routes = text.utf8.allSatisfy({ $0 <= 32 }) ? .array([]) : try JSONValue(parsing: text)
      problems += ClusterPlan.network(configuration: configuration, home: home)
        .conflicts(routes: routes)
    }
    guard problems.isEmpty else {
      throw OperationError(problems.joined(separator: "\n"))
    }
  }

  private func startSupervisor() async throws {
    let logFile = home.logFile("supervisor")
    let path = URL(fileURLWithPath: configuration.path).standardizedFileURL.path
    let process = try SupervisedProcess(
      [executable, "supervise", "--config", path], logFile: logFile,
      environment: ["TAFFRAIL_HOME": home.path]
    ).identity
    let deadline = ContinuousClock.now + .seconds(30)
    while ProcessIdentity.running(pidFile: home.pidFile("supervisor")) != process {
      guard process.isRunning, ContinuousClock.now < deadline else {
        throw OperationError(failure("the supervisor did not start", log: "supervisor"))
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private func waitForAPI(_ client: HTTPSClient) async throws {
    let start = ContinuousClock.now
    let deadline = start + .seconds(Self.readySeconds)
    var firstSeen: [ProcessIdentity: ContinuousClock.Instant] = [:]
    var last = "no answer"
    while true {
      do {
        let answer = try await client.raw(method: "GET", path: "/readyz")
        if answer.status == 200 { return }
        last = "status \(answer.status)"
      } catch {
        last = "\(error)"
      }
      let now = ContinuousClock.now
      for server in configuration.servers {
        let file = home.pidFile("server-\(server.id)")
        guard let process = ProcessIdentity.running(pidFile: file) else { continue }
        if firstSeen[process] == nil { firstSeen[process] = now }
      }
      let isAnyStable = firstSeen.contains { process, seen in
        process.isRunning && now - seen > .seconds(Self.stableSeconds)
      }
      let id = configuration.servers.first?.id ?? 1
      if !isAnyStable, now - start > .seconds(Self.crashSeconds) {
        throw OperationError(
          failure("the servers end again and again as soon as they start", log: "server-\(id)"))
      }
      guard now < deadline else {
        throw OperationError(
          failure(
            "the API did not become ready in \(Self.readySeconds) s (\(last))", log: "server-\(id)")
        )
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// The number of Ready nodes: all that are expected, or what there is when the time is over.
  private func waitForNodes(
    _ client: HTTPSClient, expected: Int, isHollow: Bool
  ) async throws -> Int {
    let deadline = ContinuousClock.now + .seconds(Self.nodeSeconds)
    var ready = 0
    while true {
      if let list = try? await client.list(.nodes, namespace: nil, options: ListOptions()) {
        ready = list.items.filter(Self.isReady).count
      }
      if ready >= expected { return ready }
      guard ContinuousClock.now < deadline else {
        if ready > 0 { return ready }
        let log = configuration.nodes.first.map { isHollow ? "hollow-nodes" : "kubelet-\($0.name)" }
        throw OperationError(
          failure("no node became Ready in \(Self.nodeSeconds) s", log: log ?? "hollow-nodes"))
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  static func isReady(_ node: JSONValue) -> Bool {
    (node["status"]?["conditions"]?.arrayValue ?? []).contains { condition in
      condition["type"]?.stringValue == "Ready" && condition["status"]?.stringValue == "True"
    }
  }

  private func failure(_ what: String, log: String) -> String {
    let path = home.logFile(log)
    guard let tail = LogRotation.tail(path, lines: 8) else {
      return "\(what); see \(home.logFile("supervisor"))"
    }
    return "\(what). The end of \(path):\n\(tail)"
  }
}
