import Keyspace
import Raft
import Testing

@testable import EventStore

/// Leases: keys that go when nobody keeps them alive.
@Suite(.serialized) struct LeaseTests {
  private static let now: UInt64 = 1_700_000_000_000

  private func cluster(_ body: (TestCluster, [Replica]) async throws -> Void) async throws {
    let cluster = try TestCluster()
    let replicas = try await cluster.startAll()
    try await body(cluster, replicas)
    await cluster.shutdown()
  }

  private func grant(
    _ replica: Replica, _ id: UInt64, _ ttlMilliseconds: UInt64
  ) async throws -> Lease {
    try await poll("a lease") {
      do throws(StoreError) {
        return try await replica.grantLease(
          id: id, ttlMilliseconds: ttlMilliseconds, timeMilliseconds: Self.now)
      } catch {
        guard case .unavailable = error else { throw error }
        return nil
      }
    }
  }

  // MARK: The clock

  private func state(_ transactions: [Transaction]) -> KeyspaceState {
    var state = KeyspaceState()
    for transaction in transactions { _ = state.apply(transaction) }
    return state
  }

  @Test func clockEndsALeaseAfterItsTimeAndNotBefore() {
    let state = state([Lease.grant(id: 1, ttlMilliseconds: 1_000, timeMilliseconds: Self.now)])
    var clock = LeaseClock(tickMilliseconds: 10)
    clock.restart(from: state.snapshot, now: 50)
    for now in 50...150 { #expect(clock.ended(now: now).isEmpty) }
    #expect(clock.ended(now: 151) == [1])
    // Told again only after a while: its end is on its way.
    #expect(clock.ended(now: 152).isEmpty)
    #expect(clock.ended(now: 201) == [1])
  }

  @Test func newLeaderGivesTheFullTimeAgain() {
    let state = state([Lease.grant(id: 1, ttlMilliseconds: 1_000, timeMilliseconds: Self.now)])
    var clock = LeaseClock(tickMilliseconds: 10)
    clock.restart(from: state.snapshot, now: 0)
    clock.beginToLead(now: 100)
    #expect(clock.ended(now: 150).isEmpty)
    #expect(clock.ended(now: 201) == [1])
  }

  @Test func renewalThatComesFirstInTheLogPrevails() throws {
    var state = state([Lease.grant(id: 1, ttlMilliseconds: 1_000, timeMilliseconds: Self.now)])
    let lease = try #require(Lease(id: 1, in: state.snapshot))
    _ = state.apply(lease.attaching(put("a", "1")))
    let end = try #require(
      Lease.end(id: 1, in: state.snapshot, verb: "expire", timeMilliseconds: Self.now))
    _ = state.apply(lease.renewal(timeMilliseconds: Self.now + 1))
    guard case .conflict(let key, _) = state.apply(end).result else {
      Issue.record("a renewed lease ended")
      return
    }
    #expect(key == Lease.aliveKey(1))
    #expect(state.snapshot.text("a") == "1")
  }

