import APIServer
import ChildProcesses
import ClusterConfiguration
import ControllerManager
import EventStore
import Foundation
import Logging

/// One replica and an API server from flags alone, without a cluster.conf, with controllers and
/// scheduler where wanted: for trying things out and for tests.
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
  /// Names out of `allReconcilers`.
  public var reconcilers: Set<String>
  public var logger: Logger

  public init(
    dataDirectory: String, host: String = "127.0.0.1", port: Int = 0,
    disabledAdmissionPlugins: Set<String> = [], allowPrivileged: Bool = true,
    anonymousAuth: Bool = false, serviceRange: String = "10.96.0.0/16",
    reconcilers: Set<String> = [], logger: Logger
  ) {
    self.dataDirectory = dataDirectory
    self.host = host
    self.port = port
    self.disabledAdmissionPlugins = disabledAdmissionPlugins
    self.allowPrivileged = allowPrivileged
    self.anonymousAuth = anonymousAuth
    self.serviceRange = serviceRange
    self.reconcilers = reconcilers
    self.logger = logger
  }

  static let scheduler = "scheduler"

  /// What may run beside the API server: the controllers and the scheduler.
  public static var allReconcilers: [String] { ControllerManager.names + [scheduler] }

  /// What runs.
  public struct Running: Sendable {
    public var api: APIServer
    public var replica: Replica
    public var keys: StandalonePKI
    /// The path of the administrator's kubeconfig.
    public var kubeconfig: String
    let reconcilers: Task<Void, Never>

    public func shutdown() async {
      reconcilers.cancel()
      await reconcilers.value
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
    let rootCertificate = try String(contentsOfFile: keys.authority, encoding: .utf8)
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 1, id: 1, dataDirectory: "\(dataDirectory)/store",
        // There is no follower to send entries to.
        logMemoryBytes: 4 << 20), logger: logger)
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
        serverMetrics: { await ServerMetrics.families(of: replica) },
        logger: logger)
      await api.waitUntilReady()
      let address = api.boundAddresses.first ?? .init(host: host, port: port)
      let path = "\(dataDirectory)/kubeconfig"
      try keys.kubeconfig(server: address.url).write(to: path)
      ProgramPages.giveBack()
      return Running(
        api: api, replica: replica, keys: keys, kubeconfig: path,
        reconcilers: runReconcilers(
          api, rootCertificate: rootCertificate,
          authorityKey: try? String(contentsOfFile: keys.authorityKey, encoding: .utf8)))
    } catch {
      await replica.shutdown()
      guard case APIServerError.listen(let message, isInUse: true) = error,
        let holder = PortCheck.holder(of: HostPort(host: host, port: port))
      else { throw error }
      throw APIServerError.listen(
        "\(message); \(holder) has it: stop that, or choose another address with --api",
        isInUse: true)
    }
  }

  private func runReconcilers(
    _ api: APIServer, rootCertificate: String, authorityKey: String?
  ) -> Task<Void, Never> {
    let controllers = reconcilers.subtracting([Self.scheduler])
    let reconcilers = Reconcilers(
      registry: api.registry, identity: "standalone", rootCertificate: rootCertificate,
      clientAuthority: authorityKey.map { .init(certificatePEM: rootCertificate, keyPEM: $0) },
      controllers: controllers, runsScheduler: self.reconcilers.contains(Self.scheduler),
      logger: logger)
    return Task { await reconcilers.run() }
  }
}
