import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct ProjectionTests {
  @Test(arguments: 0..<4 as Range<UInt64>)
  func whatIsWrittenIsLoaded(seed: UInt64) throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: seed, transactions: 300)
      do {
        let (projection, found) = try openProjection(folder)
        if case .rebuilt(let reason) = found {
          #expect(reason.contains("was not there"))
        } else {
          Issue.record("\(found)")
        }
        #expect(try projection.loadCurrent().restored().stateHash == KeyspaceState().stateHash)
        for start in stride(from: 0, to: 300, by: 70) {
          try projection.write(batch: Array(model.batches[start..<min(300, start + 70)]))
        }
      }
      let (projection, found) = try openProjection(folder)
      #expect(found == .ready)
      let checkpoint = try projection.loadCurrent()
      #expect(checkpoint.appliedIndex == 301)
      #expect(checkpoint.appliedTerm == 1)
      let restored = try checkpoint.restored()
      #expect(restored.stateHash == model.state.stateHash)
      #expect(restored.revision == model.state.revision)
      #expect(restored.requests.map(\.0) == model.state.requests.map(\.0))
      #expect(restored.requests.map(\.1) == model.state.requests.map(\.1))
      #expect(
        restored.snapshot.entries(prefix: Key("")) == model.state.snapshot.entries(prefix: Key("")))
    }
  }

  @Test func aReplayFromAnywhereBeforeChangesNothing() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 9, transactions: 200)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: Array(model.batches[..<120]))
      try projection.write(batch: Array(model.batches[..<150]))
      try projection.write(batch: Array(model.batches[40..<90]))
      try projection.write(batch: Array(model.batches[100...]))
      let restored = try projection.loadCurrent().restored()
      #expect(restored.stateHash == model.state.stateHash)
      try expect(try HistoryReader(path: projection.path), reads: model)
    }
  }

  @Test func aFailedWriteLeavesNothingBehind() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 10, transactions: 100)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: Array(model.batches[..<50]))
      // A bound on its pages is to SQLite what a full disk is.
      let pages = try projection.connection.integer("PRAGMA page_count") ?? 0
      try projection.connection.execute("PRAGMA max_page_count = \(pages)")
      let failure = #expect(throws: ProjectionError.self) {
        try projection.write(batch: Array(model.batches[50...]))
      }
      if case .noSpace = failure {} else { Issue.record("\(String(describing: failure))") }
      #expect(projection.meta.appliedIndex == 51)
      #expect(try projection.loadCurrent().appliedIndex == 51)
      try projection.connection.execute("PRAGMA max_page_count = 1000000")
      try projection.write(batch: Array(model.batches[50...]))
      #expect(try projection.loadCurrent().restored().stateHash == model.state.stateHash)
    }
  }

  @Test func whatIsDurableLagsBehindWhatIsWritten() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 11, transactions: 2_100)
      do {
        let (projection, _) = try openProjection(folder)
        projection.syncEntries = 2_000
        try projection.write(batch: Array(model.batches[..<1500]))
        #expect(projection.meta.appliedIndex == 1501)
        #expect(projection.durableIndex == 0)
        try projection.write(batch: Array(model.batches[1500..<2050]))
        #expect(projection.durableIndex == 2051)
        try projection.write(batch: Array(model.batches[2050...]))
        #expect(projection.durableIndex == 2051)
        try projection.sync()
        #expect(projection.durableIndex == 2101)
      }
      #expect(try openProjection(folder).projection.durableIndex == 2101)
    }
  }

  @Test func oldRequestsAreForgottenLikeInTheState() throws {
    try withProjectionFolder { folder in
      let (projection, _) = try openProjection(folder)
      var state = KeyspaceState()
      var requests: [(UInt64, TransactionResult)] = []
      for id in 1...100_050 as ClosedRange<UInt64> {
        let transaction = Transaction(
          mutations: [.delete(key: Key("none"))], provenance: Provenance(user: "u", verb: "v"),
          requestID: id % 100_040 + 1, timeMilliseconds: 0)
        requests.append((transaction.requestID, state.apply(transaction).result))
      }
      try projection.write(batch: [
        AppliedBatch(
          index: 1, term: 1, revision: state.revision, stateHash: state.stateHash, events: [],
          requests: requests)
      ])
      #expect(try projection.loadCurrent().restored().stateHash == state.stateHash)
      #expect(try projection.loadCurrent().requests.count == 100_000)
    }
  }

  @Test func anotherReplicasFileIsRefused() throws {
    try withProjectionFolder { folder in
      let path = "\(folder)/projection.sqlite"
      _ = try openProjection(folder)
      #expect(throws: ProjectionError.otherCluster(found: 7, expected: 8)) {
        try Projection.open(path: path, clusterID: 8, replicaID: 1)
      }
      #expect(throws: ProjectionError.otherReplica(found: 1, expected: 2)) {
        try Projection.open(path: path, clusterID: 7, replicaID: 2)
      }
      #expect(try openProjection(folder).found == .ready)
    }
  }

  @Test func aNewerVersionIsRefused() throws {
    try withProjectionFolder { folder in
      do {
        let (projection, _) = try openProjection(folder)
        try projection.connection.execute("PRAGMA user_version = 99")
      }
      #expect(throws: ProjectionError.newerVersion(99)) { try openProjection(folder) }
      #expect(throws: ProjectionError.newerVersion(99)) {
        try HistoryReader(path: "\(folder)/projection.sqlite")
      }
    }
  }

  @Test func aPeerTakesASnapshotOver() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 5, transactions: 250)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      let peer = "\(folder)/peer.sqlite"
      do {
        let (old, _) = try Projection.open(path: peer, clusterID: 7, replicaID: 2)
        try old.write(batch: Array(ProjectionModel(seed: 77, transactions: 9).batches))
      }
      for (number, send) in [
        { try projection.snapshot(to: $0) },
        { try Projection.snapshot(of: projection.path, to: $0) },
      ].enumerated() as EnumeratedSequence<[(String) throws -> Void]> {
        let sent = "\(folder)/sent-\(number)"
        try send(sent)
        let meta = try Projection.install(received: sent, at: peer, clusterID: 7, replicaID: 2)
        #expect(meta.appliedIndex == 251)
        let (installed, found) = try Projection.open(path: peer, clusterID: 7, replicaID: 2)
        #expect(found == .ready)
        #expect(try installed.loadCurrent().restored().stateHash == model.state.stateHash)
        try expect(try HistoryReader(path: peer), reads: model, from: 100)
      }
      let other = "\(folder)/other"
      try projection.snapshot(to: other)
      #expect(throws: ProjectionError.otherCluster(found: 7, expected: 8)) {
        try Projection.install(received: other, at: peer, clusterID: 8, replicaID: 2)
      }
      try projection.snapshot(to: "\(folder)/cut")
      #expect(truncate("\(folder)/cut", 20_000) == 0)
      let failure = #expect(throws: ProjectionError.self) {
        try Projection.install(received: "\(folder)/cut", at: peer, clusterID: 7, replicaID: 2)
      }
      if case .damaged = failure {} else { Issue.record("\(String(describing: failure))") }
      #expect(try Projection.open(path: peer, clusterID: 7, replicaID: 2).found == .ready)
    }
  }
}
