import APIServer
import ControllerManager
import KubernetesClient
import Logging
import Scheduler

/// The controllers and the scheduler of one server. Each of the two works on one server at a
/// time: on the one that holds its Lease in kube-system.
public struct Reconcilers: Sendable {
  var registry: Registry
  /// Distinguishes servers in the Leases.
  var identity: String
  /// PEM, published to every namespace so that pods can trust the API.
  var rootCertificate: String
  /// Signs what nodes and other clients ask for; nil: nothing is signed.
  var clientAuthority: ControllerManager.CertificateAuthority?
  var controllers: Set<String>?
  var runsScheduler: Bool
  var logger: Logger

  /// - Parameter controllers: names out of `ControllerManager.names`; nil: all; empty: none, and
  ///   no Lease for them.
  public init(
    registry: Registry, identity: String, rootCertificate: String,
    clientAuthority: ControllerManager.CertificateAuthority? = nil, controllers: Set<String>? = nil,
    runsScheduler: Bool = true, logger: Logger
  ) {
    self.registry = registry
    self.identity = identity
    self.rootCertificate = rootCertificate
    self.clientAuthority = clientAuthority
    self.controllers = controllers
    self.runsScheduler = runsScheduler
    self.logger = logger
  }

  /// Runs until cancelled. A reconciler that fails is started again after a moment.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      if controllers?.isEmpty != true {
        group.addTask { await runControllers() }
      }
      guard runsScheduler else { return }
      group.addTask {
        await lead("kube-scheduler", agent: "kube-scheduler") {
          try await Scheduler(
            client: client(user: "system:kube-scheduler", agent: "taffrail-scheduler")
          ).run()
        }
      }
    }
  }

  private func runControllers() async {
    await lead("kube-controller-manager", agent: "kube-controller-manager") {
      try await ControllerManager(
        clients: { client(user: $0, agent: "taffrail-controller-manager") },
        options: .init(
          rootCertificate: rootCertificate, clientAuthority: clientAuthority,
          controllers: controllers)
      ).run()
    }
  }

  private func client(user: String, agent: String) -> any KubernetesClient {
    InProcessClient(registry: registry, user: user, agent: agent)
  }

  private func lead(
    _ name: String, agent: String, body: @escaping @Sendable () async throws -> Void
  ) async {
    let elector = LeaderElector(
      client: client(user: "system:\(agent)", agent: "taffrail-\(agent)"), name: name,
      identity: identity)
    while !Task.isCancelled {
      do {
        try await elector.run(lead: body)
      } catch {
        if Task.isCancelled { return }
        logger.error("\(name) ended: \(error); it is started again")
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }
}
