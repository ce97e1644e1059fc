import KubernetesClient

/// Measures API servers as clients see them: over HTTP/2 with TLS, from one thread of this
/// process, and what the servers' processes take meanwhile.
public struct APIBench: Sendable {
  /// What is measured; the name of the report's part.
  public var part: String
  public var kubeconfig: KubeConfiguration
  public var servers: [(host: String, port: Int)]
  /// Their processes, to see what they take.
  public var processes: [Int32]
  public var pods: Int
  public var workers: Int
  /// Connections over which the workers are spread.
  public var connections: Int

  public init(
    part: String, kubeconfig: KubeConfiguration, servers: [(host: String, port: Int)],
    processes: [Int32], pods: Int, workers: Int = 32, connections: Int = 32
  ) {
    self.part = part
    self.kubeconfig = kubeconfig
    self.servers = servers
    self.processes = processes
    self.pods = pods
    self.workers = workers
    self.connections = connections
  }

  static let watchers = 100

  /// Runs all measurements; they leave nothing behind but an empty namespace.
  public func run(into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void)
    async throws
  {
    let generator = try LoadGenerator(kubeconfig: kubeconfig, servers: servers)
    do {
      try await run(generator, into: &report, progress: progress)
      await generator.shutDown()
    } catch {
      await generator.shutDown()
      throw error
    }
  }

