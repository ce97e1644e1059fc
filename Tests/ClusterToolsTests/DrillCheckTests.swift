import Testing

@testable import ClusterTools

struct DrillCheckTests {
  func check(
    acknowledged: [String: UInt64], watched: [(String, UInt64)], listed: [String: UInt64]
  ) -> [String] {
    var check = DrillCheck()
    check.acknowledged = acknowledged
    check.watched = watched.map { (name: $0.0, revision: $0.1) }
    check.listed = listed
    return check.violations
  }

  @Test func acceptsAFaithfulHistory() {
    #expect(
      check(
        acknowledged: ["a": 1, "b": 0], watched: [("a", 1), ("b", 2), ("c", 3)],
        listed: ["a": 1, "b": 2, "c": 3]
      ).isEmpty)
  }

  @Test func namesALostWrite() {
    let violations = check(acknowledged: ["a": 1], watched: [], listed: [:])
    #expect(violations == ["1 acknowledged writes are gone: a"])
  }

  @Test func namesAChangedRevision() {
    let violations = check(acknowledged: ["a": 1], watched: [("a", 2)], listed: ["a": 2])
    #expect(violations == ["a was acknowledged at revision 1 but stands at 2"])
  }

  @Test func namesWhatTheWatcherGotWrong() {
    let violations = check(
      acknowledged: [:], watched: [("b", 2), ("a", 1), ("a", 3), ("x", 4)],
      listed: ["a": 1, "b": 2, "c": 5])
    #expect(
      violations == [
        "the watcher saw revision 1 after 2", "the watcher saw twice: a",
        "the watcher missed 1: c", "the watcher saw what is not there: x",
      ])
  }
}
