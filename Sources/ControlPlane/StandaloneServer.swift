import APIServer
import ClusterConfiguration
import EventStore
import Foundation
import Logging

/// One replica and an API server from flags alone, without a cluster.conf: for trying things out
/// and for tests.
public struct StandaloneServer: Sendable {
  /// Holds the store, the keys and, once the server answers, `kubeconfig`.
  public var dataDirectory: String
  public var host: String
  /// 0 picks a free one.
  public var port: Int
  public var disabledAdmissionPlugins: Set<String>
  public var allowPrivileged: Bool
  public var anonymousAuth: Bool
  public var serviceRange: String
  public var logger: Logger

  public init(
    dataDirectory: String, host: String = "127.0.0.1", port: Int = 0,
    disabledAdmissionPlugins: Set<String> = [], allowPrivileged: Bool = true,
    anonymousAuth: Bool = false, serviceRange: String = "10.96.0.0/16", logger: Logger
  ) {
    self.dataDirectory = dataDirectory
    self.host = host
    self.port = port
    self.disabledAdmissionPlugins = disabledAdmissionPlugins
    self.allowPrivileged = allowPrivileged
    self.anonymousAuth = anonymousAuth
    self.serviceRange = serviceRange
    self.logger = logger
  }

  /// What runs.
  public struct Running: Sendable {
    public var api: APIServer
    public var replica: Replica
    public var keys: StandalonePKI
    /// The path of the administrator's kubeconfig.
    public var kubeconfig: String

    public func shutdown() async {
      await api.shutdown()
      await replica.shutdown()
    }
  }

  /// Starts, and writes `kubeconfig` once the server is ready.
  ///
  /// - Throws: what keeps it from starting, as a sentence that says what to do.
  public func start() async throws -> Running {
    try FileManager.default.createDirectory(
      atPath: dataDirectory, withIntermediateDirectories: true)
    let keys = try StandalonePKI.ensure(directory: "\(dataDirectory)/pki", hosts: [host])
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 1, id: 1, dataDirectory: "\(dataDirectory)/store"), logger: logger)
    do {
      let api = try await APIServer.start(
        configuration: APIServerConfiguration(
          addresses: [.init(host: host, port: port)], certificatePath: keys.api.certificate,
          keyPath: keys.api.key, clientCAPath: keys.authority,
          serviceAccountKeyPath: keys.serviceAccountKey, advertiseAddress: host,
          serviceRange: serviceRange, kubeletClientCertificatePath: keys.kubeletClient.certificate,
          kubeletClientKeyPath: keys.kubeletClient.key, kubeletCAPath: keys.authority,
          disabledAdmissionPlugins: disabledAdmissionPlugins, allowPrivileged: allowPrivileged,
          anonymousAuth: anonymousAuth),
        store: replica, clusterStatus: { await ServerStatus.json(of: replica) },
        logger: logger)
      while !api.isReady { try await Task.sleep(for: .milliseconds(10)) }
      let address = api.boundAddresses.first ?? .init(host: host, port: port)
      let path = "\(dataDirectory)/kubeconfig"
      try keys.kubeconfig(server: "https://\(address.host):\(address.port)").write(to: path)
      return Running(api: api, replica: replica, keys: keys, kubeconfig: path)
    } catch {
      await replica.shutdown()
      throw error
    }
  }
}
