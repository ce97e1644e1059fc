import ContainerRuntime
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging

/// What the runners of a node share.
struct NodeServices: Sendable {
  var configuration: KubeletConfiguration
  var client: any KubernetesClient
  var runtime: any RuntimeService
  var events: EventRecorder
  var serviceObjects: @Sendable () -> [JSONValue]
  var allocatable: [String: Quantity]
  var logger: Logger

  var volumes: PodVolumes {
    PodVolumes(client: client, configuration: configuration, allocatable: allocatable)
  }
}

/// Carries one pod through its life: observes, asks `PodWorker`, does what it says, reports.
actor PodRunner {
  struct Failure {
    var waiting: PodWorker.Waiting
    var count: Int
    var retryAt: Timestamp
  }

  nonisolated let uid: String
  nonisolated let signal = Signal()
  let node: NodeServices
  var pod: PodSpecification
  /// The object is gone from the API: nothing is reported any more.
  var isOrphan: Bool
  var worker = PodWorker()
  var observed = ObservedPod()
  var probes: [ProbeKey: ProbeState] = [:]
  var probesInFlight: Set<ProbeKey> = []
  var failures: [String: Failure] = [:]
  var exitedStatuses: [String: ObservedPod.Container] = [:]
  var addresses: [String: String] = [:]
  var terminationDeadline: Timestamp?
  private(set) var isFinished = false
  private var volumesAt: Timestamp?

  /// ConfigMaps and secrets in volumes follow their objects within this.
  static let volumeRefreshMilliseconds: Int64 = 60_000
  static let resyncMilliseconds: Int64 = 30_000

  init(pod: JSONValue, isOrphan: Bool = false, node: NodeServices) {
    self.pod = PodSpecification(pod)
    uid = self.pod.view.uid
    self.isOrphan = isOrphan
    self.node = node
  }

  var revision: UInt64 { UInt64(pod.view.object.resourceVersion) ?? 0 }

  /// Takes over a newer object; an older one is passed over.
  func update(_ object: JSONValue) {
    let newer = UInt64(ObjectView(object).resourceVersion) ?? 0
    guard newer > revision, ObjectView(object).uid == uid else { return }
    pod = PodSpecification(object)
    signal.set()
  }

  func abandon() {
    isOrphan = true
    signal.set()
  }

  /// Runs until nothing of the pod is left.
  func run() async {
    while !Task.isCancelled, !isFinished {
      let wake = await WriteContext.$cause.withValue(revision) { await sync() }
      if isFinished { return }
      let wait = wake.map { $0.milliseconds(since: .now) } ?? Self.resyncMilliseconds
      await signal.wait(atMostMilliseconds: min(max(wait, 10), Self.resyncMilliseconds))
    }
  }

  /// One pass; returns when the next is due at the latest.
  private func sync() async -> Timestamp? {
    // A bound, so that a step that changes nothing does not spin.
    for _ in 0..<32 {
      do {
        observed = try await observe()
      } catch {
        node.logger.warning("\(pod.view.namespace)/\(pod.view.name): \(error)")
        return Timestamp.now.adding(seconds: 1)
      }
      let now = Timestamp.now
      syncProbes(now)
      let intent = intent(now)
      var plan = worker.plan(
        pod: pod, observed: observed, intent: intent, now: now, failedProbes: failedProbes,
        started: started, priorRestarts: priorRestarts)
      for (name, failure) in failures {
        plan.waiting[name] = failure.waiting
        if failure.retryAt > now {
          plan.steps.removeAll { $0.isStart(of: name) }
          plan.wake(at: failure.retryAt)
        }
      }
      if intent == .run, observed.sandbox != nil { await refreshVolumes(now) }
      if let due = nextProbe() { plan.wake(at: due) }
      await report(waiting: plan.waiting)
      if plan.steps.isEmpty { return plan.wakeAt }
      await perform(plan.steps)
      if isFinished || Task.isCancelled { return nil }
    }
    return Timestamp.now.adding(seconds: 1)
  }

  private func intent(_ now: Timestamp) -> PodWorker.Intent {
    guard isOrphan || pod.view.isBeingDeleted else { return .run }
    var deadline = pod.view.object.deletionTimestamp ?? now.adding(seconds: 2)
    if isOrphan { deadline = min(deadline, now.adding(seconds: 2)) }
    // The deadline may come nearer (a second delete), never farther.
    deadline = min(terminationDeadline ?? deadline, deadline)
    terminationDeadline = deadline
    return .terminate(deadline: deadline)
  }

  private var priorRestarts: [String: Int] {
    var counts: [String: Int] = [:]
    for list in ["containerStatuses", "initContainerStatuses"] {
      for status in pod.view.json.at("status", list)?.arrayValue ?? []
      where status["containerID"]?.stringValue?.isEmpty == false {
        counts[status["name"]?.stringValue ?? ""] = Int(status["restartCount"]?.intValue ?? 0) + 1
      }
    }
    return counts
  }

  private func observe() async throws -> ObservedPod {
    var result = ObservedPod()
    let sandboxes = try await node.runtime.listPodSandboxes(podUID: uid)
    result.sandboxes = sandboxes.map { ObservedPod.Sandbox($0) }
      .sorted { ($0.attempt, $0.createdAt) > ($1.attempt, $1.createdAt) }
    for index in result.sandboxes.indices where result.sandboxes[index].isReady {
      let id = result.sandboxes[index].id
      if addresses[id] == nil {
        addresses[id] = try await node.runtime.podSandboxStatus(id: id).network.ip
      }
    }
    for index in result.sandboxes.indices {
      result.sandboxes[index].address = addresses[result.sandboxes[index].id] ?? ""
    }
    let containers = try await node.runtime.listContainers(podUID: uid)
    for container in containers {
      var observed = ObservedPod.Container(container)
      if let known = exitedStatuses[observed.id] {
        observed = known
      } else {
        guard let status = try await status(of: observed.id) else { continue }
        observed.add(status)
        if observed.state == .exited { exitedStatuses[observed.id] = observed }
      }
      result.containers.append(observed)
    }
    let present = Set(result.containers.map(\.id))
    exitedStatuses = exitedStatuses.filter { present.contains($0.key) }
    return result
  }

  /// Nil for a container that is gone.
  private func status(of id: String) async throws -> ContainerStatus? {
    do {
      return try await node.runtime.containerStatus(id: id)
    } catch let error as ContainerRuntimeError where error.code == .notFound {
      return nil
    }
  }

  private func refreshVolumes(_ now: Timestamp) async {
    guard let last = volumesAt, now.milliseconds(since: last) > Self.volumeRefreshMilliseconds
    else {
      if volumesAt == nil { volumesAt = now }
      return
    }
    volumesAt = now
    do {
      try await node.volumes.prepare(pod, podAddress: observed.sandbox?.address ?? "")
    } catch {
      node.logger.debug("volumes of \(pod.view.namespace)/\(pod.view.name): \(error)")
    }
  }

  func finish() async {
    let view = pod.view
    await node.volumes.remove(uid)
    try? FileManager.default.removeItem(
      atPath: node.configuration.logDirectory(
        namespace: view.namespace, name: view.name, uid: uid))
    PodCgroup.remove(root: node.configuration.cgroupRoot, uid: uid)
    if !isOrphan {
      do {
        try await node.client.delete(
          .pods, namespace: view.namespace, name: view.name,
          options: DeleteOptions(gracePeriodSeconds: 0, preconditionUID: uid))
      } catch let status as APIStatus where status.code == 404 || status.code == 409 {
        // Gone already, or another pod of the name.
      } catch {
        node.logger.warning("\(view.namespace)/\(view.name) can't be deleted: \(error)")
        try? await Task.sleep(for: .seconds(1))
        return
      }
    }
    isFinished = true
  }

  func event(
    _ reason: String, _ message: String, _ kind: RecordedEvent.Kind = .normal,
    container: String? = nil
  ) {
    var reference = ObjectReference(apiVersion: "v1", kind: "Pod", object: pod.view.json)
    if let container {
      let isInit = pod.initContainers.contains { $0.name == container }
      reference.fieldPath = "spec.\(isInit ? "initContainers" : "containers"){\(container)}"
    }
    node.events.record(about: reference, kind, reason: reason, message: message)
  }
}

extension PodWorker.Step {
  func isStart(of name: String) -> Bool {
    if case .start(name, _) = self { return true }
    if case .createSandbox = self, name == PodRunner.sandboxFailure { return true }
    return false
  }
}