  @Test func keyWrittenWithoutTheLeaseStays() throws {
    var state = state([Lease.grant(id: 1, ttlMilliseconds: 1_000, timeMilliseconds: Self.now)])
    let lease = try #require(Lease(id: 1, in: state.snapshot))
    _ = state.apply(lease.attaching(put("a", "1")))
    _ = state.apply(lease.attaching(put("b", "1")))
    _ = state.apply(put("a", "2"))
    let end = try #require(
      Lease.end(id: 1, in: state.snapshot, verb: "expire", timeMilliseconds: Self.now))
    let events = state.apply(end).events
    #expect(Set(events.map(\.revision)).count == 1)
    #expect(state.snapshot.text("a") == "2")
    #expect(state.snapshot.text("b") == nil)
    #expect(state.count == 1)
  }

  @Test func leaseWithMoreKeysThanATransactionTakesEndsInSteps() throws {
    var state = state([Lease.grant(id: 1, ttlMilliseconds: 1_000, timeMilliseconds: Self.now)])
    let lease = try #require(Lease(id: 1, in: state.snapshot))
    for number in 0..<5_000 { _ = state.apply(lease.attaching(put("k/\(number)", ""))) }
    var clock = LeaseClock(tickMilliseconds: 10)
    clock.restart(from: state.snapshot, now: 0)
    var steps = 0
    var now = 101
    while !clock.isEmpty, steps < 5 {
      #expect(clock.ended(now: now) == [1])
      let end = try #require(
        Lease.end(id: 1, in: state.snapshot, verb: "expire", timeMilliseconds: Self.now))
      try TransactionCodec.validate(end)
      for event in state.apply(end).events { clock.applied(event, in: state.snapshot, now: now) }
      // Nothing can be attached any more.
      guard case .conflict = state.apply(lease.attaching(put("late", ""))).result else {
        Issue.record("a key was attached to a lease that ends")
        return
      }
      steps += 1
      now += 1
    }
    #expect(steps == 2)
    #expect(state.count == 0)
  }

  // MARK: Real replicas

  @Test func keysGoAtOneRevisionOnEveryReplicaWhenTheTimeIsOver() async throws {
    try await cluster { cluster, replicas in
      let first = try await grant(replicas[1], 7, 60_000)
      // A call whose outcome is unknown can be repeated; another lease can't take the id.
      #expect(try await grant(replicas[2], 7, 60_000) == first)
      await #expect(throws: StoreError.self) {
        try await replicas[2].grantLease(
          id: 7, ttlMilliseconds: 400, timeMilliseconds: Self.now)
      }
      #expect(try await replicas[0].revoke(first, timeMilliseconds: Self.now))
      let sinks = replicas.map { _ in CollectingSink() }
      for (replica, sink) in zip(replicas, sinks) {
        _ = try replica.watch(prefix: Key("k/"), after: 0, sink: sink)
      }
      var transaction = put("k/1", "1")
      transaction.mutations.append(.put(key: Key("k/2"), value: [2], revisionOffset: nil))
      // On a slow machine it may be over before anything is attached to it.
      var (lease, written, id) = (first, Revision?.none, UInt64(8))
      while written == nil {
        lease = try await grant(replicas[1], id, 300)
        written = try await commitThroughFailure(
          replicas[0], lease.attaching(transaction)
        ).revision
        id += 1
      }
      for sink in sinks {
        _ = try await poll("the end of the lease") { sink.events.count >= 4 ? true : nil }
        #expect(sink.events.count == 4)
        #expect(sink.events.map(\.kind) == [.put, .put, .delete, .delete])
        #expect(sink.events.first?.revision == written)
        #expect(sink.events[2].revision == sink.events[3].revision)
        #expect(sink.events[2].provenance.verb == "expire")
      }
      #expect(Set(sinks.map { $0.events[2].revision }).count == 1)
      #expect(try await replicas[0].keepAlive(lease, timeMilliseconds: Self.now) == false)
      let result = try await replicas[0].commit(lease.attaching(put("k/3", "late")))
      #expect(result == .conflict(key: Lease.recordKey(lease.id), actual: 0))
      let statuses = try await cluster.converged()
      #expect(Set(statuses.map(\.stateHash)).count == 1)
      #expect(replicas[0].current().entries(prefix: Lease.prefix).isEmpty)
    }
  }

  @Test func leaseSurvivesTheLeaderAndThenEnds() async throws {
    try await cluster { cluster, replicas in
      try await cluster.makeLead(3)
      let lease = try await grant(replicas[0], 9, 4_000)
      _ = try await commitThroughFailure(replicas[0], lease.attaching(put("k", "1")))
      await cluster.kill(3)
      let isAlive = try await poll("a renewal") {
        do throws(StoreError) {
          return try await replicas[0].keepAlive(lease, timeMilliseconds: Self.now)
        } catch {
          guard case .unavailable = error else { throw error }
          return nil
        }
      }
      #expect(isAlive)
      #expect(replicas[0].current().text("k") == "1")
      _ = try await poll("the end") { replicas[0].current().text("k") == nil ? true : nil }
      _ = try await poll("the end") { replicas[1].current().text("k") == nil ? true : nil }
    }
  }

  @Test func revokingRemovesItsKeys() async throws {
    try await cluster { cluster, replicas in
      let lease = try await grant(replicas[0], 11, 60_000)
      for number in 0..<5 {
        _ = try await commitThroughFailure(replicas[0], lease.attaching(put("k/\(number)", "")))
      }
      #expect(try await replicas[2].revoke(lease, timeMilliseconds: Self.now))
      #expect(replicas[2].current().entries(prefix: Key("k/")).isEmpty)
      #expect(try await replicas[1].revoke(lease, timeMilliseconds: Self.now) == false)
    }
  }

  @Test func leaseOfAReplicaThatStandsAloneEndsAfterARestart() async throws {
    let directory = try TemporaryDirectory()
    func start() async throws -> Replica {
      try await Replica.start(
        configuration: ReplicaConfiguration(
          clusterID: 7, id: 1, dataDirectory: directory.path + "/data"), logger: quietLogger())
    }
    let first = try await start()
    let lease = try await grant(first, 1, 200)
    _ = try await first.commit(lease.attaching(put("k", "1")))
    await first.shutdown()
    let second = try await start()
    _ = try await poll("the end") { second.current().text("k") == nil ? true : nil }
    await second.shutdown()
  }
}
