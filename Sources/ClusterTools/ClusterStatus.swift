import ClusterConfiguration
import JSONDocument
import KubernetesClient

/// What each server of a cluster says of its replica, asked one by one over its own API address.
public struct ClusterStatus: Sendable {
  public struct Replica: Sendable {
    public var id: Int
    public var address: String
    /// What the server answered at `/taffrail/status`; nil where it did not answer.
    public var answer: JSONValue?
    /// Why it did not.
    public var failure: String?

    public var role: String { answer?["role"]?.stringValue ?? "down" }
    public var pid: Int64? { answer?["pid"]?.intValue }
    public func number(_ key: String) -> Int64? { answer?[key]?.intValue }
  }

  public var replicas: [Replica]

  public var leader: Replica? { replicas.first { $0.role == "leader" } }

  /// Entries of the log that a replica is behind the furthest one.
  public func lag(of replica: Replica) -> Int64? {
    guard let applied = replica.number("applied") else { return nil }
    let furthest = replicas.compactMap { $0.number("commit") }.max() ?? applied
    return max(0, furthest - applied)
  }

  public static let header = [
    "ID", "PID", "ROLE", "MEMBER", "TERM", "REVISION", "APPLIED", "LAG", "LOG", "ADDRESS",
  ]

  public var rows: [[String]] {
    replicas.map { replica in
      func text(_ value: Int64?) -> String { value.map(String.init) ?? "-" }
      return [
        String(replica.id), text(replica.pid), replica.role,
        replica.answer?["member"]?.stringValue ?? "-", text(replica.number("term")),
        text(replica.number("revision")), text(replica.number("applied")), text(lag(of: replica)),
        replica.number("logBytes").map(Self.size) ?? "-", replica.address,
      ]
    }
  }

  public var json: JSONValue {
    .object([
      "replicas": .array(
        replicas.map { replica in
          var object = replica.answer?.objectValue ?? JSONObject()
          object["id"] = JSONValue(replica.id)
          object["address"] = .string(replica.address)
          object["role"] = .string(replica.role)
          if let lag = lag(of: replica) { object["lag"] = .int(lag) }
          if let failure = replica.failure { object["failure"] = .string(failure) }
          return .object(object)
        })
    ])
  }

  /// `16.0 MiB`.
  static func size(_ bytes: Int64) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB"] {
      if value < 1024 { return "\((value * 10).rounded() / 10) \(unit)" }
      value /= 1024
    }
    return "\((value * 10).rounded() / 10) GiB"
  }
}

/// Clients of a cluster: one through the endpoint, and one to each server alone.
public struct ClusterClients: Sendable {
  public let endpoint: HTTPSClient
  public let servers: [(id: Int, address: String, client: HTTPSClient)]

  /// - Throws: `KubeConfigurationError` where the kubeconfig can't be used.
  public init(configuration: ClusterConfiguration, home: TaffrailHome, userAgent: String) throws {
    let kubeconfig = try KubeConfiguration.load(path: home.kubeconfig)
    endpoint = try HTTPSClient(
      configuration: kubeconfig,
      options: .init(userAgent: userAgent, requestTimeoutSeconds: 5, retryBudgetMilliseconds: 0))
    servers = try configuration.servers.map { server in
      var direct = kubeconfig
      direct.server = "https://\(server.apiAddress)"
      direct.host = server.apiAddress.host
      direct.port = server.apiAddress.port
      let client = try HTTPSClient(
        configuration: direct,
        options: .init(userAgent: userAgent, requestTimeoutSeconds: 3, retryBudgetMilliseconds: 0))
      return (server.id, server.apiAddress.description, client)
    }
  }

  public func status() async -> ClusterStatus {
    let replicas = await withTaskGroup(of: ClusterStatus.Replica.self) { group in
      for (id, address, client) in servers {
        group.addTask { await Self.replica(id: id, address: address, client: client) }
      }
      var replicas: [ClusterStatus.Replica] = []
      for await replica in group { replicas.append(replica) }
      return replicas
    }
    return ClusterStatus(replicas: replicas.sorted { $0.id < $1.id })
  }

  static func replica(id: Int, address: String, client: HTTPSClient) async
    -> ClusterStatus.Replica
  {
    do {
      let answer = try await client.raw(method: "GET", path: "/taffrail/status")
      guard answer.status == 200 else {
        return .init(
          id: id, address: address, answer: nil, failure: "the server answered \(answer.status)")
      }
      return .init(
        id: id, address: address, answer: try JSONValue(parsing: answer.body), failure: nil)
    } catch {
      return .init(id: id, address: address, answer: nil, failure: "\(error)")
    }
  }

  public func shutDown() {
    endpoint.shutDown()
    for server in servers { server.client.shutDown() }
  }
}
