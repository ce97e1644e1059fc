import EventStore
import Foundation
import Keyspace
import NIOConcurrencyHelpers

extension StoreBench {
  private static let readTasks = 512

  func reads(_ cluster: BenchCluster, into report: inout BenchReport) async throws {
    let replica = cluster.replica
    for number in 0..<1_000 { _ = try await replica.commit(Self.transaction(0, number)) }
    let keys = (0..<1_000).map { Key("configmaps/bench/0-\($0)") }
    try await cluster.settle()
    let linearizable = try await Self.timed(tasks: Self.readTasks, seconds: seconds) {
      task, number in
      _ = try await replica.barrier()
      guard replica.current().get(keys[(task + number) % keys.count]) != nil else {
        throw FailoverDrill.Failure(description: "a key that was written is not there")
      }
    }
    report.add(
      "store", "linearizable reads, \(Self.readTasks) readers", linearizable, per: "reads")

    let start = ContinuousClock.now
    let end = start + .milliseconds(Int(seconds * 1_000))
    let count = await withTaskGroup(of: Int.self) { group in
      for task in 0..<2 {
        group.addTask {
          var count = task
          while ContinuousClock.now < end {
            for _ in 0..<256 {
              guard replica.current().get(keys[count % keys.count]) != nil else { return 0 }
              count += 1
            }
          }
          return count
        }
      }
      return await group.reduce(0, +)
    }
    report.add(
      "store", "reads of the local replica, 2 readers",
      Double(count) / (Double(nanoseconds(ContinuousClock.now - start)) / 1e9), "reads/s")
  }

  func idle(_ cluster: BenchCluster, into report: inout BenchReport) async throws {
    try await cluster.settle()
    // What was written just before reaches the disk some time later.
    try await Task.sleep(for: .seconds(1))
    let before = ProcessFigures.of(cluster.processes)
    let start = ContinuousClock.now
    try await Task.sleep(for: .milliseconds(Int(max(5, seconds) * 1_000)))
    let elapsed = Double(nanoseconds(ContinuousClock.now - start)) / 1e9
    let after = ProcessFigures.of(cluster.processes)
    report.add(
      "store", "idle, CPU of a replica",
      (after.cpuSeconds - before.cpuSeconds) / Double(cluster.processes.count) / elapsed * 100,
      "% of a core")
    report.add(
      "store", "idle, written by all replicas", (after.writtenBytes - before.writtenBytes) / 1024,
      "KiB")
    report.add(
      "store", "idle, memory of a follower", after.last?.residentMegabytes ?? 0, "MB")
  }

  /// After the writes, with what they left.
  func memory(_ cluster: BenchCluster, into report: inout BenchReport) async throws {
    try await cluster.settle()
    // The projection is written in batches, and gives back memory then.
    try await Task.sleep(for: .seconds(2))
    let objects = await Double(cluster.replica.status()?.stateBytes ?? 0) / 1e6
    report.add(
      "store", "after the writes, memory of a follower, \(figure(objects)) MB of objects",
      ProcessFigures.of(cluster.processes).last?.residentMegabytes ?? 0, "MB")
  }

  private static let watchers = 1_000

  func watches(_ cluster: BenchCluster, into report: inout BenchReport) async throws {
    let replica = cluster.replica
    let sinks = (0..<Self.watchers).map { _ in CountingSink() }
    var handles: [any WatchHandle] = []
    let revision = replica.current().revision
    for sink in sinks {
      handles.append(
        try replica.watch(prefix: Key("configmaps/"), after: revision, sink: sink))
    }
    let summary = try await Self.timed(tasks: 64, seconds: seconds) { writer, number in
      _ = try await replica.commit(Self.transaction(writer, number))
    }
    _ = try await replica.barrier()
    let delivered = sinks.reduce(0) { $0 + $1.count }
    for handle in handles { handle.cancel() }
    report.add(
      "store", "\(Self.watchers) watchers of one prefix, events written", summary.perSecond,
      "events/s")
    report.add(
      "store", "\(Self.watchers) watchers of one prefix, events delivered",
      Double(delivered) / summary.elapsedSeconds, "events/s")
    guard delivered == summary.count * Self.watchers else {
      throw FailoverDrill.Failure(
        description: "\(summary.count) events to \(Self.watchers) watchers made \(delivered)")
    }
  }
}

/// Counts what a watch gives it.
private final class CountingSink: WatchSink {
  private let events = NIOLockedValueBox(0)

  var count: Int { events.withLockedValue { $0 } }

  func receive(_ events: [Event], upTo revision: Revision) {
    self.events.withLockedValue { $0 += events.count }
  }

  func end(_ error: StoreError) {}
}
