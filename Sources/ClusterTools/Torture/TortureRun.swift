import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Linearizability
import SeededRuns

/// Three servers in processes of their own, killed, stopped and cut off while clients and watches
/// use them; afterwards what all of those saw must be what one store could have shown.
public struct TortureRun: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  public struct Outcome: Sendable {
    public var operations = 0
    public var unknown = 0
    public var events = 0
    public var resumptions = 0
    public var faults = 0
    public var dropsPackets = false
    /// From the silencing of a leader to the first write that was begun afterwards and acknowledged
    /// by another server; by fault.
    public var failoverMilliseconds: [String: [Double]] = [:]
    public var violations: [String] = []
    /// Keys whose histories could not be decided within the bound.
    public var undecided = 0
    /// Everything that was seen, one JSON object a line.
    public var history = ""
  }

  public var binary: String
  /// For everything that the servers write; must exist.
  public var folder: String
  public var seconds: Int
  public var seed: UInt64
  /// Whether this process has network namespaces of its own, see `TortureNetwork`.
  public var isolated: Bool
  /// Whether the servers' leader answers reads by its lease.
  public var leaseReads: Bool

  static let clients = 6
  private static let patience = Duration.seconds(60)

  public init(
    binary: String, folder: String, seconds: Int, seed: UInt64, isolated: Bool, leaseReads: Bool
  ) {
    self.binary = binary
    self.folder = folder
    self.seconds = seconds
    self.seed = seed
    self.isolated = isolated
    self.leaseReads = leaseReads
  }

  public func run(progress: @Sendable (String) -> Void) async throws -> Outcome {
    let network =
      isolated ? try TortureNetwork.namespaces(servers: TortureServers.ids) : .loopback
    let servers = try TortureServers(
      binary: binary, folder: folder, network: network, ports: try Self.freePorts(7),
      leaseReads: leaseReads)
    defer { servers.killAll() }
    var short = HTTPSClient.Options(
      userAgent: "taffrail-torture", requestTimeoutSeconds: 2, retryBudgetMilliseconds: 0)
    let clients = try Self.clients(of: servers, short)
    short.watchTimeoutSeconds = 30
    let watching = try Self.clients(of: servers, short)
    defer {
      for client in clients.values.map({ $0 }) + watching.values.map({ $0 }) { client.shutDown() }
    }
    for id in TortureServers.ids { try servers.start(id) }
    let revision = try await prepare(clients, servers)

    let record = TortureRecord()
    let watchers = watchers(from: revision, watching, record)
    let watches = watchers.map { watcher in Task { await watcher.run() } }
    defer { for watch in watches { watch.cancel() } }
    let end = Int64(seconds) * 1_000_000_000
    let work = (0..<Self.clients).map { number in
      Task {
        var client = TortureClient(
          number: number, servers: clients, record: record,
          random: SplitMix64(seed: seed, stream: UInt64(number) + 1))
        await client.run(until: end)
      }
    }
    defer { for task in work { task.cancel() } }
    progress("\(Self.clients) clients and \(watchers.count) watches on three servers")
    var faults = TortureFaults(
      servers: servers, record: record, leader: { await Self.leader(clients) },
      random: SplitMix64(seed: seed, stream: 0))
    let silences = try await faults.run(until: end)
    for task in work { await task.value }
    progress("everything is put right; reading what is left")
    let final = try await settle(clients, servers, watchers)
    for watch in watches { watch.cancel() }
    for watch in watches { await watch.value }
    var outcome = Self.judge(
      record, streams: watchers.map(\.stream), final: final, progress: progress)
    outcome.dropsPackets = network.dropsPackets
    outcome.violations += servers.ended
    for (fault, server, at) in silences {
      if let time = Self.failover(record.operations, after: at, without: server) {
        outcome.failoverMilliseconds[fault.rawValue, default: []].append(time)
      }
    }
    return outcome
  }

  private static func clients(of servers: TortureServers, _ options: HTTPSClient.Options) throws
    -> [Int: HTTPSClient]
  {
    var clients: [Int: HTTPSClient] = [:]
    for id in TortureServers.ids { clients[id] = try servers.client(of: id, options: options) }
    return clients
  }

  private static func leader(_ clients: [Int: HTTPSClient]) async -> Int? {
    for (id, client) in clients.sorted(by: { $0.key < $1.key }) {
      let replica = await ClusterClients.replica(id: id, address: "", client: client)
      if replica.role == "leader" { return id }
    }
    return nil
  }

  /// Waits until every server serves, and has the namespace.
  private func prepare(_ clients: [Int: HTTPSClient], _ servers: TortureServers) async throws
    -> UInt64
  {
    let namespace: JSONValue = [
      "apiVersion": "v1", "kind": "Namespace",
      "metadata": ["name": .string(TortureClient.namespace)],
    ]
    try await Self.retrying(servers) {
      do {
        _ = try await Self.one(clients).create(.namespaces, namespace: nil, object: namespace)
      } catch let status as APIStatus where status.reason == "AlreadyExists" {}
    }
    var revision: UInt64 = 0
    for client in clients.values {
      try await Self.retrying(servers) {
        let list = try await client.list(
          .configMaps, namespace: TortureClient.namespace, options: ListOptions())
        revision = max(revision, UInt64(list.resourceVersion) ?? 0)
      }
    }
    return revision
  }

  private static func one(_ clients: [Int: HTTPSClient]) throws -> HTTPSClient {
    guard let client = clients[1] else { throw Failure(description: "there is no server 1") }
    return client
  }

  private static func retrying(
    _ servers: TortureServers, _ body: () async throws -> Void
  ) async throws {
    let deadline = ContinuousClock.now + patience
    while true {
      do { return try await body() } catch {
        guard ContinuousClock.now < deadline, servers.ended.isEmpty else {
          throw Failure(
            description: (["a server does not serve: \(error)"] + servers.ended).joined(
              separator: "\n"))
        }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// One at each server, and some that go from one to the next, two of them with a selector.
  private func watchers(
    from revision: UInt64, _ clients: [Int: HTTPSClient], _ record: TortureRecord
  ) -> [TortureWatcher] {
    let all = TortureServers.ids.compactMap { clients[$0] }
    var watchers = all.enumerated().map { number, client in
      TortureWatcher(
        name: "the watch of server \(number + 1)", after: revision, clients: [client],
        record: record)
    }
    for (number, parity) in [nil, "even", "odd"].enumerated() {
      watchers.append(
        TortureWatcher(
          name: "the wandering watch of \(parity ?? "all")", after: revision,
          clients: Array(all[number...] + all[..<number]), parity: parity,
          breaksAfter: 1_100 + 300 * number, record: record))
    }
    return watchers
  }

  /// Waits until every server has everything and every watch has come so far.
  private func settle(
    _ clients: [Int: HTTPSClient], _ servers: TortureServers, _ watchers: [TortureWatcher]
  ) async throws -> (values: [String: (value: Int, revision: UInt64)], revision: UInt64) {
    // Last writes of both parities, of which each watch must see what it selects.
    let last = "k-last-"
    for value in [1, 2] {
      try await Self.retrying(servers) {
        do {
          _ = try await Self.one(clients).create(
            .configMaps, namespace: TortureClient.namespace,
            object: TortureClient.configMap("\(last)\(value)", -value))
        } catch let status as APIStatus where status.reason == "AlreadyExists" {}
      }
    }
    let final = try await Self.settledList(clients, servers)
    // What a watch has not been given by then, it has missed.
    let deadline = ContinuousClock.now + Self.patience
    while !watchers.allSatisfy({ $0.hasSeen(values: [-1, -2]) }), ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(20))
    }
    return (final, final.values.map(\.revision).max() ?? 0)
  }

  private struct List {
    var server: Int
    var revision: UInt64
    var values: [String: (value: Int, revision: UInt64)] = [:]

    func differences(from other: List) -> [String] {
      Set(values.keys).union(other.values.keys).sorted().compactMap { key in
        let (own, others) = (values[key]?.revision, other.values[key]?.revision)
        guard own != others else { return nil }
        return "\(key) of revision \(own ?? 0) at server \(server), and \(others ?? 0) at server "
          + "\(other.server)"
      }
    }
  }

  /// What all servers list alike.
  ///
  /// Requests that nobody waits for any more may still be under way at a server, so that lists of two
  /// moments differ. A later one must never be of an earlier state, whichever server answers.
  private static func settledList(
    _ clients: [Int: HTTPSClient], _ servers: TortureServers
  ) async throws -> [String: (value: Int, revision: UInt64)] {
    let deadline = ContinuousClock.now + Self.patience
    var before: List?
    while true {
      var lists: [List] = []
      for id in TortureServers.ids {
        guard let client = clients[id] else { continue }
        let list = try await Self.list(client, id, servers)
        if let before, list.revision < before.revision {
          throw Failure(
            description: "server \(id) lists revision \(list.revision) after server "
              + "\(before.server) has listed revision \(before.revision)")
        }
        before = list
        lists.append(list)
      }
      guard let first = lists.first else { throw Failure(description: "nothing can be listed") }
      let differences = lists.dropFirst().flatMap { $0.differences(from: first) }
      if differences.isEmpty { return first.values }
      guard ContinuousClock.now < deadline else {
        throw Failure(
          description: "the servers list different things at the end: "
            + differences.prefix(10).joined(separator: "; "))
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private static func list(
    _ client: HTTPSClient, _ id: Int, _ servers: TortureServers
  ) async throws -> List {
    var result = List(server: id, revision: 0)
    try await Self.retrying(servers) {
      let list = try await client.list(
        .configMaps, namespace: TortureClient.namespace, options: ListOptions())
      guard let revision = UInt64(list.resourceVersion) else {
        throw Failure(description: "server \(id) lists revision \(list.resourceVersion)")
      }
      result = List(server: id, revision: revision)
      for item in list.items {
        let name = item.at("metadata", "name")?.stringValue ?? ""
        if TortureClient.isKey(name) { result.values[name] = TortureClient.content(of: item) }
      }
    }
    return result
  }

  static func judge(
    _ record: TortureRecord, streams: [WatchStream],
    final: (values: [String: (value: Int, revision: UInt64)], revision: UInt64),
    progress: (String) -> Void
  ) -> Outcome {
    var outcome = Outcome()
    let operations = record.operations
    outcome.operations = operations.count
    outcome.unknown = operations.count { $0.operation.returned == nil }
    outcome.events = streams.reduce(0) { $0 + $1.events.count }
    outcome.resumptions = streams.reduce(0) { $0 + $1.resumptions.count }
    outcome.faults = record.faults.count / 2
    outcome.violations = record.problems
    progress("checking \(operations.count) operations and \(outcome.events) watched events")
    let seen = streams.flatMap(\.events)
      .filter { $0.kind == .added || $0.kind == .modified }
      .map { (value: $0.value, revision: $0.revision) }
    let (revisions, contradictions) = KeyModel.revisions(
      in: operations.map(\.operation), seen: seen)
    outcome.violations += contradictions.prefix(20)
    // The watches are checked to have seen everything, against each other and against the writes.
    let deleted = streams.filter { $0.selects == nil }.flatMap(\.events)
      .filter { $0.kind == .deleted }.map(\.value)
    let checker = LinearizabilityChecker(
      model: KeyModel(revisions: revisions, deleted: Set(deleted)))
    for (key, entries) in Dictionary(grouping: operations, by: \.key).sorted(by: { $0.key < $1.key }
    ) {
      let history = entries.map(\.operation)
      switch checker.check(history) {
      case .linearizable: break
      case .undecided: outcome.undecided += 1
      case .violated(let explained, let unexplained):
        let operation = entries[unexplained]
        outcome.violations.append(
          "\(key) is not linearizable: after \(explained.count) of \(history.count) operations no "
            + "order explains that client \(operation.operation.client) was answered "
            + "\(operation.operation.output.map { "\($0)" } ?? "nothing") to "
            + "\(operation.operation.input) at server \(operation.server), called at "
            + "\(operation.operation.called) ns")
      }
    }
    var check = WatchCheck()
    check.streams = streams
    check.refused = record.refusedValues
    check.final = final.values
    check.finalRevision = final.revision
    check.acknowledged = operations.compactMap { entry in
      switch (entry.operation.input, entry.operation.output) {
      case (.create(let value), .done(let revision?)),
        (.update(_, let value), .done(let revision?)):
        .init(key: entry.key, value: value, revision: revision)
      default: nil
      }
    }
    outcome.violations += check.violations
    outcome.history = record.lines(streams)
    return outcome
  }

  private static func failover(
    _ operations: [TortureOperation], after: Int64, without server: Int
  ) -> Double? {
    let ends = operations.compactMap { entry -> Int64? in
      guard entry.server != server, entry.operation.called >= after,
        case .done? = entry.operation.output
      else { return nil }
      return entry.operation.returned
    }
    return ends.min().map { Double($0 - after) / 1e6 }
  }

  /// Ports that nobody listens on.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var ports: Set<Int> = []
    for _ in 0..<1_000 where ports.count < count {
      let port = Int.random(in: 20_000..<32_000)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      name.sin_port = UInt16(port).bigEndian
      let isFree = withUnsafePointer(to: name) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isFree { ports.insert(port) }
    }
    guard ports.count == count else { throw Failure(description: "no ports are free") }
    return ports.sorted()
  }
}
