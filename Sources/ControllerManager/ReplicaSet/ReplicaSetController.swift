import JSONDocument
import KubernetesAPI
import KubernetesClient
import NIOConcurrencyHelpers

/// Keeps as many pods as each ReplicaSet asks for.
struct ReplicaSetController: Sendable {
  private let context: ControllerContext
  private let replicaSets: Informer
  private let pods: Informer
  private let queue = WorkQueue<ObjectKey>()
  private let pending = NIOLockedValueBox(PendingPods())

  static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = ReplicaSetController(context)
    return { await controller.run() }
  }

  init(_ context: ControllerContext) {
    self.context = context
    replicaSets = context.informers.informer(.replicaSets)
    pods = context.informers.informer(.pods)
    pods.addIndex(SharedIndex.owner, StandardIndex.ownerUID)
    pods.addIndex(SharedIndex.orphans, SharedIndex.withoutController)
    replicaSets.addIndex(SharedIndex.owner, StandardIndex.ownerUID)
    replicaSets.addIndex(SharedIndex.namespace, StandardIndex.namespace)
    let (queue, pending, replicaSets) = (queue, pending, replicaSets)
    replicaSets.addHandler { delta in
      if delta.new == nil { pending.withLockedValue { $0.forget(delta.key) } }
      queue.add(delta.key, cause: delta.revision)
    }
    pods.addHandler { delta in
      Self.podChanged(delta, queue: queue, pending: pending, replicaSets: replicaSets)
    }
  }

  private static func owner(of pod: JSONValue?) -> ObjectKey? {
    guard let pod, let controller = pod.meta.controller, controller.kind == "ReplicaSet",
      controller.group == "apps"
    else { return nil }
    return ObjectKey(namespace: pod.meta.namespace, name: controller.name)
  }

  private static func podChanged(
    _ delta: InformerDelta, queue: WorkQueue<ObjectKey>, pending: NIOLockedValueBox<PendingPods>,
    replicaSets: Informer
  ) {
    let object = delta.object
    let newOwner = owner(of: delta.new)
    let oldOwner = owner(of: delta.old)
    if let key = newOwner ?? oldOwner {
      pending.withLockedValue { pending in
        if delta.new != nil, delta.old == nil { pending.created(delta.key.name, for: key) }
        if delta.new == nil || object.meta.isBeingDeleted {
          pending.created(delta.key.name, for: key)
          pending.deleted(uid: object.meta.uid, for: key)
        }
      }
    }
    if let newOwner { queue.add(newOwner, cause: delta.revision) }
    if let oldOwner, oldOwner != newOwner { queue.add(oldOwner, cause: delta.revision) }
    guard let pod = delta.new, pod.meta.controller == nil, PodFacts(pod).isActive else { return }
    // An orphan: whoever selects it may adopt it.
    let labels = pod.meta.labelObject
    for replicaSet in replicaSets.list(index: SharedIndex.namespace, value: delta.key.namespace) {
      let selector = LabelSelector(object: replicaSet.at("spec", "selector"))
      guard selector.matches(labels) else { continue }
      queue.add(replicaSet.key, cause: delta.revision)
    }
  }

  func run() async {
    await context.run(queue, reconcile: reconcile)
  }

  @Sendable private func reconcile(_ key: ObjectKey) async throws -> Requeue? {
    guard let replicaSet = replicaSets[key] else { return nil }
    let isSettled = pending.withLockedValue {
      $0.isSettled(key, now: MonotonicClock.nowNanoseconds)
    }
    let uid = replicaSet.meta.uid
    let planner = ReplicaSetPlanner(
      replicaSet: replicaSet,
      owned: pods.list(index: SharedIndex.owner, value: uid).filter {
        $0.meta.controller?.uid == uid
      },
      orphans: pods.list(index: SharedIndex.orphans, value: key.namespace), now: .now,
      siblingsOnNode: siblingsOnNode(replicaSet))
    let claims = planner.claims()
    try await carryOut(claims, replicaSet: replicaSet)
    var failure: (any Error)?
    if isSettled {
      do {
        try await carryOut(planner.scaling(active: claims.active), key: key, replicaSet: replicaSet)
      } catch { failure = error }
    }
    let reason: (String, String)? = failure.map { error in
      let isCreation = claims.active.count < planner.desiredReplicas
      return (
        isCreation ? "FailedCreate" : "FailedDelete", (error as? APIStatus)?.message ?? "\(error)"
      )
    }
    if let status = planner.status(active: claims.active, failure: reason) {
      var object = replicaSet
      object["status"] = status
      _ = try await ignoringNotFound {
        try await context.client.update(
          .replicaSets, namespace: key.namespace, name: key.name, object: object,
          subresource: "status")
      }
    }
    if let failure { throw failure }
    return planner.nextAvailability(active: claims.active).map { .after(milliseconds: $0 + 1) }
  }

  /// Pods of all ReplicaSets of the same Deployment, by node.
  private func siblingsOnNode(_ replicaSet: JSONValue) -> [String: Int] {
    var owners = [replicaSet.meta.uid]
    if let deployment = replicaSet.meta.controller {
      owners = replicaSets.list(index: SharedIndex.owner, value: deployment.uid).map(\.meta.uid)
    }
    var counts: [String: Int] = [:]
    for owner in owners {
      for pod in pods.list(index: SharedIndex.owner, value: owner) where PodFacts(pod).isActive {
        counts[PodFacts(pod).nodeName, default: 0] += 1
      }
    }
    return counts
  }

  private func carryOut(_ claims: ReplicaSetPlanner.Claims, replicaSet: JSONValue) async throws {
    let namespace = replicaSet.meta.namespace
    if !claims.adopt.isEmpty {
      // The informer may lag: one that is being deleted must not adopt.
      let fresh = try await context.client.get(
        .replicaSets, namespace: namespace, name: replicaSet.meta.name)
      guard fresh.meta.uid == replicaSet.meta.uid, !fresh.meta.isBeingDeleted else { return }
    }
    for pod in claims.adopt {
      let reference = OwnerReference(
        controlledBy: replicaSet, apiVersion: "apps/v1", kind: "ReplicaSet")
      try await patchOwner(of: pod, [reference.json])
    }
    for pod in claims.release {
      try await patchOwner(of: pod, [["$patch": "delete", "uid": .string(replicaSet.meta.uid)]])
    }
  }

  private func patchOwner(of pod: JSONValue, _ references: JSONValue) async throws {
    let patch: JSONValue = [
      "metadata": ["uid": .string(pod.meta.uid), "ownerReferences": references]
    ]
    _ = try await ignoringNotFound {
      try await context.client.patch(
        .pods, namespace: pod.meta.namespace, name: pod.meta.name, patch: patch,
        type: .strategicMerge, subresource: nil)
    }
  }

  private func carryOut(
    _ scaling: ReplicaSetPlanner.Scaling, key: ObjectKey, replicaSet: JSONValue
  ) async throws {
    let reference = ObjectReference(
      apiVersion: "apps/v1", kind: "ReplicaSet", object: replicaSet)
    switch scaling {
    case .none: return
    case .create(let count):
      let prefix = "\(key.name)-"
      try await inGrowingBatches(count) { _ in
        let name = NameSuffix.name(prefix: prefix)
        pending.withLockedValue {
          $0.willCreate(name, for: key, now: MonotonicClock.nowNanoseconds)
        }
        do {
          let pod = ReplicaSetPlanner.pod(of: replicaSet, name: name, prefix: prefix)
          _ = try await context.client.create(.pods, namespace: key.namespace, object: pod)
          context.recorder.record(
            about: reference, reason: "SuccessfulCreate", message: "Created pod: \(name)")
        } catch {
          pending.withLockedValue { $0.created(name, for: key) }
          context.recorder.record(
            about: reference, .warning, reason: "FailedCreate",
            message: "Error creating: \((error as? APIStatus)?.message ?? "\(error)")")
          throw error
        }
      }
    case .delete(let pods):
      try await inGrowingBatches(pods.count) { position in
        let pod = pods[position]
        let uid = pod.meta.uid
        pending.withLockedValue {
          $0.willDelete(uid: uid, for: key, now: MonotonicClock.nowNanoseconds)
        }
        do {
          try await context.client.delete(
            .pods, namespace: key.namespace, name: pod.meta.name,
            options: DeleteOptions(preconditionUID: uid))
          context.recorder.record(
            about: reference, reason: "SuccessfulDelete", message: "Deleted pod: \(pod.meta.name)")
        } catch {
          pending.withLockedValue { $0.deleted(uid: uid, for: key) }
          if (error as? APIStatus)?.code != 404 { throw error }
        }
      }
    }
  }
}
