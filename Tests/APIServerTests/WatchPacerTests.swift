import Keyspace
import KubernetesAPI
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import APIServer

@Suite struct WatchPacerTests {
  private final class Received: Sendable {
    let batches = Mutex<[[Revision]]>([])

    var revisions: [Revision] { batches.withLock { $0.flatMap(\.self) } }

    func sink(_ delivery: WatchPump.Delivery) {
      guard case .events(let events, _) = delivery else { return }
      batches.withLock { $0.append(events.map(\.revision)) }
    }
  }

  private static func event(_ revision: Revision) -> Event {
    Event(
      revision: revision, kind: .put,
      key: Key(resource: "pods", group: "", namespace: "n", name: "p"), value: [],
      previous: nil, provenance: Provenance(user: "u", agent: "a", verb: "create"),
      timeMilliseconds: 0, requestID: 0)
  }

  /// Waits for the loop to have delivered what was posted before.
  private static func until(_ isDone: () -> Bool) async throws {
    for _ in 0..<10_000 where !isDone() { try await Task.sleep(nanoseconds: 1_000_000) }
  }

  @Test func everythingComesOnceAndInOrder() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let pacer = WatchPacer(loop: loop)
    let received = [Received(), Received()]
    let pumps = received.map { receiver in
      WatchPump(loop: loop, pacer: pacer) { receiver.sink($0) }
    }
    for hundred in Revision(0)..<20 {
      // While the loop is busy with this, it delivers nothing.
      try await loop.submit {
        for revision in (hundred * 100 + 1)...(hundred * 100 + 100) {
          for pump in pumps { pump.receive([Self.event(revision)], upTo: revision) }
        }
      }.get()
    }
    try await Self.until { received.allSatisfy { $0.revisions.count == 2_000 } }
    for receiver in received { #expect(receiver.revisions == Array(1...2_000)) }
    // Far fewer deliveries than events: that is what it is for.
    #expect(received.allSatisfy { $0.batches.withLock(\.count) <= 20 })
  }

  @Test func aPauseIsFollowedByADeliveryAtOnce() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let pacer = WatchPacer(loop: loop)
    let received = Received()
    let pump = WatchPump(loop: loop, pacer: pacer) { received.sink($0) }
    // The loop is the only one to deliver, and it does so before what is submitted afterwards.
    pump.receive([Self.event(1)], upTo: 1)
    try await loop.submit {}.get()
    #expect(received.revisions == [1])
    // A second one straight behind it waits for its turn.
    pump.receive([Self.event(2)], upTo: 2)
    try await Self.until { received.revisions.count == 2 }
    #expect(received.revisions == [1, 2])
  }

  @Test func oneThatIsCancelledIsPassedOver() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let pacer = WatchPacer(loop: loop)
    let received = Received()
    let pump = WatchPump(loop: loop, pacer: pacer) { received.sink($0) }
    let other = Received()
    let second = WatchPump(loop: loop, pacer: pacer) { other.sink($0) }
    // While the loop is busy with this, it delivers nothing.
    try await loop.submit {
      pump.receive([Self.event(1)], upTo: 1)
      second.receive([Self.event(1)], upTo: 1)
      pump.cancel()
    }.get()
    try await Self.until { other.revisions.count == 1 }
    #expect(received.revisions == [])
    #expect(other.revisions == [1])
  }
}
