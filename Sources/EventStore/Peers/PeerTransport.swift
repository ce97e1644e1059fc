import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import Raft

/// Carries messages between this replica and its peers, over mutual TLS.
///
/// Each replica dials each of its peers and sends over what it dialed; what it accepted it only
/// reads. The loss of either connection is reported at once: it tells sooner than any timer that
/// the other process is gone.
///
/// `@unchecked Sendable`: the links, `inbound` and `server` are used on `eventLoop` only, or
/// before there is any connection; the rest is constant or has its own lock.
final class PeerTransport: @unchecked Sendable {
  let configuration: ReplicaConfiguration
  let logger: Logger
  let eventLoop: any EventLoop
  let dialer: PeerDialer
  private let group: MultiThreadedEventLoopGroup
  private let tls: PeerTLS
  private let report: @Sendable (CoreInput) -> Void
  private let connections = ConnectedPeers()
  private let table: LinkTable
  private var links: [ReplicaID: PeerLink] { table.values }
  /// Those that a membership named; they go when a later one does not.
  private var named: Set<ReplicaID> = []
  private var inbound: [ReplicaID: any Channel] = [:]
  private var server: (any Channel)?
  private var accepted: [ObjectIdentifier: any Channel] = [:]
  private var isClosed = false
  let snapshots: SnapshotExchange
  private let shuttingDown = NIOLockedValueBox(false)

  init(
    configuration: ReplicaConfiguration, tls: PeerTLS, snapshots: SnapshotExchange,
    logger: Logger, report: @escaping @Sendable (CoreInput) -> Void
  ) {
    self.configuration = configuration
    self.tls = tls
    self.snapshots = snapshots
    self.logger = logger
    self.report = report
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    eventLoop = group.next()
    let links = LinkTable()
    table = links
    dialer = PeerDialer(
      eventLoop: eventLoop, tls: tls, clusterID: configuration.clusterID, id: configuration.id,
      becameWritable: { links.values[$0]?.flushBacklog() })
    for peer in configuration.peers { table.values[peer.id] = makeLink(peer) }
  }

  private func makeLink(_ peer: ReplicaConfiguration.Peer) -> PeerLink {
    PeerLink(peer: peer, eventLoop: eventLoop, dialer: dialer, logger: logger) {
      [connections, report] peer, isConnected in
      connections.set(peer, isConnected)
      if !isConnected { report(.connectionLost(peer)) }
    }
  }

  /// Connects to new members, and breaks with those that are none any more.
  func follow(_ membership: Membership) {
    guard membership.isRecorded else { return }
    eventLoop.execute { [self] in
      guard !isClosed else { return }
      for server in membership.servers where server.id != configuration.id {
        if let link = links[server.id] {
          guard server.port != 0, link.address != (server.host, server.port) else { continue }
          link.setAddress(host: server.host, port: server.port)
        } else {
          let link = makeLink(.init(id: server.id, host: server.host, port: server.port))
          table.values[server.id] = link
          link.connectNow()
        }
      }
      let present = Set(membership.servers.map(\.id))
      for gone in named.subtracting(present) {
        table.values.removeValue(forKey: gone)?.close()
        inbound.removeValue(forKey: gone)?.close(promise: nil)
        connections.set(gone, false)
      }
      named = present
    }
  }

  var connectedPeers: Set<ReplicaID> { connections.all }

