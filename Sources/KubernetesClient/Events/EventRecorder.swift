import JSONDocument
import KubernetesAPI
import Logging
import NIOConcurrencyHelpers

/// Writes core/v1 Events, off the reconcilers' way: recording never waits, and past
/// `maximumPending` events the newest are dropped.
public final class EventRecorder: Sendable {
  private struct Pending {
    var event: RecordedEvent
    var time: WallClock
    var cause: UInt64
  }

  private struct State {
    var pending: [Pending] = []
    var waiter: CheckedContinuation<Void, Never>?
    var aggregator = EventAggregator()
    var dropped = 0
  }

  public static let maximumPending = 1_000

  private let client: any KubernetesClient
  private let component: String
  private let host: String
  private let logger: Logger
  private let state = NIOLockedValueBox(State())

  /// `component`: the source of the events, e.g. `deployment-controller`; `host`: its node.
  public init(client: any KubernetesClient, component: String, host: String = "") {
    self.client = client
    self.component = component
    self.host = host
    logger = Logger(label: "taffrail.events.\(component)")
  }

  public func record(
    about: ObjectReference, _ kind: RecordedEvent.Kind = .normal, reason: String, message: String
  ) {
    let event = RecordedEvent(
      about: about, kind: kind, reason: reason,
      // The bound of validation upstream.
      message: message.utf8.count > 1024 ? String(message.prefix(1000)) : message)
    let pending = Pending(event: event, time: .now, cause: WriteContext.cause)
    let waiter: CheckedContinuation<Void, Never>? = state.withLockedValue { state in
      guard state.pending.count < Self.maximumPending else {
        state.dropped += 1
        return nil
      }
      state.pending.append(pending)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Writes what is recorded until the task is cancelled. Once at a time.
  public func run() async {
    while !Task.isCancelled {
      let (batch, dropped) = state.withLockedValue { state in
        defer {
          state.pending = []
          state.dropped = 0
        }
        return (state.pending, state.dropped)
      }
      if dropped > 0 { logger.warning("\(dropped) events were dropped") }
      if batch.isEmpty {
        await waitForEvents()
        continue
      }
      for pending in batch where !Task.isCancelled {
        await WriteContext.$cause.withValue(pending.cause) { await write(pending) }
      }
    }
  }

  private func waitForEvents() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLockedValue { state in
          guard state.pending.isEmpty, !Task.isCancelled else { return false }
          state.waiter = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLockedValue { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume()
    }
  }

  private func write(_ pending: Pending) async {
    let event = pending.event
    let time = pending.time
    let nanoseconds = UInt64(max(0, time.seconds &* 1_000_000_000 &+ time.nanoseconds))
    let action = state.withLockedValue { $0.aggregator.next(event, nanoseconds: nanoseconds) }
    let namespace = event.about.namespace.isEmpty ? "default" : event.about.namespace
    do {
      switch action {
      case .create(let name):
        let object = object(of: event, name: name, namespace: namespace, time: time.time)
        _ = try await client.create(.events, namespace: namespace, object: object)
      case .patch(let name, let count):
        _ = try await client.patch(
          .events, namespace: namespace, name: name,
          patch: ["count": .int(count), "lastTimestamp": .string(time.time)], type: .merge,
          subresource: nil)
      }
    } catch {
      state.withLockedValue { $0.aggregator.forget(event) }
      if Task.isCancelled { return }
      if case .patch = action, (error as? APIStatus)?.code == 404 {
        // The one written before has expired.
        await write(pending)
      } else {
        logger.debug("\(event.reason) of \(event.about.name): \(error)")
      }
    }
  }

  private func object(of event: RecordedEvent, name: String, namespace: String, time: String)
    -> JSONValue
  {
    var source: JSONValue = ["component": .string(component)]
    if !host.isEmpty { source["host"] = .string(host) }
    return [
      "apiVersion": "v1", "kind": "Event",
      "metadata": ["name": .string(name), "namespace": .string(namespace)],
      "involvedObject": event.about.object, "reason": .string(event.reason),
      "message": .string(event.message), "source": source, "firstTimestamp": .string(time),
      "lastTimestamp": .string(time), "count": 1, "type": .string(event.kind.rawValue),
      "reportingComponent": .string(component), "reportingInstance": .string(host),
    ]
  }
}
