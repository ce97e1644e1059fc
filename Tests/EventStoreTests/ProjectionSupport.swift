import EventLog
import Foundation
import Keyspace
import SeededRuns
import Testing

@testable import EventStore

/// A temporary folder for one test.
func withProjectionFolder(_ body: (String) throws -> Void) throws {
  let path = FileManager.default.temporaryDirectory
    .appendingPathComponent("projection-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

/// Random transactions, what a replica makes of them, and what each revision held.
struct ProjectionModel {

  private var random: SplitMix64
  private(set) var state = KeyspaceState()
  private(set) var batches: [AppliedBatch] = []
  private(set) var transactions: [Transaction] = []
  /// All keys at each revision from 0 on.
  private(set) var states: [[Entry]] = [[]]
  var events: [Event] { batches.flatMap(\.events) }

  init(seed: UInt64, transactions count: Int) {
    random = SplitMix64(seed: seed)
    for _ in 0..<count { step() }
  }

  mutating func step() {
    var mutations: [Mutation] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let resource =
        ["pods/default", "pods/kube-system", "deployments.apps/default"]
        .randomElement(using: &random) ?? ""
      let key = Key("\(resource)/n\(Int.random(in: 0..<12, using: &random))")
      if mutations.contains(where: { $0.key == key }) { continue }
      mutations.append(
        Int.random(in: 0..<4, using: &random) == 0
          ? .delete(key: key)
          : .put(
            key: key,
            value: Array("{\"v\":\"\",\"n\":\(random.next())}".utf8), revisionOffset: 6))
    }
    let guarded = Key("pods/default/n1")
    let isGuarded = Int.random(in: 0..<5, using: &random) == 0
    let transaction = Transaction(
      compares: isGuarded
        ? [Compare(key: guarded, revision: UInt64.random(in: 0..<3, using: &random))] : [],
      mutations: mutations,
      provenance: Provenance(
        user: ["anna", "bert", "system:node:n1"].randomElement(using: &random) ?? "",
        impersonator: isGuarded ? "root" : "", agent: "kubectl", verb: "update",
        subresource: "status", cause: state.revision),
      requestID: UInt64.random(in: 0..<1000, using: &random),
      timeMilliseconds: 1_000_000 + UInt64(batches.count) * 10)
    transactions.append(transaction)
    let isRetry = state.remembers(transaction.requestID)
    let (result, events) = state.apply(transaction)
    // Entry 1 of the log is the leader's empty one.
    batches.append(
      AppliedBatch(
        index: UInt64(batches.count + 2), term: 1, revision: state.revision,
        stateHash: state.stateHash, events: events,
        requests: transaction.requestID == 0 || isRetry ? [] : [(transaction.requestID, result)]))
    if !events.isEmpty { states.append(state.snapshot.entries(prefix: Key(""))) }
  }

  /// The log that led here, of which entries up to `commit` are known to be committed.
  func writeLog(to folder: String, commit: UInt64, clusterID: UInt64 = 7) throws {
    var log = try EventLog.open(
      disk: try FileDisk(path: folder),
      options: LogOptions(clusterID: clusterID, replicaID: 1, segmentBytes: 20_000))
    try log.append(
      [LogRecord(term: 1, index: 1, kind: 0, payload: [])],
      vote: LogVote(term: 1, vote: 1, commit: 0))
    for (position, transaction) in transactions.enumerated() {
      try log.append(
        [
          LogRecord(
            term: 1, index: UInt64(position + 2), kind: 1,
            payload: TransactionCodec.encode(transaction))
        ], vote: nil)
    }
    try log.append([], vote: LogVote(term: 1, vote: 1, commit: commit))
    try log.sync()
  }
}

func openProjection(_ folder: String) throws -> (projection: Projection, found: ProjectionOpen) {
  try Projection.open(path: "\(folder)/projection.sqlite", clusterID: 7, replicaID: 1)
}

func expect(
  _ reader: HistoryReader, reads model: ProjectionModel, from oldest: Revision = 0
) throws {
  try #require(oldest <= model.state.revision)
  for revision in oldest...model.state.revision {
    let expected = model.states[Int(revision)]
    let snapshot = try reader.snapshot(at: revision)
    #expect(snapshot.entries(prefix: Key("")) == expected, "revision \(revision)")
    #expect(snapshot.count(from: Key(""), to: nil) == expected.count)
    let pods = expected.filter { $0.key.hasPrefix(Key("pods/")) }
    #expect(try reader.state(at: revision, prefix: Key("pods/")) == pods)
    #expect(snapshot.entries(prefix: Key("pods/"), limit: 2) == Array(pods.prefix(2)))
    for number in 0..<12 {
      let key = Key("pods/default/n\(number)")
      #expect(snapshot.get(key) == expected.first { $0.key == key })
    }
    #expect(snapshot.failure == nil)
  }
}