  private func run(
    _ generator: LoadGenerator, into report: inout BenchReport,
    progress: @escaping @Sendable (String) -> Void
  ) async throws {
    let connections = try await generator.connect(self.connections)
    let objects = BenchObjects(
      namespace: "bench-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
    try await makeNamespace(objects, connections)
    let pods = self.pods
    func requests(
      _ name: String, count: Int, status: Int,
      _ request: @escaping @Sendable (Int) -> LoadRequest
    ) async throws {
      progress("\(part): \(name)")
      let meter = CPUMeter(processes)
      let result = try await connections.run(
        workers: workers, count: count, status: status, request: request)
      report.add(part, "\(name), \(workers) clients", result.latency, per: "requests")
      meter.add(name, count: count, to: &report, part: part)
    }
    try await requests("create", count: pods, status: 201) { objects.pod($0) }
    try await requests("get", count: pods * 4, status: 200) {
      .get("\(objects.podsPath)/pod-\($0 % pods)")
    }
    try await requests("patch", count: pods * 2, status: 200) { objects.patch($0, of: pods) }
    try await requests("status patch", count: pods * 2, status: 200) {
      objects.statusPatch($0, of: pods)
    }
    try await lists(objects, connections, into: &report, progress: progress)
    for (number, process) in processes.enumerated() {
      guard let figures = ProcessFigures.of(process) else { continue }
      report.add(
        part, "memory of server \(number + 1) with \(pods) pods", figures.residentMegabytes, "MB")
    }
    try await watches(objects, generator, connections, into: &report, progress: progress)
    try await requests("delete", count: pods, status: 200) { objects.delete($0) }
    try await requests("create pods unlike each other", count: pods, status: 201) {
      objects.unlikePod($0)
    }
    _ = try await connections.one(LoadRequest(method: "DELETE", path: objects.podsPath))
    _ = try await connections.one(
      LoadRequest(method: "DELETE", path: "/api/v1/namespaces/\(objects.namespace)"))
    try await connections.close()
  }

  private func makeNamespace(
    _ objects: BenchObjects, _ connections: LoadGenerator.Connections
  ) async throws {
    let body =
      #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"\#(objects.namespace)"}}"#
    let answer = try await connections.one(
      LoadRequest(
        method: "POST", path: "/api/v1/namespaces", contentType: "application/json",
        body: .init(string: body)))
    guard answer.status == 201 else {
      throw LoadGenerator.Failure(description: "no namespace could be made: \(answer)")
    }
    // Where a cluster's admission is on, pods need the namespace's service account, which a
    // controller makes elsewhere.
    guard servers.count > 1 else { return }
    let account = try await connections.one(
      LoadRequest(
        method: "POST", path: "/api/v1/namespaces/\(objects.namespace)/serviceaccounts",
        contentType: "application/json",
        body: .init(
          string: #"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}}"#)))
    guard account.status == 201 else {
      throw LoadGenerator.Failure(description: "no service account could be made: \(account)")
    }
  }

  private func lists(
    _ objects: BenchObjects, _ connections: LoadGenerator.Connections,
    into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void
  ) async throws {
    for (name, query, count) in [
      ("full list of \(pods) pods", "", 40), ("list by label", "?labelSelector=shard%3D7", 400),
    ] {
      progress("\(part): \(name)")
      let path = objects.podsPath + query
      _ = try await connections.one(.get(path))
      let meter = CPUMeter(processes)
      let result = try await connections.run(workers: 4, count: count, status: 200) { _ in
        .get(path)
      }
      report.add(part, name, result.megabytesPerSecond, "MB/s")
      report.add(part, "\(name), each", Double(result.bytes) / 1e6 / Double(count), "MB")
      report.add(part, "\(name), p50", result.latency.p50Milliseconds, "ms")
      meter.add(name, count: count, to: &report, part: part)
    }
    progress("\(part): paged list")
    let meter = CPUMeter(processes)
    let start = ContinuousClock.now
    var bytes = 0
    var pages = 0
    for _ in 0..<10 {
      var token = ""
      repeat {
        let answer = try await connections.one(
          .get("\(objects.podsPath)?limit=500" + (token.isEmpty ? "" : "&continue=\(token)")),
          keptBytes: 2048)
        guard answer.status == 200 else {
          throw LoadGenerator.Failure(description: "a page was answered with \(answer)")
        }
        bytes += answer.bytes
        pages += 1
        token = Self.continueToken(answer.beginning)
      } while !token.isEmpty
    }
    let seconds = Double(nanoseconds(ContinuousClock.now - start)) / 1e9
    report.add(part, "list in pages of 500, one client", Double(bytes) / 1e6 / seconds, "MB/s")
    meter.add("page", count: pages, to: &report, part: part)
  }

  /// Stands near the beginning of a list; empty on the last page.
  static func continueToken(_ beginning: String) -> String {
    guard let start = beginning.firstRange(of: "\"continue\":\"") else { return "" }
    return String(beginning[start.upperBound...].prefix { $0 != "\"" })
  }

  private func watches(
    _ objects: BenchObjects, _ generator: LoadGenerator, _ writing: LoadGenerator.Connections,
    into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void
  ) async throws {
    let maps = 64
    _ = try await writing.run(workers: 8, count: maps, status: 201) { objects.configMap($0) }
    let pods = self.pods
    for (name, path, writes) in [
      ("ConfigMaps", objects.configMapsPath, 20_000), ("pods", objects.podsPath, 2_000),
    ] {
      progress("\(part): \(Self.watchers) watchers of \(name)")
      let watching = try await generator.connect(Self.watchers)
      let version = try await writing.one(.get(path + "?limit=1"), keptBytes: 1024)
      let meter = CPUMeter(processes)
      let result = try await watching.watch(
        "\(path)?watch=1&resourceVersion=\(Self.resourceVersion(version.beginning))",
        writing: writing, writers: 32, writes: writes, status: 200, marker: BenchObjects.marker
      ) { number, time in
        name == "pods"
          ? objects.touchPod(number, of: pods, at: time)
          : objects.touch(number, of: maps, at: time)
      }
      let size = Double(result.bytes) / Double(max(result.events, 1)) / 1e3
      let title = "\(Self.watchers) watchers of \(name)"
      report.add(part, title, result.eventsPerSecond, "events/s")
      report.add(part, "\(title), an event", size, "KB")
      report.add(part, "\(title), bytes", result.megabytesPerSecond, "MB/s")
      report.add(part, "\(title), write to event p50", result.lag.p50Milliseconds, "ms")
      report.add(part, "\(title), write to event p99", result.lag.p99Milliseconds, "ms")
      meter.add("\(title), an event", count: result.events, to: &report, part: part)
      // The ends of the watches are expected from here on.
      try await watching.close()
    }
  }

  static func resourceVersion(_ beginning: String) -> String {
    guard let start = beginning.firstRange(of: "\"resourceVersion\":\"") else { return "" }
    return String(beginning[start.upperBound...].prefix { $0 != "\"" })
  }
}
