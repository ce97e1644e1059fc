import ContainerRuntime
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging
import ServiceProxy

/// The agent of one node: registers it, runs the pods that are bound to it, serves their output,
/// and forwards its services. Runs inside the node's network namespace.
public final class Kubelet: Sendable {
  private let configuration: KubeletConfiguration
  private let client: HTTPSClient
  private let runtime: ContainerRuntimeClient
  private let logger: Logger

  /// - Throws: `KubeConfigurationError` or `ContainerRuntimeError` for what can't be used.
  public init(configuration: KubeletConfiguration) throws {
    self.configuration = configuration
    client = try HTTPSClient(
      configuration: try KubeConfiguration.load(path: configuration.kubeconfig),
      options: HTTPSClient.Options(userAgent: "taffrail-kubelet/\(configuration.nodeName)"))
    runtime = try ContainerRuntimeClient(endpoint: configuration.runtimeEndpoint)
    logger = Logger(label: "taffrail.kubelet")
  }

  /// Runs until cancelled. Pods go on running when it ends, and the next run adopts them.
  ///
  /// - Throws: when the agent's own port can't be served.
  public func run() async throws {
    try FileManager.default.createDirectory(
      atPath: configuration.rootDirectory, withIntermediateDirectories: true)
    let facts = MachineFacts.read(storagePath: configuration.rootDirectory)
    let services = Informer(client: client, resource: .services)
    let events = EventRecorder(
      client: client, component: "kubelet", host: configuration.nodeName)
    let allocatable = facts.resources(maximumPods: configuration.maximumPods)
      .compactMapValues { Quantity(parsing: $0) }
    let manager = PodManager(
      node: NodeServices(
        configuration: configuration, client: client, runtime: runtime, events: events,
        serviceObjects: { services.list() }, allocatable: allocatable, logger: logger))
    let pods = Informer(
      client: client, resource: .pods,
      options: ListOptions(fieldSelector: "spec.nodeName=\(configuration.nodeName)"))
    pods.addHandler { delta in manager.enqueue(delta.key, object: delta.new) }
    let server = try await KubeletServer.start(
      KubeletServer.Configuration(
        host: configuration.address, port: configuration.port,
        certificatePath: configuration.servingCertificate, keyPath: configuration.servingKey,
        clientAuthorityPath: configuration.clientAuthority),
      sources: KubeletServer.Sources(
        log: { await manager.log(namespace: $0, pod: $1, container: $2, previous: $3) },
        pods: {
          let list: JSONValue = [
            "kind": "PodList", "apiVersion": "v1", "metadata": [:], "items": .array(pods.list()),
          ]
          return list.serialized()
        }))
    let reporter = NodeReporter(
      configuration: configuration, client: client, runtime: runtime, facts: facts,
      logger: logger)
    let proxy = ServiceProxy(
      client: client, nodeName: configuration.nodeName, podRange: configuration.clusterPodRange)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [runtime] in try? await runtime.run() }
      group.addTask { await events.run() }
      group.addTask { await services.run() }
      group.addTask { await proxy.run() }
      group.addTask {
        await reporter.register()
        self.logger.info("node \(self.configuration.nodeName) is registered")
        await reporter.run()
      }
      group.addTask {
        try? await services.waitForSync()
        await pods.run()
      }
      group.addTask {
        try? await pods.waitForSync()
        await manager.run()
      }
      await group.next()
      group.cancelAll()
      runtime.close()
    }
    await server.shutDown()
    client.shutDown()
  }
}
