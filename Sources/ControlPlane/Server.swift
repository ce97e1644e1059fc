import APIServer
import ChildProcesses
import ClusterConfiguration
import ControllerManager
import EventStore
import Foundation
import JSONDocument
import KubernetesClient
import Logging
import Scheduler

/// One server of a cluster: a replica of the store, an API server on it, and the controllers and
/// the scheduler, which wait until they hold their Leases.
public struct Server: Sendable {
  public var configuration: ClusterConfiguration
  public var home: TaffrailHome
  public var id: Int
  public var logger: Logger

  public init(
    configuration: ClusterConfiguration, home: TaffrailHome, id: Int, logger: Logger
  ) {
    self.configuration = configuration
    self.home = home
    self.id = id
    self.logger = logger
  }

  static let reconcilersStopMilliseconds = 1_500

  /// Runs until `untilStopped` returns, then stops in order: reconcilers give up their Leases, the
  /// API server closes, a leading replica hands over.
  ///
  /// - Throws: what keeps the server from starting, as a sentence that says what to do.
  public func run(untilStopped: @Sendable () async -> Void) async throws {
    try home.prepare()
    let keys = try ClusterPKI.ensure(configuration: configuration, home: home)
    var replicaConfiguration = try ReplicaConfiguration(
      configuration: configuration, home: home, keys: keys, id: id)
    let logger = logger
    replicaConfiguration.onFatal = { reason in
      logger.critical("the replica stops: \(reason)")
      exit(2)
    }
    let apiConfiguration = try apiConfiguration(keys: keys)
    let rootCertificate = try String(contentsOfFile: keys.authority, encoding: .utf8)
    let authorityKey = try? String(contentsOfFile: keys.authorityKey, encoding: .utf8)
    let (replica, api) = try await start(replicaConfiguration, apiConfiguration)
    let runsControllers = configuration.runsControllers
    let reconcilers = Task { [id] in
      // They write to namespaces that the API server makes first.
      await api.waitUntilReady()
      guard !Task.isCancelled else { return }
      ProgramPages.giveBack()
      await Reconcilers(
        registry: api.registry, identity: "server-\(id)", rootCertificate: rootCertificate,
        clientAuthority: authorityKey.map {
          .init(certificatePEM: rootCertificate, keyPEM: $0)
        }, controllers: runsControllers ? nil : [], runsScheduler: runsControllers, logger: logger
      ).run()
    }
    logger.info(
      "serving",
      metadata: ["address": "\(api.boundAddresses.map(\.url).joined(separator: ", "))"])
    await untilStopped()
    logger.info("stopping")
    reconcilers.cancel()
    // What they still write is no longer worth waiting for when the other servers stop as well;
    // before the server is ready there is nothing to wait for.
    if api.isReady {
      await reconcilers.ended(withinMilliseconds: Self.reconcilersStopMilliseconds)
    }
    await api.shutdown()
    await replica.shutdown()
  }

  /// Starts both, or neither. A port that another process has is named with that process.
  private func start(
    _ replicaConfiguration: ReplicaConfiguration, _ apiConfiguration: APIServerConfiguration
  ) async throws -> (Replica, APIServer) {
    var started: Replica?
    do {
      let replica = try await Replica.start(configuration: replicaConfiguration, logger: logger)
      started = replica
      let api = try await APIServer.start(
        configuration: apiConfiguration, store: replica,
        clusterStatus: { await ServerStatus.json(of: replica) },
        serverMetrics: { await ServerMetrics.families(of: replica) },
        clusterChange: { await MemberRequest.answer($0, on: replica) }, logger: logger)
      return (replica, api)
    } catch {
      await started?.shutdown()
      let isInUse =
        switch error {
        case let error as ReplicaStartError: error.isAddressInUse
        case APIServerError.listen(_, let isInUse): isInUse
        default: false
        }
      guard isInUse, let server = configuration.server(id: id) else { throw error }
      let conflicts = PortCheck.conflicts(of: server, in: configuration)
      guard !conflicts.isEmpty else { throw error }
      throw ReplicaStartError(conflicts.joined(separator: "\n"), isAddressInUse: true)
    }
  }

  private func apiConfiguration(keys: ClusterPKI) throws -> APIServerConfiguration {
    guard let server = configuration.server(id: id), let key = keys.server(id: id) else {
      throw ReplicaStartError("\(configuration.path) has no server with id \(id)")
    }
    return APIServerConfiguration(
      addresses: [.init(host: server.apiAddress.host, port: server.apiAddress.port)],
      certificatePath: key.api.certificate, keyPath: key.api.key, clientCAPath: keys.authority,
      serviceAccountKeyPath: keys.serviceAccountKey,
      // Pods reach the servers as everybody does, through the endpoint at the nodes' bridge.
      advertiseAddress: configuration.nodeEndpointAddress.host,
      advertisePort: configuration.nodeEndpointAddress.port,
      serviceRange: configuration.serviceRange.description,
      kubeletClientCertificatePath: keys.kubeletClient.certificate,
      kubeletClientKeyPath: keys.kubeletClient.key, kubeletCAPath: keys.authority)
  }
}
