import JSONDocument
import Keyspace
import Testing

@testable import LogTools

struct LogFilterTests {
  func event(_ key: String) -> LoggedEvent {
    LoggedEvent(
      revision: 7, kind: .put, key: Key(key), value: Array("{}".utf8), previousRevision: 0,
      provenance: Provenance(user: "u", verb: "create"), timeMilliseconds: 1_709_210_096_089)
  }

  @Test func keysOfTheServersThemselvesAreLeftOutUnlessAskedFor() {
    var filter = LogFilter()
    #expect(filter.matches(event("pods/default/a")))
    #expect(!filter.matches(event("allocations/services/10.96.0.1")))
    #expect(!filter.matches(event("apiservers/127.0.0.1:6443")))
    filter.includesInternal = true
    #expect(filter.matches(event("allocations/services/10.96.0.1")))
    #expect(filter.matches(event("apiservers/127.0.0.1:6443")))
  }

  @Test func timesAreMillisecondsInRFC3339() {
    let line = EventLine(event: event("pods/default/a"), previous: nil)
    #expect(line.json(includeObject: false)["time"] == "2024-02-29T12:34:56.089Z")
    #expect(line.cells(wide: true)[1] == "2024-02-29T12:34:56.089Z")
    #expect(line.cells(wide: false)[1] == "12:34:56.089")
  }
}
