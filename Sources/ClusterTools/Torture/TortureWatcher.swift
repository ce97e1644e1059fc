import JSONDocument
import KubernetesAPI
import KubernetesClient
import Linearizability
import Synchronization

/// A watch that goes on through all faults: at one server, or at another one each time.
final class TortureWatcher: Sendable {
  private struct State: Sendable {
    var stream: WatchStream
    /// From where it is resumed: also others' objects and bookmarks count.
    var position: UInt64
    var hasBroken = false
  }

  let record: TortureRecord
  private let state: Mutex<State>
  private let clients: [HTTPSClient]
  private let parity: String?
  /// Milliseconds after which it is broken off; 0: only by faults.
  private let breaksAfter: Int

  /// - Parameters:
  ///   - clients: of the servers that it goes to, in turn.
  ///   - parity: of the values that it selects, `even` or `odd`; `nil`: all.
  init(
    name: String, after revision: UInt64, clients: [HTTPSClient], parity: String? = nil,
    breaksAfter: Int = 0, record: TortureRecord
  ) {
    self.clients = clients
    self.parity = parity
    self.breaksAfter = breaksAfter
    self.record = record
    var stream = WatchStream(name: name, start: revision)
    if let parity {
      let isEven = parity == "even"
      stream.selects = { $0.isMultiple(of: 2) == isEven }
    }
    state = Mutex(State(stream: stream, position: revision))
  }

  var stream: WatchStream { state.withLock { $0.stream } }
  var position: UInt64 { state.withLock { $0.position } }

  /// All of the values that it selects.
  func hasSeen(values: [Int]) -> Bool {
    let stream = stream
    return values.filter { stream.selects?($0) ?? true }.allSatisfy { value in
      stream.events.reversed().contains { $0.kind != .bookmark && $0.value == value }
    }
  }

  func run() async {
    var turn = 0
    while !Task.isCancelled {
      let client = clients[turn % clients.count]
      turn += 1
      await watch(client)
      state.withLock { $0.hasBroken = true }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  private func watch(_ client: HTTPSClient) async {
    let from = position
    let options = ListOptions(labelSelector: parity.map { "parity=\($0)" } ?? "")
    let watching = Task { [self] in
      do {
        try await client.watch(
          .configMaps, namespace: TortureClient.namespace, after: String(from), options: options
        ) { [self] in receive($0) }
      } catch let status as APIStatus where status.code < 500 && status.code != 429 {
        record.problem(
          "\(stream.name), resumed from \(from), is refused: \(status.code) \(status.message)")
      } catch {}
    }
    await withTaskCancellationHandler {
      if breaksAfter > 0 {
        let timer = Task { [breaksAfter] in
          try? await Task.sleep(for: .milliseconds(breaksAfter))
          watching.cancel()
        }
        await watching.value
        timer.cancel()
      } else {
        await watching.value
      }
    } onCancel: {
      watching.cancel()
    }
  }

  private func receive(_ events: [WatchEvent]) {
    state.withLock { state in
      for event in events {
        let text = event.object.at("metadata", "resourceVersion")?.stringValue ?? ""
        guard let revision = UInt64(text) else {
          record.problem("\(state.stream.name) was given an event without a revision")
          continue
        }
        state.position = max(state.position, revision)
        guard let watched = Self.watched(event, revision) else { continue }
        if state.hasBroken {
          state.stream.resumptions.append(state.stream.events.count)
          state.hasBroken = false
        }
        state.stream.events.append(watched)
      }
    }
  }

  /// `nil` for others' objects.
  private static func watched(_ event: WatchEvent, _ revision: UInt64) -> WatchedEvent? {
    if event.kind == .bookmark { return WatchedEvent(kind: .bookmark, revision: revision) }
    let name = event.object.at("metadata", "name")?.stringValue ?? ""
    guard TortureClient.isKey(name), let (value, _) = TortureClient.content(of: event.object)
    else { return nil }
    let kind: WatchedEvent.Kind =
      switch event.kind {
      case .added: .added
      case .modified: .modified
      case .deleted: .deleted
      case .bookmark: .bookmark
      }
    return WatchedEvent(kind: kind, key: name, value: value, revision: revision)
  }
}
