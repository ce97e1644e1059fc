import Foundation
import Keyspace
import Testing

@testable import EventStore

@Suite struct WatchHubTests {
  /// A state, and the thread that would apply: the hub's only writer.
  private final class Publisher {
    let hub: WatchHub
    private var state = KeyspaceState()

    init() {
      hub = WatchHub(
        snapshot: state.snapshot, window: EventWindow(), wake: {}, replay: { _ in })
    }

    func apply(_ value: UInt8) -> [Event] {
      state.apply(
        Transaction(
          mutations: [.put(key: Key("pods/a"), value: [value], revisionOffset: nil)],
          provenance: Provenance(user: "somebody", verb: "update"), timeMilliseconds: 0)
      ).events
    }

    func publish(_ value: UInt8) {
      hub.withdraw()
      let events = apply(value)
      hub.publish(state.snapshot, events: events)
    }

    /// As many states as nobody reads before the hub expects nobody.
    func publishUnread() { for value in 0...UInt8(WatchHub.unreadStates) { publish(value) } }

    var snapshot: KeyspaceSnapshot { state.snapshot }
  }

  @Test func aReaderGetsTheStateThatIsPublishedNext() async throws {
    let publisher = Publisher()
    publisher.publishUnread()
    publisher.hub.withdraw()
    let hub = publisher.hub
    let reader = Task.detached { hub.current.get(Key("pods/a"))?.value }
    // Whenever the reader comes, before the state is there or after, it gets this one.
    let events = publisher.apply(99)
    publisher.hub.publish(publisher.snapshot, events: events)
    #expect(await reader.value == [99])
  }

  @Test func aReaderWaitsWhileTheStateChanges() async throws {
    let publisher = Publisher()
    publisher.publishUnread()
    publisher.hub.withdraw()
    let hub = publisher.hub
    let done = DispatchSemaphore(value: 0)
    let reader = Task.detached {
      defer { done.signal() }
      return hub.current.revision
    }
    // It can't have come back: there is nothing that it could have.
    #expect(done.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
    publisher.hub.restore(publisher.snapshot)
    #expect(await reader.value == publisher.snapshot.revision)
  }

  @Test func whereSomebodyReadsTheStateStays() {
    let publisher = Publisher()
    publisher.publishUnread()
    let seen = publisher.hub.current
    publisher.publish(50)
    publisher.hub.withdraw()
    #expect(publisher.hub.current.get(Key("pods/a"))?.value == [50])
    #expect(seen.get(Key("pods/a"))?.value == [UInt8(WatchHub.unreadStates)])
    // What was read may be asked for again.
    guard case .found(let again) = publisher.hub.recent(seen.revision) else {
      Issue.record("the state that was read is gone")
      return
    }
    #expect(again.get(Key("pods/a"))?.value == [UInt8(WatchHub.unreadStates)])
  }
}
