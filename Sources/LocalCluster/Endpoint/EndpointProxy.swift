import ClusterConfiguration
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// The one address of the API: relays each TCP connection to an API server that is alive.
///
/// TLS stays between client and API server. A server that refuses is passed over at once; when
/// none answers, a connection waits up to a second and is then closed. When a server dies, its
/// connections are closed, so that clients reconnect and reach another; `checkServers` does the
/// same for servers that hang.
public final class EndpointProxy: Sendable {
  /// Above this, new connections are closed at once.
  public static let maximumConnections = 8192
  static let patienceMilliseconds: Int64 = 1_000
  static let retryMilliseconds: Int64 = 25
  static let connectTimeoutMilliseconds: Int64 = 500
  /// What may wait for a slow reader, in each direction.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)

  private let group: any EventLoopGroup
  private let table: NIOLockedValueBox<BackendTable>
  /// The connections to each server.
  private let relayed: NIOLockedValueBox<[[ObjectIdentifier: any Channel]]>
  private let connectionCount = NIOLockedValueBox(0)
  private let start = NIODeadline.now()
  private let checkTimeoutMilliseconds: Int64

  public convenience init(
    backends: [HostPort], group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init(
      backends: backends, group: group,
      checkTimeoutMilliseconds: HealthCheck.timeoutMilliseconds)
  }

  init(
    backends: [HostPort], group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    checkTimeoutMilliseconds: Int64
  ) {
    self.checkTimeoutMilliseconds = checkTimeoutMilliseconds
    precondition(!backends.isEmpty)
    self.group = group
    table = NIOLockedValueBox(BackendTable(backends))
    relayed = NIOLockedValueBox(Array(repeating: [:], count: backends.count))
  }

  /// Accepts connections at `address` until the returned channel is closed.
  ///
  /// - Throws: `IOError` where the address can't be had.
  public func listen(on address: HostPort) async throws -> any Channel {
    try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
      .childChannelInitializer { [self] client in
        client.eventLoop.makeCompletedFuture {
          let handler = RelayHandler(closesAfterEnd: false) { [self] in accept(client) }
          try client.pipeline.syncOperations.addHandler(handler)
        }
      }
      .bind(host: address.host, port: address.port).get()
  }

  /// Open connections, for each server in the order given.
  public var connections: [Int] {
    table.withLockedValue { table in (0..<table.count).map { table.connections($0) } }
  }

  /// What the last check of each server found; nil before the first.
  public var checks: [BackendTable.CheckResult?] {
    table.withLockedValue { table in (0..<table.count).map { table.lastCheck($0) } }
  }

  /// Asks each server over and over whether it is ready, until the task is cancelled: new
  /// connections go to those that are, and connections to one that hangs are closed.
  ///
  /// - Parameter changed: is told in words what has become of a server.
  /// - Throws: where TLS can't be set up.
  public func checkServers(changed: @escaping @Sendable (String) -> Void = { _ in }) async throws {
    let tls = try HealthCheck.makeTLS()
    let addresses = table.withLockedValue { table in
      (0..<table.count).map { table.address($0) }
    }
    await withTaskGroup(of: Void.self) { tasks in
      for (index, address) in addresses.enumerated() {
        let check = HealthCheck(
          address: address, eventLoop: group.next(), tls: tls,
          timeoutMilliseconds: checkTimeoutMilliseconds)
        tasks.addTask {
          await check.run { self.note(index, address, $0, changed: changed) }
        }
      }
    }
  }

  private func note(
    _ index: Int, _ address: HostPort, _ result: BackendTable.CheckResult,
    changed: (String) -> Void
  ) {
    let (last, hung) = table.withLockedValue { table in
      (table.lastCheck(index), table.checked(index, result))
    }
    if last != result {
      switch result {
      case .ready: changed("\(address) is ready")
      case .notReady: changed("\(address) is not ready: others come first")
      case .refused: changed("\(address) refuses connections: others come first")
      case .silent: changed("\(address) does not answer: others come first")
      }
    }
    for index in hung {
      for server in relayed.withLockedValue({ Array($0[index].values) }) {
        server.close(promise: nil)
      }
    }
  }

  private var now: Int64 { (NIODeadline.now() - start).nanoseconds / 1_000_000 }

  private func accept(_ client: any Channel) {
    let isAdmitted = connectionCount.withLockedValue { count in
      guard count < Self.maximumConnections else { return false }
      count += 1
      return true
    }
    guard isAdmitted else {
      client.close(promise: nil)
      return
    }
    client.closeFuture.whenComplete { [connectionCount] _ in
      connectionCount.withLockedValue { $0 -= 1 }
    }
    let order = table.withLockedValue { $0.order(nowMilliseconds: now) }
    connect(client, candidates: order[...], deadline: now + Self.patienceMilliseconds)
  }

  /// Tries one server after the other, and all again after a moment.
  private func connect(_ client: any Channel, candidates: ArraySlice<Int>, deadline: Int64) {
    guard let index = candidates.first else {
      guard now < deadline else {
        client.close(promise: nil)
        return
      }
      client.eventLoop.scheduleTask(in: .milliseconds(Self.retryMilliseconds)) { [self] in
        guard client.isActive else { return }
        let order = table.withLockedValue { $0.order(nowMilliseconds: now) }
        connect(client, candidates: order[...], deadline: deadline)
      }
      return
    }
    let address = table.withLockedValue { $0.address(index) }
    ClientBootstrap(group: client.eventLoop)
      .connectTimeout(.milliseconds(Self.connectTimeoutMilliseconds))
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.autoRead, value: false)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: Self.waterMark)
      .connect(host: address.host, port: address.port)
      .whenComplete { [self] result in
        switch result {
        case .success(let server):
          table.withLockedValue { $0.connected(index) }
          let key = ObjectIdentifier(server)
          relayed.withLockedValue { $0[index][key] = server }
          server.closeFuture.whenComplete { [table, relayed] _ in
            relayed.withLockedValue { $0[index][key] = nil }
            table.withLockedValue { $0.closed(index) }
          }
          relay(client, server)
        case .failure:
          table.withLockedValue { $0.failed(index, nowMilliseconds: now) }
          connect(client, candidates: candidates.dropFirst(), deadline: deadline)
        }
      }
  }

  private func relay(_ client: any Channel, _ server: any Channel) {
    // Both are on one event loop, so neither can change in between.
    client.eventLoop.preconditionInEventLoop()
    guard client.isActive else {
      server.close(promise: nil)
      return
    }
    do {
      let handler = RelayHandler(closesAfterEnd: true)
      try server.pipeline.syncOperations.addHandler(handler)
      try client.pipeline.syncOperations.handler(type: RelayHandler.self).pair(with: handler)
    } catch {
      client.close(promise: nil)
      server.close(promise: nil)
    }
  }
}
