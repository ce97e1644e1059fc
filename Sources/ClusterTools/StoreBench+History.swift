import EventStore
import Foundation
import Keyspace

extension StoreBench {
  private static let objects = 100_000
  private static let historyEvents = 1_000_000
  private static let replayedEvents = 300_000
  private static let fillers = 512

  /// Restarts a replica that stands alone: with a long history, and without its projection, so that
  /// all is made again from the log.
  func history(into report: inout BenchReport, progress: (String) -> Void) async throws {
    progress("writing a history of \(Self.historyEvents) events")
    var replica = try await startAlone(logTailBytes: 64 << 20)
    let bytes = try await fill(replica, events: Self.historyEvents)
    try await Task.sleep(for: .seconds(3))
    let resident = ProcessFigures.of(getpid())?.residentMegabytes ?? 0
    await replica.shutdown()

    progress("restarting with it")
    var (serving, restarted) = try await restart { try await startAlone(logTailBytes: 64 << 20) }
    guard restarted.current().count(from: Key("a"), to: nil) == Self.objects else {
      throw FailoverDrill.Failure(description: "objects are missing after the restart")
    }
    await restarted.shutdown()
    report.add(
      "history", "restart, \(Self.objects) objects and \(Self.historyEvents) events", serving, "s")
    report.add(
      "history", "memory before it, for \(figure(bytes / 1e6)) MB of objects", resident, "MB")

    progress("writing a log of \(Self.replayedEvents) events")
    try FileManager.default.removeItem(atPath: folder)
    replica = try await startAlone(logTailBytes: 4 << 30)
    _ = try await fill(replica, events: Self.replayedEvents)
    await replica.shutdown()
    for suffix in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: "\(folder)/projection.sqlite\(suffix)")
    }
    progress("replaying it")
    (serving, restarted) = try await restart { try await startAlone(logTailBytes: 4 << 30) }
    let revision = restarted.current().revision
    await restarted.shutdown()
    guard revision == Self.replayedEvents else {
      throw FailoverDrill.Failure(description: "the replay ended with revision \(revision)")
    }
    report.add(
      "history", "replay of the whole log, state and projection lost",
      Double(Self.replayedEvents) / serving, "events/s")
    try? FileManager.default.removeItem(atPath: folder)
  }

  private var folder: String { "\(home.path)/bench-alone" }

  private func startAlone(logTailBytes: Int) async throws -> Replica {
    try await Self.start(configuration, home, id: 1) { replica in
      replica.peers = []
      replica.dataDirectory = folder
      replica.logTailBytes = logTailBytes
    }
  }

  /// Seconds until the replica answers.
  private func restart(_ start: () async throws -> Replica) async throws -> (Double, Replica) {
    let begun = ContinuousClock.now
    let replica = try await start()
    _ = try await replica.barrier()
    return (Double(nanoseconds(ContinuousClock.now - begun)) / 1e9, replica)
  }

  /// Returns the bytes of all objects.
  private func fill(_ replica: Replica, events: Int) async throws -> Double {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<Self.fillers {
        group.addTask {
          for number in stride(from: task, to: events, by: Self.fillers) {
            var transaction = Self.transaction(task, number)
            transaction.mutations = [
              .put(
                key: Key("configmaps/bench/\(number % Self.objects)"),
                value: Self.values[number & 255], revisionOffset: nil)
            ]
            while true {
              do {
                _ = try await replica.commit(transaction)
                break
              } catch StoreError.unavailable {
                // The projection is behind: it must be, with so much at once.
                try await Task.sleep(for: .milliseconds(20))
              }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    return await Double(replica.status()?.stateBytes ?? 0)
  }
}
