import Testing

@testable import Keyspace

@Suite struct EventWindowTests {
  static func event(_ revision: Revision, _ key: String, bytes: Int = 10) -> Event {
    Event(
      revision: revision, kind: .put, key: Key(key), value: [UInt8](repeating: 0, count: bytes),
      previous: nil, provenance: Provenance(user: "u", verb: "create"), timeMilliseconds: 0,
      requestID: 0)
  }

  @Test func resumesFromAnyKeptRevision() {
    var window = EventWindow(after: 10)
    window.append([Self.event(11, "pods/a"), Self.event(11, "nodes/b")])
    window.append([Self.event(12, "pods/b")])
    #expect(window.events(after: 9, prefix: Key("pods/")) == nil)
    #expect(window.events(after: 10, prefix: Key("pods/"))?.map(\.revision) == [11, 12])
    #expect(window.events(after: 11, prefix: Key(""))?.map(\.key) == [Key("pods/b")])
    #expect(window.events(after: 12, prefix: Key(""))?.isEmpty == true)
    #expect(window.oldestRevision == 10)
    #expect(window.newestRevision == 12)
  }

  @Test func aRevisionIsEvictedWhole() {
    var window = EventWindow(maximumCount: 4)
    window.append([Self.event(1, "a"), Self.event(1, "b"), Self.event(1, "c")])
    window.append([Self.event(2, "a")])
    window.append([Self.event(3, "a")])
    #expect(window.count == 2)
    #expect(window.oldestRevision == 1)
    #expect(window.events(after: 0, prefix: Key("")) == nil)
    #expect(window.events(after: 1, prefix: Key(""))?.map(\.revision) == [2, 3])
  }

  /// Also where others of the same piece of memory are kept.
  @Test func whatIsEvictedIsLetGo() {
    var window = EventWindow(maximumCount: 4)
    weak var first: Event?
    weak var last: Event?
    for revision in 1...40 as ClosedRange<Revision> {
      let event = Self.event(revision, "a")
      if revision == 1 { first = event }
      if revision == 40 { last = event }
      window.append([event])
    }
    #expect(first == nil)
    #expect(last != nil)
    #expect(window.events(after: 36, prefix: Key(""))?.count == 4)
  }

  @Test func isBoundedInBytes() {
    var window = EventWindow(maximumBytes: 100_000)
    for revision in 1...10_000 as ClosedRange<Revision> {
      window.append([Self.event(revision, "k", bytes: 1000)])
      #expect(window.bytes <= 100_000)
    }
    #expect(window.count == 100_000 / 1257)
    #expect(window.oldestRevision == 10_000 - 79)
    window.append([Self.event(10_001, "k", bytes: 200_000)])
    #expect(window.count == 0)
    #expect(window.oldestRevision == 10_001)
    #expect(window.events(after: 10_000, prefix: Key("")) == nil)
    #expect(window.events(after: 10_001, prefix: Key(""))?.isEmpty == true)
  }
}
