import Foundation
import Keyspace
import SeededRuns
import Testing

@testable import EventStore

/// Times of events find their place also where the clocks of leaders went back and forth.
@Suite struct HistoryTimeTests {
  private static func batches(seed: UInt64) -> [AppliedBatch] {
    var random = SplitMix64(seed: seed)
    var state = KeyspaceState()
    var time: UInt64 = 100_000
    return (1...6_000).map { index in
      if random.next() % 2_000 == 0 { time -= min(time, random.next() % 5_000) }
      if random.next() % 2_000 == 0 { time += random.next() % 5_000 }
      time += random.next() % 3
      let transaction = Transaction(
        mutations: [
          .put(
            key: Key("pods/default/n\(random.next() % 50)"), value: Array("{}".utf8),
            revisionOffset: nil)
        ], provenance: Provenance(user: "anna", agent: "kubectl", verb: "update"),
        timeMilliseconds: time)
      let (result, events) = state.apply(transaction)
      return AppliedBatch(
        index: UInt64(index), term: 1, revision: state.revision, stateHash: state.stateHash,
        events: events, requests: [(UInt64(index), result)])
    }
  }

  private static func expected(_ events: [Event], atTime time: UInt64) -> Revision? {
    events.filter { $0.timeMilliseconds <= time }
      .max { ($0.timeMilliseconds, $0.revision) < ($1.timeMilliseconds, $1.revision) }?.revision
  }

  @Test(arguments: 1...6)
  func eachTimeIsFound(seed: UInt64) throws {
    try withProjectionFolder { folder in
      let batches = Self.batches(seed: seed)
      let events = batches.flatMap(\.events)
      let (projection, _) = try openProjection(folder)
      // In pieces that are no blocks.
      for start in stride(from: 0, to: batches.count, by: 700) {
        try projection.write(batch: Array(batches[start..<min(start + 700, batches.count)]))
      }
      let reader = try HistoryReader(path: "\(folder)/\(Projection.fileName)")
      let times = events.map(\.timeMilliseconds)
      let (least, greatest) = (times.min() ?? 0, times.max() ?? 0)
      var random = SplitMix64(seed: seed + 100)
      var asked = (0..<30).map { _ in least + random.next() % (greatest - least) }
      asked += [0, least - 1, least, greatest, greatest + 1, .max]
      for time in asked {
        #expect(
          try reader.revision(atTime: time) == Self.expected(events, atTime: time), "at \(time)")
        let until = time &+ random.next() % 3_000
        var found: [Revision] = []
        let filter = HistoryFilter(sinceMilliseconds: time, untilMilliseconds: until)
        try reader.forEach(filter) {
          found.append($0.revision)
          return true
        }
        #expect(
          found
            == events.filter { $0.timeMilliseconds >= time && $0.timeMilliseconds <= until }
            .map(\.revision))
      }
      // What is forgotten is found no more, and leaves no empty blocks behind.
      let floor = events[3_500].revision
      while try !projection.prune(olderThan: nil, maximumBytes: nil, upTo: floor).isComplete {}
      try reader.refresh()
      let kept =
        Dictionary(grouping: events.filter { $0.revision <= floor }) { $0.key }
        .compactMap { $0.value.last } + events.filter { $0.revision > floor }
      for time in asked {
        #expect(try reader.revision(atTime: time) == Self.expected(kept, atTime: time))
      }
      let blocks = try projection.connection.integer("SELECT count(*) FROM moments") ?? 0
      let expected = Set(kept.map { ProjectionSchema.block(of: $0.revision) })
      #expect(blocks == expected.count)
    }
  }
}
