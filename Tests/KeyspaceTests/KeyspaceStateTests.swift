import SeededRuns
import Testing

@testable import Keyspace

func transaction(
  compares: [Compare] = [], _ mutations: [Mutation], id: UInt64 = 0, cause: Revision = 0
) -> Transaction {
  Transaction(
    compares: compares, mutations: mutations,
    provenance: Provenance(user: "anna", agent: "kubectl", verb: "update", cause: cause),
    requestID: id, timeMilliseconds: 1_700_000_000_000)
}

func put(_ key: String, _ value: String, at offset: Int? = nil) -> Mutation {
  .put(key: Key(key), value: Array(value.utf8), revisionOffset: offset)
}

func delete(_ key: String) -> Mutation { .delete(key: Key(key)) }

@Suite struct KeyspaceStateTests {
  @Test func aTransactionGetsOneRevision() {
    var state = KeyspaceState()
    let (result, events) = state.apply(transaction([put("a", "1"), put("b", "2")], cause: 7))
    #expect(result == .committed(revision: 1))
    #expect(events.map(\.revision) == [1, 1])
    #expect(events.map(\.key) == [Key("a"), Key("b")])
    #expect(events[0].previous == nil)
    #expect(events[0].provenance.cause == 7)
    let (_, second) = state.apply(transaction([put("a", "3"), delete("b"), delete("c")]))
    #expect(second.map(\.kind) == [.put, .delete])
    #expect(second[0].previous?.value == Array("1".utf8))
    #expect(state.revision == 2)
    #expect(
      state.snapshot.entries(prefix: Key("")) == [
        Entry(key: Key("a"), value: Array("3".utf8), createRevision: 1, modRevision: 2)
      ])
    #expect(state.bytes == 2)
  }

  @Test func whatChangesNothingHasNoRevision() {
    var state = KeyspaceState()
    _ = state.apply(transaction([put("a", "1")]))
    #expect(state.apply(transaction([delete("x"), delete("y")])).result == .committed(revision: 1))
    #expect(state.revision == 1)
  }

  @Test func comparesGuardTheWhole() {
    var state = KeyspaceState()
    _ = state.apply(transaction([put("a", "1")]))
    let hash = state.stateHash
    let absent = Compare(key: Key("a"), revision: 0)
    #expect(
      state.apply(transaction(compares: [absent], [put("a", "2"), put("b", "2")])).result
        == .conflict(key: Key("a"), actual: 1))
    let wrong = Compare(key: Key("zz"), revision: 4)
    #expect(
      state.apply(transaction(compares: [wrong], [put("b", "2")])).result
        == .conflict(key: Key("zz"), actual: 0))
    #expect(state.stateHash == hash)
    #expect(state.snapshot.get(Key("b")) == nil)
    let right = Compare(key: Key("a"), revision: 1)
    #expect(
      state.apply(transaction(compares: [right], [put("a", "2")])).result
        == .committed(revision: 2))
  }

  @Test func theRevisionIsSplicedIn() {
    var state = KeyspaceState()
    for _ in 0..<11 { _ = state.apply(transaction([put("n", "x")])) }
    let (_, events) = state.apply(transaction([put("a", #"{"v":""}"#, at: 6)]))
    #expect(String(decoding: events[0].value, as: UTF8.self) == #"{"v":"12"}"#)
    #expect(state.snapshot.get(Key("a"))?.value == events[0].value)
    let (_, end) = state.apply(transaction([put("a", "rev ", at: 4)]))
    #expect(String(decoding: end[0].value, as: UTF8.self) == "rev 13")
    let (_, outside) = state.apply(transaction([put("a", "rev ", at: 5)]))
    #expect(String(decoding: outside[0].value, as: UTF8.self) == "rev ")
  }

  @Test func aRetryGetsTheFirstResult() {
    var state = KeyspaceState()
    let compare = Compare(key: Key("a"), revision: 0)
    let create = transaction(compares: [compare], [put("a", "1")], id: 9)
    #expect(state.apply(create).result == .committed(revision: 1))
    let retry = state.apply(create)
    #expect(retry.result == .committed(revision: 1))
    #expect(retry.events.isEmpty)
    let other = transaction(compares: [compare], [put("a", "1")], id: 10)
    #expect(state.apply(other).result == .conflict(key: Key("a"), actual: 1))
    _ = state.apply(transaction([delete("a")]))
    #expect(state.apply(other).result == .conflict(key: Key("a"), actual: 1))
    #expect(state.requests.map(\.0) == [9, 10])
  }

  @Test func requestsAreForgottenInTheOrderOfApplication() {
    var state = KeyspaceState()
    for id in 1...100_010 as ClosedRange<UInt64> {
      _ = state.apply(transaction([delete("none")], id: id))
    }
    #expect(state.requests.count == 100_000)
    #expect(state.requests.first?.0 == 11)
    #expect(state.requests.last?.0 == 100_010)
    _ = state.apply(transaction([put("a", "1")]))
    // Id 10 is forgotten and takes effect, 11 was still known until then.
    #expect(state.apply(transaction([put("a", "2")], id: 11)).result == .committed(revision: 0))
    #expect(state.apply(transaction([put("a", "2")], id: 10)).result == .committed(revision: 2))
    #expect(state.requests.first?.0 == 12)
    let restored = KeyspaceState(
      restoring: state.snapshot.entries(prefix: Key("")), revision: state.revision,
      requests: state.requests)
    #expect(restored.stateHash == state.stateHash)
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func replicasAndCheckpointsAgree(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var one = KeyspaceState()
    var two = KeyspaceState()
    var hashes = Set<UInt64>()
    for step in 0..<600 {
      var mutations: [Mutation] = []
      var used = Set<Int>()
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let name = Int.random(in: 0..<80, using: &random)
        guard used.insert(name).inserted else { continue }
        mutations.append(
          Bool.random(using: &random)
            ? put("k\(name)", String(repeating: "v", count: step % 37), at: 0) : delete("k\(name)"))
      }
      let next = transaction(mutations, id: UInt64.random(in: 0..<400, using: &random))
      let first = one.apply(next)
      let second = two.apply(next)
      #expect(first.result == second.result)
      #expect(one.stateHash == two.stateHash)
      if !first.events.isEmpty { #expect(hashes.insert(one.stateHash).inserted) }
      if step % 50 == 49 {
        two = KeyspaceState(
          restoring: one.snapshot.entries(prefix: Key("")), revision: one.revision,
          requests: one.requests)
        #expect(one.stateHash == two.stateHash)
        #expect(one.bytes == two.bytes)
      }
    }
    #expect(
      one.bytes
        == one.snapshot.entries(prefix: Key("")).reduce(0) {
          $0 + $1.key.bytes.count + $1.value.count
        })
  }

  @Test func theHashIsTheSameInEveryRun() {
    var state = KeyspaceState()
    _ = state.apply(transaction([put("pods/default/web", "0123456789abcdef!")], id: 3))
    let known: UInt64 = 5_536_149_858_288_109_474
    #expect(state.stateHash == known)
  }

  @Test func aSnapshotStaysAsItWas() {
    var state = KeyspaceState()
    for number in 0..<200 { _ = state.apply(transaction([put("pods/a/\(number)", "x")])) }
    let snapshot = state.snapshot
    for number in 0..<200 { _ = state.apply(transaction([delete("pods/a/\(number)")])) }
    #expect(snapshot.revision == 200)
    #expect(snapshot.entries(prefix: Key("pods/a/")).count == 200)
    #expect(
      snapshot.entries(prefix: Key("pods/a/"), limit: 3).map(\.key.description)
        == ["pods/a/0", "pods/a/1", "pods/a/10"])
    #expect(snapshot.count(from: Key("pods/a/1"), to: Key("pods/a/2")) == 111)
    #expect(state.snapshot.count(from: Key(""), to: nil) == 0)
  }
}
