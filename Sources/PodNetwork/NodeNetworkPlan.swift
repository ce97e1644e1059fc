/// The network of a cluster whose nodes are network namespaces of this machine, as commands.
///
/// Each node is joined to one bridge by a veth pair. Every node, and the host, routes each pod range
/// through the node that owns it; the host routes the service range through the first node, whose
/// proxy translates it. What is not routed to a node falls into a blackhole, so no packet to a pod
/// or service range ever leaves the machine. Nodes have no default route.
///
/// The names carry the cluster's id, so that clusters side by side do not meet. All commands may
/// be run again.
public struct NodeNetworkPlan: Sendable, Hashable {
  public struct Node: Sendable, Hashable {
    public var name: String
    /// Its address on the node network.
    public var address: String
    public var podRange: IPv4Network

    public init(name: String, address: String, podRange: IPv4Network) {
      self.name = name
      self.address = address
      self.podRange = podRange
    }
  }

  /// Six hexadecimal digits; see `ClusterIdentifier`.
  public var cluster: String
  /// The host's address on the bridge, where nodes reach the API.
  public var hostAddress: String
  public var nodeNetwork: IPv4Network
  /// Holds the pod ranges of all nodes.
  public var podRange: IPv4Network
  public var serviceRange: IPv4Network
  public var nodes: [Node]

  public init(
    cluster: String, hostAddress: String, nodeNetwork: IPv4Network, podRange: IPv4Network,
    serviceRange: IPv4Network, nodes: [Node]
  ) {
    // Interface names have at most 15 bytes.
    precondition(cluster.utf8.count <= 8 && nodes.count <= 999)
    self.cluster = cluster
    self.hostAddress = hostAddress
    self.nodeNetwork = nodeNetwork
    self.podRange = podRange
    self.serviceRange = serviceRange
    self.nodes = nodes
  }

  public var bridge: String { "tf\(cluster)" }

  public static func namespace(cluster: String, node: String) -> String {
    "taffrail-\(cluster)-\(node)"
  }

  public static func namespacePath(cluster: String, node: String) -> String {
    "/var/run/netns/\(namespace(cluster: cluster, node: node))"
  }

  private func veth(_ index: Int) -> String { "\(bridge)w\(index + 1)" }

  /// Larger metrics lose: a blackhole stands behind every real route to the same range.
  static let routeMetric = 100
  static let blackholeMetric = 4_000_000

  /// Commands that make the network.
  public var up: [Command] {
    var commands: [Command] = [
      .making("ip link add \(bridge) type bridge"),
      .making("ip address replace \(hostAddress)/\(nodeNetwork.prefixLength) dev \(bridge)"),
      .making("ip link set \(bridge) up"),
    ]
    for range in [podRange, serviceRange] {
      commands.append(.making("ip route replace blackhole \(range) metric \(Self.blackholeMetric)"))
    }
    for index in nodes.indices { commands += up(node: index) }
    for node in nodes {
      commands.append(
        .making(
          "ip route replace \(node.podRange) via \(node.address) dev \(bridge) "
            + "metric \(Self.routeMetric)"))
    }
    if let first = nodes.first {
      commands.append(
        .making(
          "ip route replace \(serviceRange) via \(first.address) dev \(bridge) "
            + "metric \(Self.routeMetric)"))
    }
    return commands
  }

  private func up(node index: Int) -> [Command] {
    let node = nodes[index]
    let namespace = Self.namespace(cluster: cluster, node: node.name)
    let inside = "ip -n \(namespace)"
    var commands: [Command] = [
      .making("ip netns add \(namespace)"),
      .making("ip link add \(veth(index)) type veth peer name eth0 netns \(namespace)"),
      .making("ip link set \(veth(index)) master \(bridge) up"),
      .making("\(inside) link set lo up"),
      .making("\(inside) address replace \(node.address)/\(nodeNetwork.prefixLength) dev eth0"),
      .making("\(inside) link set eth0 up"),
      // The output hook, where a node's own connection to a service is translated, comes after
      // routing: without a route the connection would fail before.
      .making("\(inside) route replace \(serviceRange) dev lo src \(node.address)"),
    ]
    for other in nodes where other != node {
      commands.append(.making("\(inside) route replace \(other.podRange) via \(other.address)"))
    }
    var settings = ["net.ipv4.ip_forward=1"]
    // Answers of services come back on another interface than the one that routing would choose.
    settings += ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"]
    settings += ["net.ipv4.conf.eth0.rp_filter=0"]
    commands.append(
      Command(
        ["nsenter", "--net=\(Self.namespacePath(cluster: cluster, node: node.name))", "sysctl"]
          + ["-q", "-w"] + settings))
    commands.append(
      Command(
        ["ip", "netns", "exec", namespace, "nft", "-f", "-"], input: guardRules))
    return commands
  }

  /// What no service claimed would go round in circles: out through lo and in again.
  var guardRules: String {
    """
    table ip taffrail-guard
    delete table ip taffrail-guard
    table ip taffrail-guard {
      chain forward {
        type filter hook forward priority 10; policy accept;
        ip daddr \(serviceRange) reject
      }
      chain output {
        type filter hook output priority 10; policy accept;
        ip daddr \(serviceRange) reject
      }
    }

    """
  }

  /// Commands that remove one node from the network.
  public func down(node index: Int) -> [Command] {
    [
      // The pair is deleted from this side, since a namespace is torn down in the background.
      .removing("ip link delete \(veth(index))"),
      .removing("ip netns delete \(Self.namespace(cluster: cluster, node: nodes[index].name))"),
    ]
  }

  /// Commands that remove the network, nodes included.
  public var down: [Command] {
    var commands = nodes.indices.flatMap { down(node: $0) }
    commands.append(.removing("ip link delete \(bridge)"))
    for range in [podRange, serviceRange] {
      commands.append(
        .removing("ip route delete blackhole \(range) metric \(Self.blackholeMetric)"))
    }
    return commands
  }
}
