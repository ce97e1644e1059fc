import Foundation
import Keyspace
import Raft
import Testing

@testable import EventStore

/// Three replicas in this process that talk over TLS on the loopback interface.
actor TestCluster {
  let directory: TemporaryDirectory
  private let authority: TestAuthority
  private var replicas: [ReplicaID: Replica] = [:]
  private var ports: [ReplicaID: Int] = [:]
  private var hasStarted: Set<ReplicaID> = []
  private let adjust: @Sendable (inout ReplicaConfiguration) -> Void

  init(adjust: @escaping @Sendable (inout ReplicaConfiguration) -> Void = { _ in }) throws {
    directory = try TemporaryDirectory()
    authority = try TestAuthority(folder: directory.path)
    self.adjust = adjust
  }

  func configuration(
    _ id: ReplicaID, without absent: Set<ReplicaID> = []
  ) throws -> ReplicaConfiguration {
    var configuration = ReplicaConfiguration(
      clusterID: 77, id: id, dataDirectory: "\(directory.path)/\(id)",
      peers: (1...3).filter { $0 != id && !absent.contains($0) }.map {
        .init(id: $0, host: "127.0.0.1", port: ports[$0] ?? 0)
      },
      // The same as before, so that also those know it that are just starting.
      listenPort: ports[id] ?? 0, tls: try authority.issue("peer-\(id)"),
      // The tests' events are dated 2023.
      retention: .init(milliseconds: 0, bytes: 0))
    adjust(&configuration)
    return configuration
  }

  /// Starts a replica. Returns when it has what it needs, if necessary from its peers.
  @discardableResult
  func start(
    _ id: ReplicaID, isNew: Bool = true, without absent: Set<ReplicaID> = []
  ) async throws -> Replica {
    var configuration = try configuration(id, without: absent)
    // The first time it is known to be new, so that they can be started one after the other.
    if hasStarted.insert(id).inserted, isNew { configuration.emptyFolder = .begins }
    let others = replicas.filter { $0.key != id }.map(\.value)
    configuration.onListening = { port in
      for other in others { other.setPeerAddress(id, host: "127.0.0.1", port: port) }
    }
    let replica = try await Replica.start(
      configuration: configuration, logger: quietLogger("replica-\(id)"))
    replicas[id] = replica
    ports[id] = replica.listenPort
    for (other, running) in replicas where other != id {
      running.setPeerAddress(id, host: "127.0.0.1", port: replica.listenPort)
    }
    return replica
  }

  func startAll() async throws -> [Replica] {
    for id in ReplicaID(1)...3 { try await start(id) }
    return running
  }

  /// A port that nobody listens on, for a replica that others are told of before it starts.
  func reservePort(_ id: ReplicaID) throws -> Int {
    let port = try freePort()
    ports[id] = port
    return port
  }

  /// Stops a replica as SIGTERM does; its clients go elsewhere first.
  func stopGracefully(_ id: ReplicaID) async {
    await replicas.removeValue(forKey: id)?.shutdown()
  }

  /// Some running replica, for the client of that number.
  func serving(_ client: Int) -> Replica? {
    let running = running
    return running.isEmpty ? nil : running[client % running.count]
  }

  var running: [Replica] { replicas.sorted { $0.key < $1.key }.map(\.value) }

  func replica(_ id: ReplicaID) -> Replica? { replicas[id] }

  /// Takes a replica away as if its process were killed.
  func kill(_ id: ReplicaID) async {
    await replicas.removeValue(forKey: id)?.stopAbruptly()
  }

  func remove(_ id: ReplicaID) -> Replica? { replicas.removeValue(forKey: id) }

  func shutdown() async {
    for replica in running { await replica.shutdown() }
    replicas = [:]
  }

  /// Waits until a replica leads.
  func leader() async throws -> Replica {
    try await poll("a leader") {
      for replica in await self.running {
        if let status = await replica.status(), status.role == .leader { return replica }
      }
      return nil
    }
  }

  func followers() async throws -> [Replica] {
    let leader = try await leader()
    return running.filter { $0.configuration.id != leader.configuration.id }
  }

  /// Has a certain replica lead.
  func makeLead(_ id: ReplicaID) async throws {
    _ = try await poll("replica \(id) to lead") { () -> Bool? in
      let leader = try await self.leader()
      if leader.configuration.id == id { return true }
      leader.transferLeadership(to: id)
      try await Task.sleep(for: .milliseconds(50))
      return nil
    }
  }

  /// Waits until all running replicas have applied what the leader has; returns their statuses.
  @discardableResult
  func converged(isQuiet: Bool = true) async throws -> [ReplicaStatus] {
    try await poll("equal replicas") {
      var statuses: [ReplicaStatus] = []
      for replica in await self.running {
        guard let status = await replica.status() else { return nil }
        statuses.append(status)
      }
      if !isQuiet {
        // While others write, nobody is ever quite equal.
        let applied = statuses.map(\.applied)
        guard statuses.contains(where: { $0.role == .leader }), let most = applied.max(),
          let least = applied.min(), least + 50 >= most
        else { return nil }
        return statuses
      }
      return Set(statuses.map(\.applied)).count == 1 && statuses.contains { $0.role == .leader }
        ? statuses : nil
    }
  }
}

struct PollTimeout: Error { var what: String }

/// Asks until there is an answer; gives up after a minute.
func poll<Value: Sendable>(
  _ what: String, _ body: @Sendable () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < deadline {
    if let value = try await body() { return value }
    try await Task.sleep(for: .milliseconds(5))
  }
  // The sleep itself may have outlasted the limit, where many tests share the threads.
  if let value = try await body() { return value }
  throw PollTimeout(what: what)
}

/// Commits, again with the same request id where the outcome is not known.
func commitThroughFailure(
  _ replica: Replica, _ transaction: Transaction
) async throws -> TransactionResult {
  try await poll("a commit") {
    do throws(StoreError) {
      return try await replica.commit(transaction)
    } catch {
      guard case .unavailable = error else { throw error }
      return nil
    }
  }
}