  /// Listens; returns the port.
  func listen() async throws(ReplicaStartError) -> Int {
    let host = configuration.listenHost
    let port = configuration.listenPort
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 64)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.socketOption(.so_keepalive), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            self.track(channel)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: self.tls.server))
            try pipeline.addHandler(PeerFrameHandler())
            try pipeline.addHandler(PeerServerHandler(transport: self, logger: self.logger))
          }
        }
        .bind(host: host, port: port).get()
      eventLoop.execute { self.server = channel }
      return channel.localAddress?.port ?? port
    } catch {
      let code = (error as? IOError)?.errnoCode
      let reason = code.map { String(cString: strerror($0)) } ?? "\(error)"
      throw ReplicaStartError(
        "can't listen for peers on \(host):\(port): \(reason)", isAddressInUse: code == EADDRINUSE)
    }
  }

  /// Begins to connect to the peers.
  func connect() {
    eventLoop.execute { for link in self.links.values { link.connectNow() } }
  }

  func setAddress(of peer: ReplicaID, host: String, port: Int) {
    eventLoop.execute { self.links[peer]?.setAddress(host: host, port: port) }
  }

  /// Where a peer listens.
  func address(of peer: ReplicaID) -> EventLoopFuture<(host: String, port: Int)?> {
    eventLoop.submit { self.links[peer]?.address }
  }

  /// Sends as far as there are connections and room; the rest is lost, as on any network.
  func send(_ messages: [OutgoingMessage]) {
    eventLoop.execute {
      var byPeer: [ReplicaID: [PeerMessage]] = [:]
      for message in messages { byPeer[message.to, default: []].append(message.message) }
      for (peer, messages) in byPeer { self.links[peer]?.send(messages) }
    }
  }

  var isShuttingDown: Bool { shuttingDown.withLockedValue { $0 } }

  // MARK: Accepted connections, on the event loop

  private func track(_ channel: any Channel) {
    eventLoop.preconditionInEventLoop()
    guard !isClosed else {
      channel.close(promise: nil)
      return
    }
    let id = ObjectIdentifier(channel)
    accepted[id] = channel
    channel.closeFuture.whenComplete { _ in self.accepted[id] = nil }
  }

  /// Why a connection must not be, if so.
  func refusal(of hello: PeerHello, certificate: NIOSSLCertificate?) -> String? {
    if hello.version != PeerFrame.protocolVersion {
      return "it speaks protocol version \(hello.version), replica \(configuration.id) speaks "
        + "\(PeerFrame.protocolVersion): update the older one"
    }
    if hello.clusterID != configuration.clusterID {
      return "it belongs to cluster \(hello.clusterID), replica \(configuration.id) to cluster "
        + "\(configuration.clusterID): check addresses and configuration"
    }
    if hello.to != configuration.id {
      return "it looks for replica \(hello.to), but this is replica \(configuration.id): check "
        + "the peers' addresses"
    }
    guard links[hello.from] != nil else {
      return "replica \(hello.from) is not among the peers of replica \(configuration.id)"
    }
    guard PeerTLS.certificate(certificate, names: hello.from) else {
      return "it says it is replica \(hello.from), but its certificate is not that of "
        + "peer-\(hello.from)"
    }
    return nil
  }

  func accepted(_ channel: any Channel, from peer: ReplicaID) {
    let previous = inbound.updateValue(channel, forKey: peer)
    previous?.close(promise: nil)
    // It is there, so it can be reached.
    links[peer]?.connectNow()
  }

  func received(_ messages: [PeerMessage], from peer: ReplicaID) {
    report(.received(messages, from: peer))
  }

  func lostInbound(_ channel: any Channel, from peer: ReplicaID) {
    guard let current = inbound[peer], current === channel else { return }
    inbound[peer] = nil
    report(.connectionLost(peer))
  }

  func snapshotStream(from peer: ReplicaID, channel: any Channel) -> SnapshotReceiver? {
    snapshots.receiver(from: peer, channel: channel)
  }

  // MARK: States

  /// Streams this replica's state to a peer that lags too far behind.
  func sendSnapshot(to peer: ReplicaID, leaderTerm: Term, oldest: LogIndex) {
    snapshots.send(to: peer, leaderTerm: leaderTerm, oldest: oldest, over: self)
  }

  // MARK: End

  /// Breaks all connections at once.
  func close() {
    shuttingDown.withLockedValue { $0 = true }
    eventLoop.execute {
      self.isClosed = true
      self.server?.close(promise: nil)
      for link in self.links.values { link.close() }
      for channel in self.accepted.values { channel.close(promise: nil) }
    }
  }

  func shutdown() async { try? await group.shutdownGracefully() }
}

/// The links as the dialer's callbacks find them.
///
/// `@unchecked Sendable`: used before any connection is made, then on the event loop only.
private final class LinkTable: @unchecked Sendable {
  var values: [ReplicaID: PeerLink] = [:]
}
