import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging
import NIOConcurrencyHelpers

/// Gives pods their nodes. Run it on one server at a time (`LeaderElector`).
///
/// Decisions are made one after another on what informers and its own bindings tell; bindings run
/// many at once.
public struct Scheduler: Sendable {
  public struct Options: Sendable {
    /// Bindings under way at once; more decisions wait.
    public var maximumBindings: Int

    public init(maximumBindings: Int = 64) {
      precondition(maximumBindings > 0)
      self.maximumBindings = maximumBindings
    }
  }

  private let client: any KubernetesClient
  private let recorder: EventRecorder
  private let options: Options
  private let logger = Logger(label: "taffrail.scheduler")

  public init(client: any KubernetesClient, options: Options = Options()) {
    self.client = client
    self.options = options
    recorder = EventRecorder(client: client, component: SchedulerState.name)
  }

  private static var now: Int64 { MonotonicClock.nowNanoseconds / 1_000_000 }

  /// Runs until the task is cancelled.
  public func run() async throws {
    let state = NIOLockedValueBox(SchedulerState())
    // One key, so that waking twice before a look is one look.
    let wake = WorkQueue<Bool>()
    let informers = SharedInformers(client: client)
    informers.informer(.pods).addHandler { delta in
      state.withLockedValue {
        $0.podChanged(delta.old, delta.new, revision: delta.revision, now: Self.now)
      }
      wake.add(true, cause: 0)
    }
    informers.informer(.nodes).addHandler { delta in
      state.withLockedValue { $0.nodeChanged(delta.key.name, delta.new) }
      wake.add(true, cause: 0)
    }
    informers.informer(.namespaces).addHandler { delta in
      state.withLockedValue { $0.namespaceChanged(delta.key.name, delta.new) }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await informers.run() }
      group.addTask { await recorder.run() }
      try await informers.waitForSync()
      group.addTask { await decide(state, wake) }
      try await group.waitForAll()
    }
  }

  private func decide(_ state: NIOLockedValueBox<SchedulerState>, _ wake: WorkQueue<Bool>) async {
    await withTaskGroup(of: Void.self) { group in
      var bindings = 0
      while let item = await wake.next() {
        wake.done(item.key)
        while !Task.isCancelled,
          let attempt = state.withLockedValue({ $0.next(now: Self.now) })
        {
          if bindings >= options.maximumBindings {
            await group.next()
            bindings -= 1
          }
          bindings += 1
          group.addTask {
            await WriteContext.$cause.withValue(attempt.cause) { await carryOut(attempt, state) }
          }
        }
        // For pods whose backoff ends though nothing happens.
        if state.withLockedValue({ !$0.queue.isEmpty }) {
          wake.add(true, cause: 0, afterMilliseconds: 50)
        }
      }
      group.cancelAll()
    }
  }

  private func carryOut(
    _ attempt: SchedulerState.Attempt, _ state: NIOLockedValueBox<SchedulerState>
  ) async {
    let pod = attempt.pod
    let reference = ObjectReference(apiVersion: "v1", kind: "Pod", object: pod.object)
    guard case .place(let node) = attempt.decision else {
      let message = attempt.decision.message
      recorder.record(
        about: reference, .warning, reason: "FailedScheduling", message: message)
      await setUnschedulable(pod, message: message)
      return
    }
    let binding: JSONValue = [
      "apiVersion": "v1", "kind": "Binding",
      "metadata": [
        "name": .string(pod.key.name), "namespace": .string(pod.key.namespace),
        "uid": .string(pod.uid),
      ],
      "target": ["kind": "Node", "name": .string(node)],
    ]
    do {
      _ = try await client.create(
        .pods, namespace: pod.key.namespace, object: binding,
        subresource: (name: pod.key.name, subresource: "binding"))
      recorder.record(
        about: reference, reason: "Scheduled",
        message: "Successfully assigned \(pod.key) to \(node)")
    } catch {
      // One that is gone needs no other try; one that was bound after all shows so by its event.
      let isGone = (error as? APIStatus)?.code == 404
      state.withLockedValue {
        $0.bindingFailed(attempt, retries: !isGone, now: Self.now)
      }
      if !isGone && !Task.isCancelled { logger.warning("binding \(pod.key) to \(node): \(error)") }
    }
  }

  private func setUnschedulable(_ pod: SchedulingPod, message: String) async {
    let old = Conditions.find("PodScheduled", in: pod.object["status"])
    if old?["status"] == "False", old?["message"]?.stringValue == message { return }
    var condition: JSONValue = [
      "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
      "message": .string(message),
    ]
    condition["lastTransitionTime"] =
      old?["status"] == "False" ? old?["lastTransitionTime"] : .string(Timestamp.now.rfc3339())
    do {
      _ = try await client.patch(
        .pods, namespace: pod.key.namespace, name: pod.key.name,
        patch: ["status": ["conditions": [condition]]], type: .strategicMerge,
        subresource: "status")
    } catch {
      logger.debug("\(pod.key): \(error)")
    }
  }
}
