import ClusterConfiguration
import Foundation
import PodNetwork

/// Everything of a cluster on this machine: its processes, and the nodes' network and runtimes.
public struct ClusterPlan: Sendable {
  public let configuration: ClusterConfiguration
  public let home: TaffrailHome
  public let pki: ClusterPKI
  /// Absolute path of the `taffrail` program.
  public let executable: String
  /// Whether nodes run containers; otherwise hollow nodes stand in for them.
  public let runsContainers: Bool

  public init(
    configuration: ClusterConfiguration, home: TaffrailHome, pki: ClusterPKI, executable: String,
    runsContainers: Bool
  ) {
    self.configuration = configuration
    self.home = home
    self.pki = pki
    self.executable = executable
    self.runsContainers = runsContainers
  }

  /// The program that runs now, as a path; after a new build, the new one at the same place.
  public static func ownExecutable() -> String {
    let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let suffix = " (deleted)"
    let path = link.hasSuffix(suffix) ? String(link.dropLast(suffix.count)) : link
    return path.isEmpty ? CommandLine.arguments[0] : path
  }

  private var configurationPath: String {
    URL(fileURLWithPath: configuration.path).standardizedFileURL.path
  }

  /// Servers and endpoint.
  public var controlPlane: [ProcessSpecification] {
    configuration.servers.map { server in
      ProcessSpecification(
        name: "server-\(server.id)", stage: .server,
        command: [
          executable, "server", "--config", configurationPath, "--id", String(server.id),
        ])
    } + [
      ProcessSpecification(
        name: "endpoint", stage: .endpoint,
        command: [executable, "endpoint", "--config", configurationPath])
    ]
  }

  /// How many nodes are played: those asked for, and all others where containers can't run.
  public var hollowNodeCount: Int {
    configuration.hollowNodes + (runsContainers ? 0 : configuration.nodes.count)
  }

  public var hollowNodes: ProcessSpecification? {
    guard hollowNodeCount > 0 else { return nil }
    return ProcessSpecification(
      name: "hollow-nodes", stage: .nodeAgent,
      command: [
        executable, "kubelet", "--hollow", String(hollowNodeCount), "--kubeconfig",
        pki.hollowKubeconfig,
      ])
  }

  // MARK: Nodes

  public var network: NodeNetworkPlan {
    Self.network(configuration: configuration, home: home)
  }

  public static func network(
    configuration: ClusterConfiguration, home: TaffrailHome
  ) -> NodeNetworkPlan {
    NodeNetworkPlan(
      cluster: ClusterIdentifier.make(home: home.path),
      hostAddress: configuration.bridgeAddress.description,
      nodeNetwork: network(configuration.nodeNetwork), podRange: network(configuration.podRange),
      serviceRange: network(configuration.serviceRange),
      nodes: configuration.nodes.map { node in
        NodeNetworkPlan.Node(
          name: node.name, address: node.address.description, podRange: network(node.podRange))
      })
  }

  public static func runtime(of node: ClusterConfiguration.Node, home: TaffrailHome) -> NodeRuntime
  {
    NodeRuntime(
      cluster: ClusterIdentifier.make(home: home.path), node: node.name,
      directory: home.nodeFolder(node.name), podRange: network(node.podRange))
  }

  public func containerRuntime(of node: ClusterConfiguration.Node) -> ProcessSpecification {
    ProcessSpecification(
      name: "containerd-\(node.name)", stage: .containerRuntime,
      command: Self.runtime(of: node, home: home).containerdCommand)
  }

  public func nodeAgent(of node: ClusterConfiguration.Node) -> ProcessSpecification? {
    guard let keys = pki.node(named: node.name) else { return nil }
    let runtime = Self.runtime(of: node, home: home)
    return ProcessSpecification(
      name: "kubelet-\(node.name)", stage: .nodeAgent,
      command: runtime.entering + [
        executable, "kubelet", "--name", node.name, "--address", node.address.description,
        "--kubeconfig", keys.kubeconfig, "--root", runtime.kubeletDirectory,
        "--runtime", runtime.endpoint, "--pod-cidr", node.podRange.description,
        "--serving-cert", keys.serving.certificate, "--serving-key", keys.serving.key,
        "--client-ca", pki.authority, "--cluster-cidr", configuration.podRange.description,
        "--cgroup-root", runtime.cgroupParent, "--node-labels",
        node.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
          .joined(separator: ","),
      ])
  }

  private static func network(_ range: IPv4Range) -> IPv4Network {
    guard let network = IPv4Network(range.description) else {
      preconditionFailure("\(range) is a range of addresses by its type")
    }
    return network
  }
}
