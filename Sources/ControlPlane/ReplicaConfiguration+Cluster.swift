import ClusterConfiguration
import EventStore

extension ReplicaConfiguration {
  /// The replica of server `id`, as `cluster.conf` and the home folder describe it.
  public init(
    configuration: ClusterConfiguration, home: TaffrailHome, keys: ClusterPKI, id: Int,
    dataDirectory: String? = nil
  ) throws {
    guard let server = configuration.server(id: id), let key = keys.server(id: id) else {
      let ids = configuration.servers.map { String($0.id) }.joined(separator: ", ")
      throw ReplicaStartError(
        "\(configuration.path) has no server with id \(id); its ids are \(ids)")
    }
    self.init(
      clusterID: try home.clusterIdentifier(), id: UInt64(id),
      dataDirectory: dataDirectory ?? home.serverFolder(id),
      peers: configuration.servers.filter { $0.id != id }.map {
        Peer(id: UInt64($0.id), host: $0.peerAddress.host, port: $0.peerAddress.port)
      },
      listenHost: server.peerAddress.host, listenPort: server.peerAddress.port,
      tls: configuration.servers.count > 1
        ? TLSFiles(
          authority: keys.peerAuthority, certificate: key.peer.certificate,
          key: key.peer.key) : nil,
      retention: Retention(
        milliseconds: UInt64(configuration.logRetention.timeSeconds) * 1_000,
        bytes: UInt64(configuration.logRetention.bytes)))
    maximumObjects = configuration.quota.objects
    maximumStateBytes = configuration.quota.bytes
    leaseReads = configuration.leaseReads
  }
}
