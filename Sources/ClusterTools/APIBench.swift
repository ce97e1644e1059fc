import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Measures a running cluster over its API, as clients see it.
public struct APIBench: Sendable {
  public var clients: ClusterClients
  public var pods: Int
  public var workers: Int
  /// Leaders to kill, one after the other; needs the supervisor that brings them back.
  public var failovers: Int

  public init(clients: ClusterClients, pods: Int = 5_000, workers: Int = 32, failovers: Int = 10) {
    self.clients = clients
    self.pods = pods
    self.workers = workers
    self.failovers = failovers
  }

  public func run(into report: inout BenchReport, progress: @escaping @Sendable (String) -> Void)
    async throws
  {
    let namespace = "bench-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    let client = clients.endpoint
    _ = try await client.create(
      .namespaces, namespace: nil,
      object: ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
    // Pods come with their service account's token, so wait for the account.
    while (try? await client.get(.serviceAccounts, namespace: namespace, name: "default")) == nil {
      try await Task.sleep(for: .milliseconds(20))
    }
    progress("creating \(pods) pods from \(workers) clients")
    let created = try await measure(workers: workers, count: pods) { number in
      _ = try await client.create(
        .pods, namespace: namespace, object: Self.pod(number, namespace: namespace))
    }
    report.add("api", "pod creates, \(workers) clients", created, per: "creates")

    progress("listing them")
    let lists = 12
    let path = "/api/v1/namespaces/\(namespace)/pods"
    let bytes = try await client.raw(method: "GET", path: path).body.count
    let listed = try await measure(workers: 2, count: lists) { _ in
      let answer = try await client.raw(method: "GET", path: path)
      guard answer.status == 200 else {
        throw FailoverDrill.Failure(description: "a list was answered with \(answer.status)")
      }
    }
    report.add(
      "api", "list of \(pods) pods (\(figure(Double(bytes) / 1e6)) MB)",
      listed.perSecond * Double(bytes) / 1e6, "MB/s")
    try await client.delete(
      .namespaces, namespace: nil, name: namespace, options: DeleteOptions())

    if failovers > 0 {
      var milliseconds: [Double] = []
      for round in 1...failovers {
        progress("killing the leader, \(round) of \(failovers)")
        let result = try await FailoverDrill(clients: clients).run { _ in }
        guard result.violations.isEmpty else {
          throw FailoverDrill.Failure(description: result.violations.joined(separator: "; "))
        }
        milliseconds.append(result.failoverMilliseconds)
      }
      report.add(
        "failover", "SIGKILL to first write, median of \(failovers)",
        LatencySummary.median(milliseconds), "ms")
      report.add("failover", "the slowest", milliseconds.max() ?? 0, "ms")
    }
  }

  /// A pod like those that deployments make; nobody schedules it.
  static func pod(_ number: Int, namespace: String) -> JSONValue {
    let container: JSONValue = [
      "name": "app", "image": "registry.example.com/team/app:1.2.3",
      "args": ["--listen=:8080", "--log-level=info", "--shards=16"],
      "env": .array(
        (0..<12).map { ["name": "SETTING_\($0)", "value": "a value of moderate length \($0)"] }),
      "ports": [["containerPort": 8080, "name": "http"]],
      "resources": [
        "requests": ["cpu": "100m", "memory": "128Mi"], "limits": ["memory": "256Mi"],
      ],
      "livenessProbe": ["httpGet": ["path": "/healthz", "port": 8080]],
      "readinessProbe": ["httpGet": ["path": "/readyz", "port": 8080]],
    ]
    return [
      "apiVersion": "v1", "kind": "Pod",
      "metadata": [
        "name": .string("pod-\(number)"), "namespace": .string(namespace),
        "labels": ["app": "bench", "shard": .string(String(number % 16))],
        "annotations": ["example.com/description": "a pod that only exists to be measured"],
      ],
      "spec": [
        "schedulerName": "nobody", "containers": [container],
        "nodeSelector": ["kubernetes.io/os": "linux"],
      ],
    ]
  }
}
