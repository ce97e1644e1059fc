import JSONDocument
import KubernetesAPI
import KubernetesClient
import Synchronization

/// What writers and the watcher of a drill have seen so far.
final class DrillRecord: Sendable {
  struct State: Sendable {
    var acknowledged: [String: UInt64] = [:]
    var watched: [(name: String, revision: UInt64)] = []
    var killed: ContinuousClock.Instant?
    /// The end of the first probe that was begun after the kill and succeeded.
    var firstWrite: ContinuousClock.Instant?
    /// Writers finish the write they are at and begin no other.
    var isStopping = false
  }

  let state = Mutex(State())

  func wait(
    timeoutSeconds: Double, for what: String, until isDone: (State) -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
    while !state.withLock({ isDone($0) }) {
      guard ContinuousClock.now < deadline else {
        throw FailoverDrill.Failure(
          description: "waited \(Int(timeoutSeconds)) seconds in vain for \(what)")
      }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}

extension FailoverDrill {
  /// Creates ConfigMaps one after the other. A write whose answer was lost is tried again: that
  /// it is already there then is its acknowledgement.
  func write(writer: Int, namespace: String, into record: DrillRecord) async {
    var number = 0
    while !Task.isCancelled, !record.state.withLock({ $0.isStopping }) {
      let name = "w\(writer)-\(number)"
      number += 1
      let object: JSONValue = [
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": ["name": .string(name), "labels": ["drill": "write"]],
        "data": ["number": .string(String(number))],
      ]
      while !Task.isCancelled {
        do {
          var revision: UInt64 = 0
          do {
            let created = try await clients.endpoint.create(
              .configMaps, namespace: namespace, object: object)
            revision =
              created.at("metadata", "resourceVersion")?.stringValue.flatMap { UInt64($0) } ?? 0
          } catch let status as APIStatus where status.reason == "AlreadyExists" {
            revision = 0
          }
          record.state.withLock { $0.acknowledged[name] = revision }
          break
        } catch {
          try? await Task.sleep(for: .milliseconds(2))
        }
      }
    }
  }

  /// Writes through one server until a write succeeds there.
  func probe(_ client: HTTPSClient, id: Int, namespace: String, into record: DrillRecord) async {
    var number = 0
    while !Task.isCancelled, record.state.withLock({ $0.firstWrite == nil }) {
      number += 1
      let object: JSONValue = [
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": ["name": .string("probe\(id)-\(number)")],
      ]
      do {
        _ = try await client.create(.configMaps, namespace: namespace, object: object)
        let ended = ContinuousClock.now
        record.state.withLock { if $0.firstWrite == nil { $0.firstWrite = ended } }
      } catch {
        try? await Task.sleep(for: .milliseconds(2))
      }
    }
  }

  /// Watches, and resumes after each loss from the last revision seen.
  func watch(namespace: String, from resourceVersion: String, into record: DrillRecord) async {
    let position = Mutex(resourceVersion)
    while !Task.isCancelled {
      let from = position.withLock { $0 }
      do {
        try await clients.endpoint.watch(
          .configMaps, namespace: namespace, after: from,
          options: ListOptions(labelSelector: "drill")
        ) { events in
          for event in events {
            let version = event.object.at("metadata", "resourceVersion")?.stringValue ?? ""
            if !version.isEmpty { position.withLock { $0 = version } }
            guard event.kind == .added, let name = event.object.at("metadata", "name")?.stringValue
            else { continue }
            record.state.withLock { $0.watched.append((name, UInt64(version) ?? 0)) }
          }
        }
      } catch {
        try? await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  struct Observation: Sendable {
    var noticed: (id: Int, at: ContinuousClock.Instant)?
    var elected: (id: Int, term: Int64, at: ContinuousClock.Instant)?
  }

  /// Asks the survivors every other millisecond, until one of them leads.
  func observe(
    _ survivors: [(id: Int, address: String, client: HTTPSClient)], oldLeader: Int64
  ) async -> Observation {
    var observation = Observation()
    let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
    while observation.elected == nil, ContinuousClock.now < deadline, !Task.isCancelled {
      for (id, address, client) in survivors {
        let replica = await ClusterClients.replica(id: id, address: address, client: client)
        let now = ContinuousClock.now
        guard let leader = replica.number("leader") else { continue }
        if leader != oldLeader, observation.noticed == nil { observation.noticed = (id, now) }
        if replica.role == "leader" {
          observation.elected = (id, replica.number("term") ?? 0, now)
        }
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return observation
  }

  struct Return: Sendable {
    var pid: Int64
    var answered: ContinuousClock.Instant
    var caughtUp: ContinuousClock.Instant
  }

  func waitForReturn(of leader: ClusterStatus.Replica, oldPid: Int64) async throws -> Return {
    let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
    var answered: ContinuousClock.Instant?
    while ContinuousClock.now < deadline {
      let status = await clients.status()
      if let replica = status.replicas.first(where: { $0.id == leader.id }),
        let pid = replica.pid, fault == .silence || pid != oldPid
      {
        let now = ContinuousClock.now
        let since = answered ?? now
        answered = since
        // Writers go on meanwhile, so a few entries are always on their way.
        if let lag = status.lag(of: replica), lag <= 16 {
          return Return(pid: pid, answered: since, caughtUp: now)
        }
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw Failure(
      description: "replica \(leader.id) did not come back within \(Int(timeoutSeconds)) seconds;"
        + " is the supervisor running?")
  }
}
