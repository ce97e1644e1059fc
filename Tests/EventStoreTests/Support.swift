import Foundation
import Keyspace
import Logging
import Testing

@testable import EventStore

/// A folder of its own for one test, removed with this value.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "taffrail-store-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Collects what a watch delivers and lets a test wait for it.
///
/// `@unchecked Sendable`: every access is under the monitor's lock.
final class CollectingSink: WatchSink, @unchecked Sendable {
  private let monitor = Monitor()
  private var collected: [Event] = []
  private var upTo: Revision = 0
  private var ended: StoreError?
  private var waiters: [(Revision, CheckedContinuation<Void, Never>)] = []

  var events: [Event] { monitor.withLock { collected } }
  var end: StoreError? { monitor.withLock { ended } }

  func receive(_ events: [Event], upTo revision: Revision) {
    let ready = monitor.withLock {
      collected += events
      upTo = revision
      return takeReady()
    }
    for waiter in ready { waiter.resume() }
  }

  func end(_ error: StoreError) {
    let ready = monitor.withLock {
      ended = error
      defer { waiters = [] }
      return waiters.map(\.1)
    }
    for waiter in ready { waiter.resume() }
  }

  private func takeReady() -> [CheckedContinuation<Void, Never>] {
    let ready = waiters.filter { $0.0 <= upTo }.map(\.1)
    waiters.removeAll { $0.0 <= upTo }
    return ready
  }

  /// Waits until the watch has seen `revision`, or has ended.
  func seen(_ revision: Revision) async {
    await withCheckedContinuation { continuation in
      let isReady = monitor.withLock {
        if upTo >= revision || ended != nil { return true }
        waiters.append((revision, continuation))
        return false
      }
      if isReady { continuation.resume() }
    }
  }
}

func quietLogger(_ label: String = "test") -> Logger {
  var logger = Logger(label: label)
  logger.logLevel =
    ProcessInfo.processInfo.environment["STORE_TEST_LOG"] == nil ? .critical : .debug
  return logger
}

func put(
  _ key: String, _ value: String, expecting revision: Revision? = nil, requestID: UInt64 = 0,
  at timeMilliseconds: UInt64 = 1_700_000_000_000
) -> Transaction {
  Transaction(
    compares: revision.map { [Compare(key: Key(key), revision: $0)] } ?? [],
    mutations: [.put(key: Key(key), value: Array(value.utf8), revisionOffset: nil)],
    provenance: Provenance(user: "tester", agent: "tests", verb: "update"),
    requestID: requestID, timeMilliseconds: timeMilliseconds)
}

func delete(_ key: String) -> Transaction {
  Transaction(
    mutations: [.delete(key: Key(key))],
    provenance: Provenance(user: "tester", agent: "tests", verb: "delete"),
    timeMilliseconds: 1_700_000_000_000)
}

extension TransactionResult {
  var revision: Revision? {
    if case .committed(let revision) = self { return revision }
    return nil
  }
}

extension KeyspaceReader {
  func text(_ key: String) -> String? {
    get(Key(key)).map { String(decoding: $0.value, as: UTF8.self) }
  }
}
