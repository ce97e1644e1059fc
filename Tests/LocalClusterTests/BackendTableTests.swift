import ClusterConfiguration
import Testing

@testable import LocalCluster

struct BackendTableTests {
  func table(_ count: Int) -> BackendTable {
    BackendTable((1...count).map { HostPort(host: "h", port: $0) })
  }

  @Test func connectionsSpread() {
    var table = table(3)
    for _ in 0..<30 {
      let first = table.order(nowMilliseconds: 0)[0]
      table.connected(first)
    }
    #expect((0..<3).map { table.connections($0) } == [10, 10, 10])
  }

  @Test func shortConnectionsSpreadToo() {
    var table = table(3)
    let firsts = (0..<6).map { _ in table.order(nowMilliseconds: 0)[0] }
    #expect(Set(firsts).count == 3)
  }

  @Test func theFailedComeLastForAWhile() {
    var table = table(3)
    table.connected(0)
    table.connected(2)
    table.failed(1, nowMilliseconds: 100)
    #expect(table.order(nowMilliseconds: 349).last == 1)
    #expect(table.order(nowMilliseconds: 350).first == 1)
    table.failed(1, nowMilliseconds: 400)
    table.connected(1)
    table.closed(1)
    #expect(table.order(nowMilliseconds: 401).first == 1)
  }

  @Test func everyServerIsTried() {
    var table = table(3)
    for index in 0..<3 { table.failed(index, nowMilliseconds: 0) }
    #expect(Set(table.order(nowMilliseconds: 1)) == [0, 1, 2])
  }

  @Test func checksDecideBeforeConnections() {
    var table = table(4)
    for index in 0..<4 { table.connected(index) }
    table.connected(0)
    #expect(table.checked(0, .ready).isEmpty)
    #expect(table.checked(1, .notReady).isEmpty)
    #expect(table.checked(2, .silent).isEmpty)
    #expect(table.checked(3, .refused).isEmpty)
    #expect(table.order(nowMilliseconds: 0) == [0, 1, 3, 2])
    // A check that passes ends the penalty as well.
    table.failed(2, nowMilliseconds: 0)
    _ = table.checked(2, .ready)
    #expect(table.order(nowMilliseconds: 1) == [2, 0, 1, 3])
  }

  @Test func whatIsNotCheckedYetCountsAsReady() {
    var table = table(2)
    _ = table.checked(1, .notReady)
    #expect(table.order(nowMilliseconds: 0) == [0, 1])
  }

  @Test func onlyAfterSeveralSilentChecksDoesAServerHang() {
    var table = table(3)
    _ = table.checked(0, .ready)
    for _ in 1..<BackendTable.hungAfterChecks { #expect(table.checked(1, .silent).isEmpty) }
    #expect(table.checked(1, .silent) == [1])
    #expect(table.checked(2, .refused) == [1])
    #expect(table.checked(1, .notReady).isEmpty)
  }

  @Test func withoutAnotherOneThatIsReadyNothingIsGivenUp() {
    var table = table(2)
    for _ in 0...BackendTable.hungAfterChecks {
      #expect(table.checked(0, .silent).isEmpty)
      #expect(table.checked(1, .silent).isEmpty)
    }
    #expect(table.checked(1, .ready) == [0])
  }
}
