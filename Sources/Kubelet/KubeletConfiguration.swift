import JSONDocument

/// What a node agent is told at its start.
public struct KubeletConfiguration: Sendable {
  public var nodeName: String
  /// The node's own address, where the API server reaches its port.
  public var address: String
  public var kubeconfig: String
  /// Holds volumes, logs and hosts files; absolute.
  public var rootDirectory: String
  /// `unix:///…`
  public var runtimeEndpoint: String
  /// The node's pods.
  public var podRange: String
  /// The cluster's pods: the proxy keeps their addresses as they are.
  public var clusterPodRange: String
  public var servingCertificate: String
  public var servingKey: String
  public var clientAuthority: String
  public var port: Int
  public var labels: [String: String]
  /// Empty: pods get the machine's resolver configuration.
  public var clusterDNS: String
  public var clusterDomain: String
  /// The cgroup below which those of pods are made.
  public var cgroupRoot: String
  public var maximumPods: Int

  public init(
    nodeName: String, address: String, kubeconfig: String, rootDirectory: String,
    runtimeEndpoint: String, podRange: String, clusterPodRange: String,
    servingCertificate: String, servingKey: String, clientAuthority: String, port: Int = 10250,
    labels: [String: String] = [:], clusterDNS: String = "",
    clusterDomain: String = "cluster.local", cgroupRoot: String = "/taffrail",
    maximumPods: Int = 110
  ) {
    self.nodeName = nodeName
    self.address = address
    self.kubeconfig = kubeconfig
    self.rootDirectory = rootDirectory
    self.runtimeEndpoint = runtimeEndpoint
    self.podRange = podRange
    self.clusterPodRange = clusterPodRange
    self.servingCertificate = servingCertificate
    self.servingKey = servingKey
    self.clientAuthority = clientAuthority
    self.port = port
    self.labels = labels
    self.clusterDNS = clusterDNS
    self.clusterDomain = clusterDomain
    self.cgroupRoot = cgroupRoot
    self.maximumPods = maximumPods
  }

  func podDirectory(_ uid: String) -> String { "\(rootDirectory)/pods/\(uid)" }

  func logDirectory(namespace: String, name: String, uid: String) -> String {
    "\(rootDirectory)/logs/\(namespace)_\(name)_\(uid)"
  }
}

/// Why a pod or container can't go on, with the reason that its status and event carry.
struct PodError: Error, Sendable, CustomStringConvertible {
  var reason: String
  var message: String

  init(_ reason: String, _ message: String) {
    self.reason = reason
    self.message = message
  }

  var description: String { "\(reason): \(message)" }
}
