import KubernetesAPI
import KubernetesClient
import Logging

/// The controllers of a cluster, on one set of shared informers.
///
/// Run it on one server at a time (`LeaderElector`). Each controller writes under its own name.
public struct ControllerManager: Sendable {
  public struct Options: Sendable {
    /// PEM of the authority that signs the API servers' certificates; published to every
    /// namespace. Empty: not published.
    public var rootCertificate: String
    /// A node that has not been heard of for this long is of unknown state. Upstream's default.
    public var nodeGracePeriodSeconds: Int64
    public var nodeMonitorMilliseconds: Int64
    /// What certificates of clients and nodes are signed with; nil: none are signed.
    public var clientAuthority: CertificateAuthority?
    /// Names out of `ControllerManager.names`; nil: all.
    public var controllers: Set<String>?
    public var workers: Int

    public init(
      rootCertificate: String = "", clientAuthority: CertificateAuthority? = nil,
      nodeGracePeriodSeconds: Int64 = 40,
      nodeMonitorMilliseconds: Int64 = 2_000, controllers: Set<String>? = nil, workers: Int = 5
    ) {
      self.rootCertificate = rootCertificate
      self.clientAuthority = clientAuthority
      self.nodeGracePeriodSeconds = nodeGracePeriodSeconds
      self.nodeMonitorMilliseconds = nodeMonitorMilliseconds
      self.controllers = controllers
      self.workers = workers
    }
  }

  /// An authority and its private key, both PEM.
  public struct CertificateAuthority: Sendable {
    public var certificatePEM: String
    public var keyPEM: String

    public init(certificatePEM: String, keyPEM: String) {
      self.certificatePEM = certificatePEM
      self.keyPEM = keyPEM
    }
  }

  /// All there are, with the service account that each acts as.
  static let registry:
    [(
      name: String, user: String,
      make: @Sendable (ControllerContext) -> @Sendable () async -> Void
    )] = [
      ("deployment", "deployment-controller", DeploymentController.make),
      ("replicaset", "replicaset-controller", ReplicaSetController.make),
      ("endpoints", "endpoint-controller", EndpointsController.make),
      ("endpointslice", "endpointslice-controller", EndpointSliceController.make),
      ("namespace", "namespace-controller", NamespaceController.make),
      ("garbagecollector", "generic-garbage-collector", GarbageCollector.make),
      ("nodelifecycle", "node-controller", NodeLifecycleController.make),
      ("podgc", "pod-garbage-collector", PodGarbageController.make),
      ("serviceaccount", "service-account-controller", ServiceAccountController.make),
      ("rootca", "root-ca-cert-publisher", RootCertificateController.make),
      ("resourcequota", "resourcequota-controller", ResourceQuotaController.make),
      (
        "clusterroleaggregation", "clusterrole-aggregation-controller",
        ClusterRoleAggregationController.make
      ),
      ("storageprotection", "pvc-protection-controller", StorageProtectionController.make),
      ("certificate", "certificate-controller", CertificateController.make),
      ("bootstraptoken", "token-cleaner", BootstrapTokenController.make),
    ]

  public static var names: [String] { registry.map(\.name) }

  private let clients: @Sendable (String) -> any KubernetesClient
  private let options: Options

  /// `clients` gives a client that acts as the named user, e.g.
  /// `system:serviceaccount:kube-system:deployment-controller`.
  public init(
    clients: @escaping @Sendable (String) -> any KubernetesClient, options: Options = Options()
  ) {
    let unknown = (options.controllers ?? []).subtracting(Self.names)
    precondition(unknown.isEmpty, "no such controllers: \(unknown.sorted())")
    self.clients = clients
    self.options = options
  }

  /// All controllers through one client, e.g. with a kubeconfig of an administrator.
  public init(client: any KubernetesClient, options: Options = Options()) {
    self.init(clients: { _ in client }, options: options)
  }

  /// Runs until the task is cancelled.
  public func run() async throws {
    let shared = clients("system:kube-controller-manager")
    let informers = SharedInformers(client: shared)
    var runs: [@Sendable () async -> Void] = []
    for entry in Self.registry where options.controllers?.contains(entry.name) ?? true {
      let client = clients("system:serviceaccount:kube-system:\(entry.user)")
      let recorder = EventRecorder(client: client, component: entry.user)
      let context = ControllerContext(
        name: entry.name, client: client, informers: informers, recorder: recorder,
        options: options)
      runs.append(entry.make(context))
      runs.append { await recorder.run() }
    }
    let all = runs
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await informers.run() }
      try await informers.waitForSync()
      for run in all { group.addTask { await run() } }
      try await group.waitForAll()
    }
  }
}

/// What every controller is made of.
struct ControllerContext: Sendable {
  let name: String
  let client: any KubernetesClient
  let informers: SharedInformers
  let recorder: EventRecorder
  let options: ControllerManager.Options
  var logger: Logger { Logger(label: "taffrail.controller.\(name)") }
}
