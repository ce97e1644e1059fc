import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct ProjectionHistoryTests {
  @Test(arguments: 0..<3 as Range<UInt64>)
  func everyRevisionReadsAsItWas(seed: UInt64) throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: seed, transactions: 250)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      let reader = try HistoryReader(path: projection.path)
      try expect(reader, reads: model)
      #expect(throws: ProjectionError.future(current: model.state.revision)) {
        try reader.snapshot(at: model.state.revision + 1)
      }
    }
  }

  @Test func eventsAreListedAsTheyHappened() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 4, transactions: 700)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      let reader = try HistoryReader(path: projection.path)
      let events = model.events
      var listed: [HistoryEvent] = []
      try reader.forEach(HistoryFilter()) {
        listed.append($0)
        return true
      }
      #expect(listed.count == events.count)
      for (found, event) in zip(listed, events) {
        #expect(found.revision == event.revision && found.key == event.key)
        #expect(found.kind == event.kind && found.value == event.value)
        #expect(found.previousRevision == event.previous?.modRevision ?? 0)
        #expect(found.createRevision == event.previous?.createRevision ?? event.revision)
        #expect(found.provenance == event.provenance && found.requestID == event.requestID)
        #expect(found.timeMilliseconds == event.timeMilliseconds && found.isCommitted)
      }
      func check(_ filter: HistoryFilter, _ condition: (Event) -> Bool) throws {
        let expected = events.filter(condition).map {
          HistoryCursor(revision: $0.revision, position: 0).revision
        }
        let found = try reader.events(filter, limit: 0).map(\.revision)
        #expect(found == (filter.newestFirst ? expected.reversed() : expected), "\(filter)")
        #expect(!found.isEmpty)
      }
      try check(HistoryFilter(fromRevision: 100, throughRevision: 200)) {
        (100...200).contains($0.revision)
      }
      try check(HistoryFilter(sinceMilliseconds: 1_003_000, untilMilliseconds: 1_004_000)) {
        (1_003_000...1_004_000).contains($0.timeMilliseconds)
      }
      try check(HistoryFilter(user: "anna", newestFirst: true)) { $0.provenance.user == "anna" }
      try check(HistoryFilter(key: Key("pods/default/n3"))) { $0.key == Key("pods/default/n3") }
      try check(
        HistoryFilter(
          prefixes: [Key("pods/kube-system/"), Key("deployments.apps/")], user: "bert",
          verb: "update")
      ) { $0.provenance.user == "bert" && !$0.key.hasPrefix(Key("pods/default/")) }
      let cause = try #require(events.first { $0.provenance.cause > 0 }).provenance.cause
      try check(HistoryFilter(cause: cause)) { $0.provenance.cause == cause }
      // Pages put together give the whole, in both directions.
      for newestFirst in [false, true] {
        var pages: [HistoryEvent] = []
        var cursor: HistoryCursor?
        while true {
          let page = try reader.events(
            HistoryFilter(newestFirst: newestFirst), after: cursor, limit: 37)
          guard let last = page.last else { break }
          pages += page
          cursor = HistoryCursor(last)
        }
        #expect(pages == (newestFirst ? listed.reversed() : listed))
      }
    }
  }

  @Test func singleEventsAndTimes() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 6, transactions: 200)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      let reader = try HistoryReader(path: projection.path)
      for event in model.events.suffix(60) {
        #expect(try reader.events(at: event.revision).contains { $0.key == event.key })
        let previous = try reader.previous(of: event.key, before: event.revision)
        if let expected = event.previous {
          #expect(previous?.revision == expected.modRevision)
          #expect(previous?.value == expected.value)
        } else {
          #expect(previous == nil || previous?.kind == .delete)
        }
        let time = event.timeMilliseconds
        #expect(try reader.revision(atTime: time) == event.revision)
        #expect(try reader.revision(atTime: time + 5) == event.revision)
      }
      #expect(try reader.revision(atTime: 5) == nil)
      #expect(throws: ProjectionError.self) { try reader.event(at: 10_000) }
      let statistics = try reader.statistics()
      #expect(statistics.events == model.events.count)
      #expect(
        statistics.bytes == model.events.reduce(0) { $0 + $1.key.bytes.count + $1.value.count })
      #expect(Set(statistics.kinds.map(\.name)) == ["pods", "deployments.apps"])
      #expect(statistics.users.reduce(0) { $0 + $1.events } == statistics.events)
      #expect(statistics.lastRevision == model.state.revision)
      #expect(statistics.firstTimeMilliseconds == model.events.first?.timeMilliseconds)
    }
  }

  @Test func causesLeadBackToTheBeginning() throws {
    try withProjectionFolder { folder in
      var state = KeyspaceState()
      var batches: [AppliedBatch] = []
      let writes: [(key: String, user: String, cause: Revision)] = [
        ("deployments.apps/default/web", "anna", 0), ("nodes//n1", "node", 0),
        ("replicasets.apps/default/web-1", "deployment-controller", 1),
        ("pods/default/web-1-x", "replicaset-controller", 3),
        ("pods/default/web-1-x", "scheduler", 4), ("pods/default/web-1-x", "kubelet", 5),
      ]
      for (position, write) in writes.enumerated() {
        let (_, events) = state.apply(
          Transaction(
            mutations: [.put(key: Key(write.key), value: [1], revisionOffset: nil)],
            provenance: Provenance(user: write.user, verb: "update", cause: write.cause),
            timeMilliseconds: UInt64(position)))
        batches.append(
          AppliedBatch(
            index: UInt64(position + 1), term: 1, revision: state.revision,
            stateHash: state.stateHash, events: events, requests: []))
      }
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: batches)
      let reader = try HistoryReader(path: projection.path)
      let pod = Key("pods/default/web-1-x")
      let last = try #require(try reader.previous(of: pod, before: .max))
      let causes = try reader.causes(of: last)
      #expect(causes.events.map(\.revision) == [6, 5, 4, 3, 1])
      #expect(causes.events.last?.provenance.user == "anna")
      #expect(!causes.isCut)
      #expect(try reader.creation(of: pod)?.revision == 4)
      #expect(try reader.creation(of: Key("pods/default/none")) == nil)
      // The deployment's row is still needed, the pod's creation is not.
      while try !projection.prune(olderThan: 5, maximumBytes: nil).isComplete {}
      try reader.refresh()
      let cut = try reader.causes(of: last)
      #expect(cut.events.map(\.revision) == [6, 5])
      #expect(cut.isCut)
    }
  }

  @Test func aReaderKeepsItsMomentUntilRefreshed() throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: 7, transactions: 120)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: Array(model.batches[..<60]))
      let reader = try HistoryReader(path: projection.path)
      let before = reader.newestRevision
      let events = try reader.events(HistoryFilter(), limit: 0)
      try projection.write(batch: Array(model.batches[60...]))
      while try !projection.prune(olderThan: .max, maximumBytes: nil).isComplete {}
      #expect(try reader.events(HistoryFilter(), limit: 0) == events)
      #expect(reader.newestRevision == before)
      try reader.refresh()
      #expect(reader.newestRevision == model.state.revision)
      #expect(reader.oldestRevision == model.state.revision)
    }
  }

  @Test(arguments: 0..<3 as Range<UInt64>)
  func retentionLeavesTheKeptRevisionsWhole(seed: UInt64) throws {
    try withProjectionFolder { folder in
      let model = ProjectionModel(seed: seed, transactions: 300)
      let (projection, _) = try openProjection(folder)
      try projection.write(batch: model.batches)
      var removed = 0
      for time in stride(from: 1_000_300, through: 1_002_900, by: 650) as StrideThrough<UInt64> {
        var step = try projection.prune(olderThan: time, maximumBytes: nil)
        while !step.isComplete { step = try projection.prune(olderThan: time, maximumBytes: nil) }
        removed += step.removedRows
        let compacted = step.compactedRevision
        let kept = try #require(model.events.first { $0.timeMilliseconds >= time }).revision
        #expect(compacted == kept - 1)
        let reader = try HistoryReader(path: projection.path)
        try expect(reader, reads: model, from: compacted)
        #expect(throws: ProjectionError.compacted(oldest: compacted)) {
          try reader.snapshot(at: compacted - 1)
        }
        #expect(
          try reader.events(HistoryFilter(), limit: 0).map(\.revision)
            == model.events.filter { $0.revision > compacted }.map(\.revision))
        // What is there: what the oldest kept revision held, and what came later.
        #expect(
          try reader.statistics().events == model.states[Int(compacted)].count
            + model.events.filter { $0.revision > compacted }.count)
      }
      #expect(removed > 100)
      let restored = try projection.loadCurrent().restored()
      #expect(restored.stateHash == model.state.stateHash)
    }
  }

  @Test func retentionByBytes() throws {
    try withProjectionFolder { folder in
      var state = KeyspaceState()
      let (projection, _) = try openProjection(folder)
      for index in 1...6000 as ClosedRange<UInt64> {
        let value = [UInt8](repeating: UInt8(index % 251), count: 500)
        let (result, events) = state.apply(
          Transaction(
            mutations: [.put(key: Key("pods/a/\(index % 10)"), value: value, revisionOffset: nil)],
            provenance: Provenance(user: "u", verb: "update"), requestID: index,
            timeMilliseconds: index))
        try projection.write(batch: [
          AppliedBatch(
            index: index, term: 1, revision: state.revision, stateHash: state.stateHash,
            events: events, requests: [(index, result)])
        ])
      }
      let before = try projection.byteCount
      #expect(before > 3_000_000)
      while try !projection.prune(olderThan: nil, maximumBytes: 2_500_000).isComplete {}
      #expect(try projection.byteCount <= 2_500_000)
      #expect(projection.meta.compactedRevision > 0)
      #expect(projection.meta.compactedRevision < 6000)
      #expect(try projection.loadCurrent().restored().stateHash == state.stateHash)
    }
  }
}
