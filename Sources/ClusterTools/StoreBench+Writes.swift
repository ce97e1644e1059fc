import EventStore
import Foundation
import Keyspace
import SeededRuns

extension StoreBench {
  /// Values that differ as objects of a cluster do: most of their text repeats, names and hashes do
  /// not. 1,024 bytes each.
  static let values: [[UInt8]] = {
    var random = SplitMix64(seed: 7)
    return (0..<256).map { _ in
      var text = #"{"kind":"Pod","apiVersion":"v1","metadata":{"name":""#
      text += "web-" + String(random.next(), radix: 36) + #"","namespace":"default","uid":""#
      text += String(random.next(), radix: 16) + String(random.next(), radix: 16)
      text += #"","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"web","#
      text += #""pod-template-hash":""# + String(random.next(), radix: 36) + #""}},"#
      text += #""spec":{"nodeName":"worker-"# + String(random.next() % 100) + #"","containers":["#
      var number = 0
      while text.utf8.count < 960 {
        text += #"{"name":"c\#(number)","image":"registry.example.com/app@sha256:"#
        text += String(random.next(), radix: 16) + String(random.next(), radix: 16)
        text += #"","env":[{"name":"SETTING","value":"\#(random.next() % 1_000)"}]},"#
        number += 1
      }
      var bytes = Array(text.utf8.prefix(1_024))
      while bytes.count < 1_024 { bytes.append(UInt8(ascii: " ")) }
      return bytes
    }
  }()

  static func transaction(_ writer: Int, _ number: Int) -> Transaction {
    // Keys come round again, as those of a cluster do.
    Transaction(
      mutations: [
        .put(
          key: Key("configmaps/bench/\(writer)-\(number % 1_000)"),
          value: values[(writer &* 31 &+ number) & 255], revisionOffset: nil)
      ],
      provenance: Provenance(user: "bench", verb: "update"),
      timeMilliseconds: UInt64(Date().timeIntervalSince1970 * 1_000))
  }

  func writes(_ cluster: BenchCluster, writers: Int, into report: inout BenchReport) async throws {
    _ = try await commits(cluster.replica, writers: writers, seconds: 0.5)
    try await cluster.settle()
    let before = ProcessFigures.of(cluster.processes)
    let summary = try await commits(cluster.replica, writers: writers, seconds: seconds)
    // What is written behind the log belongs to the events' cost.
    try await cluster.settle()
    let after = ProcessFigures.of(cluster.processes)
    let name = "1 KB events, \(writers) writer\(writers == 1 ? "" : "s")"
    report.add("store", name, summary, per: "events")
    report.add(
      "store", "\(name), CPU of all replicas and writers",
      (after.cpuSeconds - before.cpuSeconds) / Double(max(1, summary.count)) * 1e6, "µs/event")
    report.add(
      "store", "\(name), written by all replicas",
      (after.writtenBytes - before.writtenBytes) / Double(max(1, summary.count)) / 1024,
      "KiB/event")
  }

  private func commits(_ replica: Replica, writers: Int, seconds: Double) async throws
    -> LatencySummary
  {
    try await Self.timed(tasks: writers, seconds: seconds) { writer, number in
      _ = try await replica.commit(Self.transaction(writer, number))
    }
  }

  /// Runs `body` again and again from several tasks at once, and times each call.
  static func timed(
    tasks: Int, seconds: Double, _ body: @escaping @Sendable (Int, Int) async throws -> Void
  ) async throws -> LatencySummary {
    let start = ContinuousClock.now
    let end = start + .milliseconds(Int(seconds * 1_000))
    let latencies = try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for task in 0..<tasks {
        group.addTask {
          var latencies: [UInt64] = []
          var number = 0
          var begun = ContinuousClock.now
          while begun < end {
            try await body(task, number)
            number += 1
            let now = ContinuousClock.now
            latencies.append(nanoseconds(now - begun))
            begun = now
          }
          return latencies
        }
      }
      var all: [UInt64] = []
      for try await latencies in group { all += latencies }
      return all
    }
    return LatencySummary(
      nanoseconds: latencies,
      elapsedSeconds: Double(nanoseconds(ContinuousClock.now - start)) / 1e9)
  }
}
