import Testing

@testable import KubernetesClient

@Suite struct EventAggregatorTests {
  func event(_ message: String, version: String = "1") -> RecordedEvent {
    RecordedEvent(
      about: ObjectReference(
        apiVersion: "v1", kind: "Pod", namespace: "n", name: "p", uid: "u",
        resourceVersion: version),
      kind: .warning, reason: "Failed", message: message)
  }

  @Test func repetitionsAreCounted() {
    var aggregator = EventAggregator()
    #expect(aggregator.next(event("a"), nanoseconds: 255) == .create(name: "p.ff"))
    #expect(aggregator.next(event("b"), nanoseconds: 256) == .create(name: "p.100"))
    #expect(
      aggregator.next(event("a", version: "2"), nanoseconds: 257)
        == .patch(name: "p.ff", count: 2))
    #expect(aggregator.next(event("a"), nanoseconds: 258) == .patch(name: "p.ff", count: 3))
    aggregator.forget(event("a"))
    #expect(aggregator.next(event("a"), nanoseconds: 259) == .create(name: "p.103"))
  }

  @Test func onlyRecentOnesAreRemembered() {
    var aggregator = EventAggregator()
    for number in 0...EventAggregator.maximumRemembered {
      _ = aggregator.next(event("\(number)"), nanoseconds: UInt64(number))
    }
    #expect(aggregator.next(event("0"), nanoseconds: 9) == .create(name: "p.9"))
    #expect(
      aggregator.next(event("4096"), nanoseconds: 9) == .patch(name: "p.1000", count: 2))
  }

  @Test func timesAreWrittenAsTheAPIDoes() {
    let time = WallClock(seconds: 1_767_323_045, nanoseconds: 6_789)
    #expect(time.time == "2026-01-02T03:04:05Z")
    #expect(time.microTime == "2026-01-02T03:04:05.000006Z")
  }

  @Test func backoffDoublesUpToItsBound() {
    var backoff = Backoff(initialMilliseconds: 50, maximumMilliseconds: 300)
    #expect((0..<5).map { _ in backoff.next(jitter: 1) } == [50, 100, 200, 300, 300])
    backoff.reset()
    #expect(backoff.next(jitter: 0) == 25)
  }
}
