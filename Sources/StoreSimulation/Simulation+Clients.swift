import EventStore
import Keyspace
import Raft

/// Clients: they write, read, and try again.
extension Simulation {
  /// Begins an operation, or tries the present one again.
  func act(_ client: Int) {
    if clients[client].operation == nil {
      guard phase != .peace || hasTainted else { return }
      clients[client].operationNumber += 1
      clients[client].attemptNumber = 0
      clients[client].operation =
        clients[client].readsFrom == 0 && random.chance(70)
        ? .write(makeTransaction(client)) : .read
    }
    guard let operation = clients[client].operation else { return }
    let avoided = clients[client].avoids
    if random.chance(20) || clients[client].attemptNumber > 0
      || clients[client].replica == avoided
    {
      clients[client].replica = random.pick(servers.filter { $0 != avoided })
    }
    if clients[client].readsFrom != 0 { clients[client].replica = clients[client].readsFrom }
    clients[client].attemptNumber += 1
    let attempt = SimulatedClient.Attempt(
      client: client, operation: clients[client].operationNumber,
      number: clients[client].attemptNumber, floor: oracle.acknowledgedRevision)
    let replica = replica(clients[client].replica)
    guard replica.isRunning else { return retry(attempt, in: random.next(in: 200...2_000)) }
    let id = nextLocalID
    nextLocalID += 1
    replica.waiting[id] = attempt
    switch operation {
    case .write(let transaction):
      trace("client \(client) writes \(transaction.requestID) on \(replica.id)")
      give(.commit(id: id, transaction), to: replica)
    case .read:
      trace("client \(client) reads on \(replica.id)")
      give(.barrier(id: id), to: replica)
    }
    schedule(.clientTimesOut(attempt), in: 40 * Self.tick)
  }

  /// Whom clients ask.
  private var servers: [ReplicaID] {
    guard phase != .faults else { return ids }
    let voters = voters
    let able = phase == .core ? voters.filter(core.contains) : voters
    return able.isEmpty ? ids : able
  }

  /// Somebody must notice yet that its state differs, which takes writes.
  private var hasTainted: Bool { replicas.contains { $0.isTainted || $0.checkpoint.isTainted } }

  private func makeTransaction(_ client: Int) -> Transaction {
    let keyspace = replica(clients[client].replica).core?.keyspace.snapshot
    var compares: [Compare] = []
    var mutations: [Mutation] = []
    let first = random.next(in: 0...(profile.keys - 1))
    let count = min(profile.keys, random.chance(80) ? 1 : 3)
    for offset in 0..<count {
      let key = Key("pods/default/\((first + offset) % profile.keys)")
      if random.chance(40) {
        compares.append(Compare(key: key, revision: keyspace?.get(key)?.modRevision ?? 0))
      }
      if random.chance(15) {
        mutations.append(.delete(key: key))
      } else {
        let value = (0..<random.next(in: 1...profile.valueBytes)).map { _ in
          UInt8(truncatingIfNeeded: random.next())
        }
        mutations.append(.put(key: key, value: value, revisionOffset: nil))
      }
    }
    if nextRequestID == 1 {
      mutations.append(.put(key: Self.constantKey, value: Self.constantValue, revisionOffset: nil))
    }
    nextRequestID += 1
    let transaction = Transaction(
      compares: compares, mutations: mutations,
      provenance: Provenance(user: "client-\(client)", agent: "simulation", verb: "update"),
      requestID: nextRequestID,
      timeMilliseconds: UInt64(max(0, now + replica(clients[client].replica).clockOffset)))
    oracle.proposes(transaction)
    return transaction
  }

  private func isCurrent(_ attempt: SimulatedClient.Attempt) -> Bool {
    let client = clients[attempt.client]
    return client.operation != nil && client.operationNumber == attempt.operation
      && client.attemptNumber == attempt.number
  }

  func retry(_ attempt: SimulatedClient.Attempt, in delay: Int) {
    guard isCurrent(attempt) else { return }
    schedule(.clientActs(attempt.client), in: delay)
    // Whatever still comes of this attempt comes too late.
    clients[attempt.client].attemptNumber += 1
  }

  func timeOut(_ attempt: SimulatedClient.Attempt) {
    retry(attempt, in: random.next(in: 0...500))
  }

  func answer(_ completion: ReplicaActions.Completion, _ replica: SimulatedReplica) {
    guard let attempt = replica.waiting.removeValue(forKey: completion.id) else { return }
    switch completion.result {
    case .success(let result):
      guard isCurrent(attempt),
        case .write(let transaction)? = clients[attempt.client].operation
      else { return }
      trace("client \(attempt.client): \(transaction.requestID) \(result)")
      oracle.acknowledges(replica.id, requestID: transaction.requestID, result)
      finish(attempt)
    case .failure(let error): fail(attempt, error)
    }
  }

  func answer(_ completion: ReplicaActions.BarrierCompletion, _ replica: SimulatedReplica) {
    guard let attempt = replica.waiting.removeValue(forKey: completion.id) else { return }
    switch completion.result {
    case .success(let revision):
      guard isCurrent(attempt) else { return }
      outcome.reads += 1
      trace("client \(attempt.client) reads at revision \(revision)")
      oracle.reads(replica.id, revision: revision, notBefore: attempt.floor)
      finish(attempt)
    case .failure(let error): fail(attempt, error)
    }
  }

  private func fail(_ attempt: SimulatedClient.Attempt, _ error: StoreError) {
    if case .invalid(let reason) = error {
      oracle.fail("a transaction is refused: \(reason)")
    }
    retry(attempt, in: random.next(in: 100...2_000))
  }

  private func finish(_ attempt: SimulatedClient.Attempt) {
    clients[attempt.client].operation = nil
    clients[attempt.client].answers += 1
    if phase != .peace || hasTainted {
      schedule(.clientActs(attempt.client), in: random.next(in: profile.thinkTime))
    }
  }
}
