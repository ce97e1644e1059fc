import Foundation

/// Measures one server alone: ready time, requests, and again the ready time with many objects.
public struct StandaloneBench: Sendable {
  public var binary: String
  /// For the server's data; removed by whoever made it.
  public var folder: String
  public var pods: Int
  public var connections: Int
  /// Objects with which the start is timed; 0 leaves that out.
  public var objects: Int
  /// Informers that list and watch at one time; 0 leaves that out.
  public var informers: Int
  public var informedPods: Int

  public init(
    binary: String, folder: String, pods: Int, connections: Int, objects: Int, informers: Int,
    informedPods: Int
  ) {
    self.binary = binary
    self.folder = folder
    self.pods = pods
    self.connections = connections
    self.objects = objects
    self.informers = informers
    self.informedPods = informedPods
  }

  static let part = "one server"

  public func run(into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void)
    async throws
  {
    // The keys are made at the first start; both starts that are timed find them.
    try await BenchedServer.start(binary: binary, data: folder + "/empty").stop()
    try? FileManager.default.removeItem(atPath: folder + "/empty/store")
    let server = try await BenchedServer.start(binary: binary, data: folder + "/empty")
    defer { server.stop() }
    report.add(Self.part, "start to ready, empty", server.readyMilliseconds, "ms")
    let bench = bench(server)
    try await bench.run(into: &report, progress: progress)
    if objects > 0 { try await startWithObjects(into: &report, progress: progress) }
    if informers > 0 { try await informers(into: &report, progress: progress) }
  }

  private func bench(_ server: BenchedServer) -> APIBench {
    APIBench(
      part: Self.part, kubeconfig: server.kubeconfig,
      servers: [(server.kubeconfig.host, server.kubeconfig.port)], processes: [server.pid],
      pods: pods, connections: connections)
  }

  private func startWithObjects(
    into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void
  ) async throws {
    let data = folder + "/full"
    progress("\(Self.part): start with \(objects) objects")
    let first = try await BenchedServer.start(binary: binary, data: data)
    do {
      defer { first.stop() }
      let generator = try LoadGenerator(
        kubeconfig: first.kubeconfig, servers: [(first.kubeconfig.host, first.kubeconfig.port)])
      let connections = try await generator.connect(16)
      let maps = BenchObjects(namespace: "default")
      _ = try await connections.run(workers: 64, count: objects, status: 201) {
        maps.configMap($0)
      }
      try await connections.close()
      await generator.shutDown()
    }
    let second = try await BenchedServer.start(binary: binary, data: data)
    defer { second.stop() }
    report.add(
      Self.part, "start to ready, \(objects) objects", second.readyMilliseconds, "ms")
    if let figures = ProcessFigures.of(second.pid) {
      report.add(
        Self.part, "memory with \(objects) objects", figures.residentMegabytes, "MB")
    }
  }

  /// Each informer lists all pods over a connection of its own, and then watches.
  private func informers(
    into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void
  ) async throws {
    progress("\(Self.part): \(informers) informers of \(informedPods) pods")
    let server = try await BenchedServer.start(binary: binary, data: folder + "/informed")
    defer { server.stop() }
    let generator = try LoadGenerator(
      kubeconfig: server.kubeconfig, servers: [(server.kubeconfig.host, server.kubeconfig.port)])
    let writing = try await generator.connect(16)
    let objects = BenchObjects(namespace: "default")
    _ = try await writing.run(workers: 32, count: informedPods, status: 201) { objects.pod($0) }
    let before = ProcessFigures.of(server.pid)?.residentMegabytes ?? 0
    report.add(Self.part, "memory with \(informedPods) pods", before, "MB")
    let connections = try await generator.connect(informers)
    let pid = server.pid
    let peak = Task { () -> Double in
      var peak = 0.0
      while !Task.isCancelled {
        peak = max(peak, ProcessFigures.of(pid)?.residentMegabytes ?? 0)
        try? await Task.sleep(for: .milliseconds(100))
      }
      return peak
    }
    let listed = try await connections.run(
      workers: informers, count: informers, status: 200
    ) { _ in .get(objects.podsPath + "?resourceVersion=0") }
    report.add(
      Self.part, "\(informers) informers' lists at once", listed.latency.elapsedSeconds, "s")
    report.add(
      Self.part, "\(informers) informers' lists, bytes", listed.megabytesPerSecond, "MB/s")
    let version = try await writing.one(.get(objects.podsPath + "?limit=1"), keptBytes: 1024)
    let pods = informedPods
    let watched = try await connections.watch(
      "\(objects.podsPath)?watch=1&resourceVersion="
        + APIBench.resourceVersion(version.beginning),
      writing: writing, writers: 4, writes: 100, status: 200, marker: BenchObjects.marker
    ) { objects.touchPod($0, of: pods, at: $1) }
    report.add(
      Self.part, "\(informers) informers' watches", watched.eventsPerSecond, "events/s")
    peak.cancel()
    report.add(
      Self.part, "\(informers) informers, memory grows at most by", await peak.value - before, "MB")
    try await connections.close()
    try await writing.close()
    await generator.shutDown()
  }
}
