import Keyspace
import Logging
import NIOConcurrencyHelpers

/// Reads the past from the projection, on threads of its own.
///
/// Watches that begin before what memory holds are served by one thread, a batch of each in turn.
final class HistoryService: Sendable {
  /// Reads at once beyond which more are refused.
  private static let maximumReads = 16
  private static let batchEvents = 500
  /// How long a reader waits for the projection to follow.
  private static let followNanoseconds: UInt64 = 5_000_000_000

  private let path: String
  private let projector: ProjectionWriter
  private let logger: Logger
  private let replays = Mailbox<WatchHub.Replay>(bound: 1 << 16)
  private let reads = NIOLockedValueBox(0)
  private let thread = NIOLockedValueBox<WorkerThread?>(nil)

  init(path: String, projector: ProjectionWriter, logger: Logger) {
    self.path = path
    self.projector = projector
    self.logger = logger
  }

  func start(hub: WatchHub) {
    thread.withLockedValue {
      $0 = WorkerThread(name: "history") { [self] in run(hub) }
    }
  }

  func stop() {
    replays.close()
    thread.withLockedValue { $0 }?.join()
  }

  func replay(_ replay: WatchHub.Replay) { replays.post(replay) }

  // MARK: Reads

  /// A reader that sees at least `revision`.
  func reader(seeing revision: Revision) async throws(StoreError) -> HistoryReader {
    let isAllowed = reads.withLockedValue { reads in
      guard reads < Self.maximumReads else { return false }
      reads += 1
      return true
    }
    guard isAllowed else {
      throw .unavailable("\(Self.maximumReads) reads of the past are under way; try again")
    }
    let result: Result<HistoryReader, StoreError> = await withUnsafeContinuation { continuation in
      _ = WorkerThread(name: "read") { [self] in
        let opened = Result { () throws(StoreError) in try open(seeing: revision) }
        reads.withLockedValue { $0 -= 1 }
        continuation.resume(returning: opened)
      }
    }
    return try result.get()
  }

  private func open(seeing revision: Revision) throws(StoreError) -> HistoryReader {
    let deadline = monotonicNanoseconds() + Self.followNanoseconds
    guard projector.wait(for: revision, untilNanoseconds: deadline) else {
      throw .unavailable("the projection has not yet written revision \(revision); try again")
    }
    do { return try HistoryReader(path: path) } catch { throw StoreError(error) }
  }

  // MARK: Watches

  private func run(_ hub: WatchHub) {
    while let waiting = replays.takeAll() {
      for replay in waiting where hub.isReplaying(replay.watch) {
        do throws(StoreError) {
          let seen = try deliver(replay)
          if !hub.finishReplay(replay.watch, after: seen) {
            replays.post(.init(watch: replay.watch, after: seen))
            if seen == replay.after {
              // Memory begins later than the projection ends: it will soon follow.
              _ = projector.wait(
                for: seen + 1, untilNanoseconds: monotonicNanoseconds() + 100_000_000)
            }
          }
        } catch {
          hub.failReplay(replay.watch, error)
        }
      }
    }
  }

  /// Hands the next batch over; returns the revision up to which the watch has then seen all.
  private func deliver(_ replay: WatchHub.Replay) throws(StoreError) -> Revision {
    do {
      let reader = try HistoryReader(path: path)
      guard replay.after >= reader.oldestRevision else {
        throw StoreError.compacted(oldest: reader.oldestRevision)
      }
      let prefix = replay.watch.prefix
      var found = try reader.events(
        HistoryFilter(
          fromRevision: replay.after + 1, prefixes: prefix.bytes.isEmpty ? [] : [prefix]),
        limit: Self.batchEvents)
      var seen = max(replay.after, reader.newestRevision)
      if found.count == Self.batchEvents, let last = found.last?.revision {
        // The last revision may have more events than fitted.
        found.removeAll { $0.revision == last }
        if found.isEmpty {
          found = try reader.events(at: last).filter { $0.key.hasPrefix(prefix) }
        }
        seen = found.last?.revision ?? last
      }
      var events: [Event] = []
      for event in found { events.append(try Event(event, reader)) }
      replay.watch.sink.receive(events, upTo: seen)
      return seen
    } catch let error as StoreError {
      throw error
    } catch let error as ProjectionError {
      throw StoreError(error)
    } catch {
      throw .unavailable("\(error)")
    }
  }
}

extension Event {
  fileprivate convenience init(
    _ event: HistoryEvent, _ reader: HistoryReader
  ) throws(ProjectionError) {
    let previous =
      event.previousRevision == 0
      ? nil : try reader.previous(of: event.key, before: event.revision)
    self.init(
      revision: event.revision, kind: event.kind, key: event.key, value: event.value,
      previous: previous?.entry, provenance: event.provenance,
      timeMilliseconds: event.timeMilliseconds, requestID: event.requestID)
  }
}

extension StoreError {
  init(_ error: ProjectionError) {
    switch error {
    case .compacted(let oldest): self = .compacted(oldest: oldest)
    case .future(let current): self = .future(current: current)
    case .noSpace(let reason): self = .noSpace(reason)
    default: self = .unavailable("the past can't be read: \(error)")
    }
  }
}
