import Foundation
import JSONDocument
import Logging
import Testing

@testable import ClusterTools

@Suite struct ClusterWatchViewTests {
  private func replica(_ id: Int, _ answer: String?) throws -> ClusterStatus.Replica {
    ClusterStatus.Replica(
      id: id, address: "127.0.0.1:\(id)",
      answer: try answer.map { try JSONValue(parsing: Array($0.utf8)) },
      failure: answer == nil ? "connection refused" : nil)
  }

  private func status(
    revision: Int, applied: Int, follower: Int, state: Bool = false
  ) throws -> ClusterStatus {
    let snapshot = state ? #","snapshot":{"bytes":1048576,"totalBytes":4194304}"# : ""
    return ClusterStatus(replicas: [
      try replica(
        1,
        #"{"role":"leader","term":3,"commit":\#(applied),"applied":\#(applied),"keys":5,"#
          + #""revision":\#(revision),"logBytes":2097152,"peers":[{"id":3\#(snapshot)}]}"#),
      try replica(
        2,
        #"{"role":"follower","term":3,"commit":\#(follower),"applied":\#(follower),"keys":5,"#
          + #""revision":\#(revision),"logBytes":2048}"#),
      try replica(3, nil),
    ])
  }

  @Test func showsRatesLagAndBars() throws {
    var view = ClusterWatchView(name: "test", isTerminal: false)
    let first = view.frame(
      try status(revision: 100, applied: 10_000, follower: 0), atSeconds: 0, columns: 200)
    #expect(first.contains("cluster test: 2 of 3 servers answer, server 1 leads"))
    #expect(first.contains("[------------------------------] 0 % 10000 entries to go"))
    #expect(first.contains("replica 3: connection refused"))
    #expect(!first.contains("\u{1B}"))
    let second = view.frame(
      try status(revision: 1_100, applied: 10_000, follower: 5_000, state: true), atSeconds: 2,
      columns: 200)
    #expect(second.contains("500"))
    #expect(second.contains("[###############---------------] 50 % 5000 entries to go"))
    #expect(second.contains("[#######-----------------------] 25 % state 1.0 MiB of 4.0 MiB"))
    let third = view.frame(
      try status(revision: 1_100, applied: 10_000, follower: 10_000), atSeconds: 3, columns: 200)
    #expect(!third.contains("["))
  }

  @Test func terminalIsRedrawnInPlace() throws {
    var view = ClusterWatchView(name: "test", isTerminal: true)
    let status = try status(revision: 1, applied: 1, follower: 1)
    let first = view.frame(status, atSeconds: 0, columns: 40)
    #expect(!first.contains("A\r"))
    let lines = first.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    #expect(lines == 6)
    #expect(view.frame(status, atSeconds: 1, columns: 40).hasPrefix("\u{1B}[\(lines)A\r"))
    for line in first.split(separator: "\n") {
      #expect(line.replacing("\u{1B}[K", with: "").count <= 43)
    }
  }

  @Test func logLinesAreJSON() throws {
    let line = JSONLogHandler.line(
      time: Date(timeIntervalSince1970: 1_700_000_000.25), level: .warning,
      component: "taffrail.server-1", message: "say \"so\"\n",
      fields: ["peer": "2", "list": .array(["a", .dictionary(["b": "c"])])])
    #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
    let object = try JSONValue(parsing: Array(line.utf8))
    #expect(object["time"]?.stringValue == "2023-11-14T22:13:20.250Z")
    #expect(object["level"]?.stringValue == "warning")
    #expect(object["component"]?.stringValue == "taffrail.server-1")
    #expect(object["message"]?.stringValue == "say \"so\"\n")
    #expect(object["fields"]?["peer"]?.stringValue == "2")
    #expect(object["fields"]?["list"]?.arrayValue?.count == 2)
  }
}
