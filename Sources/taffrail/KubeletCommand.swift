import ArgumentParser
import Foundation
import Kubelet
import KubernetesClient

/// `taffrail kubelet`: the agent of one node, or many hollow ones.
struct KubeletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kubelet",
    abstract: "Run the pods of a node; with --hollow, play the pods of many.")

  @OptionGroup var logFormat: LogFormatOptions
  @Option(help: "The node's name.") var name: String?
  @Option(help: "The node's address, where the API server reaches this agent.")
  var address: String = "127.0.0.1"
  @Option(help: "How to reach the API.") var kubeconfig: String
  @Option(help: "The folder for volumes and logs.") var root: String?
  @Option(help: "The container runtime's socket: unix:///…") var runtime: String?
  @Option(name: .customLong("pod-cidr"), help: "The addresses of this node's pods.")
  var podRange: String?
  @Option(name: .customLong("cluster-cidr"), help: "The addresses of all pods.")
  var clusterPodRange: String = "10.244.0.0/16"
  @Option(help: "The certificate that this agent serves with.") var servingCert: String?
  @Option(help: "Its key.") var servingKey: String?
  @Option(help: "Who signs the certificates of clients.") var clientCa: String?
  @Option(help: "The agent's port.") var port: Int = 10250
  @Option(help: "Labels of the node: a=b,c=d.") var nodeLabels: String = ""
  @Option(name: .customLong("cluster-dns"), help: "The DNS server of pods.")
  var clusterDNS: String = ""
  @Option(help: "The domain of services.") var clusterDomain: String = "cluster.local"
  @Option(help: "The cgroup below which pods run.") var cgroupRoot: String = "/taffrail"
  @Option(help: "How many pods the node takes.") var maxPods: Int = 110
  @Option(help: "Play this many nodes instead of running one.") var hollow: Int?
  @Option(help: "What the names of hollow nodes begin with.") var namePrefix: String = "hollow-"

  func validate() throws {
    if let hollow {
      guard (1...10_000).contains(hollow) else {
        throw ValidationError("--hollow takes 1 to 10000 nodes")
      }
      return
    }
    for (option, value) in [
      ("--name", name), ("--root", root), ("--runtime", runtime), ("--pod-cidr", podRange),
      ("--serving-cert", servingCert), ("--serving-key", servingKey), ("--client-ca", clientCa),
    ] where value == nil {
      throw ValidationError("\(option) is missing (only --hollow goes without it)")
    }
    guard (0...65535).contains(port) else { throw ValidationError("--port is 0 to 65535") }
    _ = try labels()
  }

  private func labels() throws -> [String: String] {
    var labels: [String: String] = [:]
    for pair in nodeLabels.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw ValidationError("--node-labels: '\(pair)' is not of the form name=value")
      }
      labels[String(parts[0])] = String(parts[1])
    }
    return labels
  }

  func run() async throws {
    logFormat.apply()
    if let hollow {
      let client = try HTTPSClient(configuration: try KubeConfiguration.load(path: kubeconfig))
      let nodes = HollowNodes(
        client: client,
        configuration: .init(count: hollow, namePrefix: namePrefix, address: address))
      try await Signals.untilStopped { await nodes.run() }
      return
    }
    guard let name, let root, let runtime, let podRange, let servingCert, let servingKey,
      let clientCa
    else { return }
    let kubelet = try Kubelet(
      configuration: KubeletConfiguration(
        nodeName: name, address: address, kubeconfig: kubeconfig,
        rootDirectory: URL(fileURLWithPath: root).standardizedFileURL.path,
        runtimeEndpoint: runtime, podRange: podRange, clusterPodRange: clusterPodRange,
        servingCertificate: servingCert, servingKey: servingKey, clientAuthority: clientCa,
        port: port, labels: try labels(), clusterDNS: clusterDNS, clusterDomain: clusterDomain,
        cgroupRoot: cgroupRoot, maximumPods: maxPods))
    try await Signals.untilStopped { try await kubelet.run() }
  }
}
