import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Everything the scheduler knows, and the step from one waiting pod to a decision. Pure.
struct SchedulerState: Sendable {
  struct Attempt: Sendable {
    var pod: SchedulingPod
    var cause: UInt64
    var decision: Decision
  }

  static let name = "default-scheduler"

  private(set) var cluster = ClusterSnapshot()
  private(set) var queue = SchedulingQueue()
  /// Pods that were placed and whose binding has not been seen yet.
  private var assumed: Set<String> = []

  /// A pod came, changed, or (nil) is gone.
  mutating func podChanged(_ old: JSONValue?, _ new: JSONValue?, revision: UInt64, now: Int64) {
    guard let new, !PodFacts(new).isTerminal else {
      let uid = (new ?? old)?.meta.uid ?? ""
      queue.remove(uid)
      assumed.remove(uid)
      if cluster.remove(uid) { queue.clusterChanged() }
      return
    }
    let pod = SchedulingPod(new)
    if !pod.nodeName.isEmpty {
      let wasKnown = cluster.contains(pod.uid)
      queue.remove(pod.uid)
      assumed.remove(pod.uid)
      cluster.add(pod)
      // A new neighbour may be what another pod's affinity waits for; fewer requests make room.
      if !wasKnown || old.map({ $0["spec"] != new["spec"] }) ?? false {
        queue.clusterChanged()
      }
      return
    }
    guard !assumed.contains(pod.uid) else { return }
    guard !pod.isBeingDeleted,
      new.at("spec", "schedulerName")?.stringValue ?? Self.name == Self.name,
      new.at("spec", "schedulingGates")?.arrayValue?.isEmpty ?? true
    else {
      queue.remove(pod.uid)
      return
    }
    queue.add(pod, cause: revision, now: now)
  }

  mutating func nodeChanged(_ name: String, _ node: JSONValue?) {
    guard let node else {
      cluster.removeNode(name)
      return
    }
    if cluster.setNode(node) { queue.clusterChanged() }
  }

  mutating func namespaceChanged(_ name: String, _ namespace: JSONValue?) {
    cluster.namespaceLabels[name] = namespace?.meta.labelObject
  }

  /// Decides on the next waiting pod, and counts it as placed where it fits.
  mutating func next(now: Int64) -> Attempt? {
    queue.advance(to: now)
    guard let (pod, cause) = queue.pop() else { return nil }
    let decision = cluster.schedule(pod)
    switch decision {
    case .place(let node):
      var placed = pod
      placed.nodeName = node
      queue.remove(pod.uid)
      assumed.insert(pod.uid)
      cluster.add(placed)
    case .unschedulable: queue.failed(pod.uid, now: now)
    }
    return Attempt(pod: pod, cause: cause, decision: decision)
  }

  /// The binding failed. `retries`: it is worth another try.
  mutating func bindingFailed(_ attempt: Attempt, retries: Bool, now: Int64) {
    guard assumed.remove(attempt.pod.uid) != nil else { return }
    cluster.remove(attempt.pod.uid)
    if retries {
      queue.failedToBind(attempt.pod, cause: attempt.cause, now: now)
    }
    queue.clusterChanged()
  }
}
