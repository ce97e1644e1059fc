import JSONDocument
import KubernetesAPI
import KubernetesClient
import NIOConcurrencyHelpers

/// Notices nodes that fell silent, taints them, and evicts their pods when their time is up.
struct NodeLifecycleController: Sendable {
  private let context: ControllerContext
  private let nodes: Informer
  private let pods: Informer
  private let leases: Informer
  private let queue = WorkQueue<String>()
  private let planner: NIOLockedValueBox<NodeLifecyclePlanner>
  private static let nodeIndex = "node"

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = NodeLifecycleController(context)
    return { await controller.run() }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    nodes = context.informers.informer(.nodes)
    pods = context.informers.informer(.pods)
    leases = context.informers.informer(.leases)
    planner = NIOLockedValueBox(
      NodeLifecyclePlanner(
        gracePeriodMilliseconds: context.options.nodeGracePeriodSeconds * 1_000))
    pods.addIndex(Self.nodeIndex, StandardIndex.nodeName)
    let (queue, planner, nodes) = (queue, planner, nodes)
    nodes.addHandler { delta in
      if delta.new == nil { planner.withLockedValue { $0.forget(delta.key.name) } }
      queue.add(delta.key.name, cause: delta.revision)
    }
    pods.addHandler { delta in
      // A pod that comes to a tainted node is looked at too.
      guard let pod = delta.new, !PodFacts(pod).nodeName.isEmpty,
        PodFacts(pod).nodeName != delta.old.map({ PodFacts($0).nodeName }),
        let node = nodes.get(name: PodFacts(pod).nodeName),
        node.at("spec", "taints")?.arrayValue?.isEmpty == false
      else { return }
      queue.add(node.meta.name, cause: delta.revision)
    }
  }

  private func run() async {
    let period = Duration.milliseconds(context.options.nodeMonitorMilliseconds)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await context.run(queue, workers: 2, reconcile: reconcile)
      }
      group.addTask {
        while (try? await Task.sleep(for: period)) != nil {
          for node in nodes.list() {
            queue.add(node.meta.name, cause: UInt64(node.meta.resourceVersion) ?? 0)
          }
        }
      }
    }
  }

  @Sendable private func reconcile(_ name: String) async throws -> Requeue? {
    guard var node = nodes.get(name: name) else { return nil }
    let lease = leases.get(namespace: "kube-node-lease", name: name)
    let known = node
    let isSilent = planner.withLockedValue {
      $0.isSilent(known, lease: lease, now: MonotonicClock.nowNanoseconds / 1_000_000)
    }
    let now = Timestamp.now
    if isSilent, let status = NodeLifecyclePlanner.silentStatus(node, now: now.rfc3339()) {
      var object = node
      object["status"] = status
      node = try await context.client.update(
        .nodes, namespace: nil, name: name, object: object, subresource: "status")
      context.recorder.record(
        about: ObjectReference(apiVersion: "v1", kind: "Node", object: node),
        reason: "NodeNotReady", message: "Node \(name) status is now: NodeNotReady")
    }
    if let taints = NodeLifecyclePlanner.taints(node, now: now.rfc3339()) {
      let patch: JSONValue = [
        "metadata": ["resourceVersion": .string(node.meta.resourceVersion)],
        "spec": ["taints": .array(taints)],
      ]
      node = try await context.client.patch(
        .nodes, namespace: nil, name: name, patch: patch, type: .merge, subresource: nil)
    }
    let ready = Conditions.find("Ready", in: node["status"])?["status"]?.stringValue
    let mine = pods.list(index: Self.nodeIndex, value: name)
    if ready == "Unknown" { try await markNotReady(mine, now: now) }
    return try await evict(mine, from: node, now: now)
  }

  /// Pods of a silent node serve no more, as far as anybody can tell.
  private func markNotReady(_ pods: [JSONValue], now: Timestamp) async throws {
    for pod in pods where PodFacts(pod).isReady {
      var object = pod
      var conditions = pod.at("status", "conditions")?.arrayValue ?? []
      Conditions.set(
        ["type": "Ready", "status": "False", "reason": "NodeNotReady"], in: &conditions,
        now: now.rfc3339())
      object.set(.array(conditions), at: "status", "conditions")
      let changed = object
      _ = try await ignoringNotFound {
        try await context.client.update(
          .pods, namespace: pod.meta.namespace, name: pod.meta.name, object: changed,
          subresource: "status")
      }
    }
  }

  private func evict(_ pods: [JSONValue], from node: JSONValue, now: Timestamp) async throws
    -> Requeue?
  {
    let taints = node.at("spec", "taints")?.arrayValue ?? []
    var next: Int64?
    for pod in pods {
      switch NodeLifecyclePlanner.eviction(of: pod, taints: taints, now: now) {
      case .stays: break
      case .later(let milliseconds): next = min(next ?? milliseconds, milliseconds)
      case .now:
        context.recorder.record(
          about: ObjectReference(apiVersion: "v1", kind: "Pod", object: pod),
          reason: "TaintManagerEviction", message: "Marking for deletion Pod \(pod.key)")
        _ = try await ignoringNotFound {
          try await context.client.delete(
            .pods, namespace: pod.meta.namespace, name: pod.meta.name,
            options: DeleteOptions(preconditionUID: pod.meta.uid))
        }
      }
    }
    return next.map { .after(milliseconds: $0 + 1) }
  }
}
