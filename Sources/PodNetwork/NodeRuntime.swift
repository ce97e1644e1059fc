import Foundation

/// The container runtime of one node: a containerd of its own, in the node's network namespace.
///
/// Everything it keeps is below `directory`, apart from the mounts, processes and cgroups that
/// `destroy()` finds by that folder and by `cgroupParent`.
public struct NodeRuntime: Sendable, Hashable {
  public var cluster: String
  public var node: String
  /// Absolute; holds configuration, state, images, containers and volumes of this node.
  public var directory: String
  public var podRange: IPv4Network
  public var mtu: Int

  public static let sandboxImage = "docker.io/taffrail/pause:1"

  public init(
    cluster: String, node: String, directory: String, podRange: IPv4Network, mtu: Int = 1500
  ) {
    precondition(directory.hasPrefix("/"), "the node's folder must be an absolute path")
    self.cluster = cluster
    self.node = node
    self.directory = directory
    self.podRange = podRange
    self.mtu = mtu
  }

  public var namespacePath: String {
    NodeNetworkPlan.namespacePath(cluster: cluster, node: node)
  }

  /// The parent of the cgroups of this node's pods, as the kubelet's `--cgroup-root`.
  public var cgroupParent: String { "/taffrail-\(cluster)/\(node)" }

  public var configurationPath: String { "\(directory)/containerd.toml" }
  public var cniDirectory: String { "\(directory)/cni" }
  public var kubeletDirectory: String { "\(directory)/kubelet" }

  /// A Unix socket's path holds at most 107 bytes, also with the `.ttrpc` that containerd adds, so
  /// that the socket of a deep folder lives in /run.
  public var runDirectory: String {
    "\(directory)/run/containerd.sock.ttrpc".utf8.count <= 100
      ? "\(directory)/run" : "/run/taffrail-\(cluster)/\(node)"
  }
  public var socketPath: String { "\(runDirectory)/containerd.sock" }
  /// As the kubelet's `--runtime`.
  public var endpoint: String { "unix://\(socketPath)" }

  /// Runs a program in the node's network. Not `ip netns exec`, which also remounts /sys, where
  /// runc then finds no cgroups.
  public var entering: [String] { ["nsenter", "--net=\(namespacePath)", "--"] }

  /// The runtime's process; prepare first.
  public var containerdCommand: [String] {
    entering + ["containerd", "--config", configurationPath]
  }

  /// Writes the configuration; harmless when repeated.
  public func prepare() throws {
    let files = FileManager.default
    for folder in [directory, runDirectory, cniDirectory, kubeletDirectory] {
      try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try write(containerdConfiguration, to: configurationPath)
    try write(networkConfiguration, to: "\(cniDirectory)/10-taffrail.conflist")
  }

  private func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  /// Waits until containerd serves its API.
  ///
  /// - Throws: the last answer when `seconds` pass without.
  public func waitUntilServing(seconds: Int = 30) async throws {
    let command = Command(["ctr", "--address", socketPath, "--timeout", "2s", "version"])
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      do {
        try await CommandRunner.check(command)
        return
      } catch {
        if ContinuousClock.now >= deadline { throw error }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Loads image tars (`tools/images/build`) that containerd does not hold yet.
  public func importImages(_ tars: [String]) async throws {
    for tar in tars {
      try await CommandRunner.check(
        Command([
          "ctr", "--address", socketPath, "--namespace", "k8s.io", "images", "import", tar,
        ]))
    }
  }
}
