import Testing

@testable import Linearizability

@Suite struct WatchCheckTests {
  private static let events: [WatchedEvent] = [
    .init(kind: .added, key: "a", value: 1, revision: 3),
    .init(kind: .added, key: "b", value: 2, revision: 4),
    .init(kind: .bookmark, revision: 4),
    .init(kind: .modified, key: "a", value: 4, revision: 6),
    .init(kind: .deleted, key: "b", value: 2, revision: 7),
    .init(kind: .added, key: "b", value: 5, revision: 9),
    .init(kind: .bookmark, revision: 12),
  ]
  /// The same, of even values only.
  private static let even: [WatchedEvent] = [
    .init(kind: .added, key: "b", value: 2, revision: 4),
    .init(kind: .added, key: "a", value: 4, revision: 6),
    .init(kind: .deleted, key: "b", value: 2, revision: 7),
  ]
  /// And of odd ones.
  private static let odd: [WatchedEvent] = [
    .init(kind: .added, key: "a", value: 1, revision: 3),
    .init(kind: .deleted, key: "a", value: 1, revision: 6),
    .init(kind: .added, key: "b", value: 5, revision: 9),
  ]

  private static var right: WatchCheck {
    var check = WatchCheck()
    for name in ["first", "second"] {
      var stream = WatchStream(name: name, start: 2)
      stream.events = events
      check.streams.append(stream)
    }
    for (name, remainder, events) in [("even", 0, even), ("odd", 1, odd)] {
      var stream = WatchStream(name: name, start: 2) { $0 % 2 == remainder }
      stream.events = events
      check.streams.append(stream)
    }
    check.acknowledged = [.init(key: "a", value: 4, revision: 6)]
    check.refused = [8]
    check.final = ["a": (4, 6), "b": (5, 9)]
    check.finalRevision = 9
    return check
  }

  private func expect(
    _ part: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (inout WatchCheck) -> Void
  ) {
    var check = Self.right
    change(&check)
    #expect(
      check.violations.contains { $0.contains(part) }, "\(check.violations)",
      sourceLocation: sourceLocation)
  }

  @Test func whatIsRightHolds() { #expect(Self.right.violations == []) }

  @Test func ordered() {
    expect("after revision 7") { $0.streams[0].events.swapAt(3, 4) }
  }

  @Test func unique() {
    expect("after revision 3") { $0.streams[0].events.insert(Self.events[0], at: 1) }
    expect("right after it was resumed") {
      $0.streams[0].events.insert(Self.events[1], at: 3)
      $0.streams[0].resumptions = [3]
    }
  }

  @Test func reliable() {
    for position in [0, 1, 3, 4, 5] {
      expect("was not given") { $0.streams[1].events.remove(at: position) }
    }
    // Nor may the end be missing, for a watch or for all.
    expect("was not given") { $0.streams[3].events.removeLast() }
    expect("ends as") { check in
      for stream in check.streams.indices {
        check.streams[stream].events.removeAll { $0.revision >= 9 }
      }
    }
    expect("of which no watch tells") { check in
      for stream in check.streams.indices {
        check.streams[stream].events.removeAll { $0.revision == 6 }
      }
    }
  }

  @Test func bookmarkable() {
    // The event before the bookmark comes only after it.
    expect("after the bookmark 4") { $0.streams[0].events.swapAt(1, 2) }
  }

  @Test func previousValues() {
    expect("but before it there was 2") { check in
      for stream in 0...1 { check.streams[stream].events[4].value = 1 }
    }
    expect("instead of a deleted (1) at 6") { $0.streams[3].events[1].value = 4 }
  }

  @Test func streamsAgree() {
    expect("elsewhere") { $0.streams[1].events[3].value = 6 }
    expect("which nobody else saw") {
      $0.streams[2].events.append(.init(kind: .added, key: "c", value: 6, revision: 11))
    }
  }

  @Test func writesAreWhatWasSaid() {
    expect("was acknowledged as revision 6, which is") { $0.acknowledged[0].value = 5 }
    expect("which was refused") { $0.refused = [4] }
    expect("ends as") { $0.final["a"] = (4, 7) }
    expect("ends as") { $0.final["a"] = nil }
  }
}
