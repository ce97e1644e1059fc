/// A cluster as `cluster.conf` describes it. The file itself explains every key.
public struct ClusterConfiguration: Sendable, Hashable {
  /// One control plane process: a replica of the store, an API server, controllers, a scheduler.
  public struct Server: Sendable, Hashable {
    /// 1 to 255, unique; never reused for another data folder.
    public var id: Int
    public var peerAddress: HostPort
    public var apiAddress: HostPort
  }

  /// A worker node: a network namespace on this machine.
  public struct Node: Sendable, Hashable {
    public var name: String
    /// In `nodeNetwork`: `.11` for the first node, `.12` for the second, and so on.
    public var address: IPv4Address
    /// From the file, or the first free /24 of the cluster's `podRange` after its first.
    public var podRange: IPv4Range
    public var labels: [String: String]
  }

  /// How much history the log keeps; the older goes when either limit is passed.
  public struct LogRetention: Sendable, Hashable {
    public var timeSeconds: Int
    public var bytes: Int
  }

  /// Beyond which nothing is added; 0: no bound.
  public struct Quota: Sendable, Hashable {
    public var objects = 0
    /// Of the present objects and their keys.
    public var bytes = 0
  }

  /// The file it came from, as given.
  public var path: String
  public var name: String
  /// As written; relative to the file's folder. Nil: `.taffrail` beside the file.
  public var dataFolder: String?
  /// At least one, in the file's order.
  public var servers: [Server]
  public var endpointAddress: HostPort
  public var podRange: IPv4Range
  public var serviceRange: IPv4Range
  public var nodeNetwork: IPv4Range
  public var logRetention: LogRetention
  public var quota = Quota()
  /// Whether the store's leader answers reads by its lease, see `Docs/store.md`.
  public var leaseReads = false
  /// Whether the servers run the controllers and the scheduler; not for who brings their own.
  public var runsControllers = true
  public var nodes: [Node]
  /// How many nodes to play without running containers.
  public var hollowNodes: Int
  /// What is allowed but unwise, one line each in the form of a mistake.
  public var warnings: [String]

  public func server(id: Int) -> Server? {
    servers.first { $0.id == id }
  }

  public func node(named name: String) -> Node? {
    nodes.first { $0.name == name }
  }

  /// The host's address on the bridge that joins the nodes: the first of `nodeNetwork`.
  public var bridgeAddress: IPv4Address {
    nodeNetwork.address(1) ?? nodeNetwork.first
  }

  /// The cluster IP of the Service `kubernetes`: the first of `serviceRange`.
  public var kubernetesServiceAddress: IPv4Address {
    serviceRange.address(1) ?? serviceRange.first
  }

  /// The cluster IP reserved for DNS: the tenth of `serviceRange`.
  public var dnsServiceAddress: IPv4Address {
    serviceRange.address(10) ?? serviceRange.first
  }

  /// Where nodes reach the endpoint: the bridge address with the endpoint's port.
  public var nodeEndpointAddress: HostPort {
    HostPort(host: bridgeAddress.description, port: endpointAddress.port)
  }
}
