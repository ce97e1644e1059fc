import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Carries out Deployments by ReplicaSets, one for each pod template.
struct DeploymentController: Sendable {
  private let context: ControllerContext
  private let deployments: Informer
  private let replicaSets: Informer
  private let pods: Informer
  private let queue = WorkQueue<ObjectKey>()

  static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = DeploymentController(context)
    return { await controller.run() }
  }

  init(_ context: ControllerContext) {
    self.context = context
    deployments = context.informers.informer(.deployments)
    replicaSets = context.informers.informer(.replicaSets)
    pods = context.informers.informer(.pods)
    replicaSets.addIndex(SharedIndex.owner, StandardIndex.ownerUID)
    replicaSets.addIndex(SharedIndex.orphans, SharedIndex.withoutController)
    pods.addIndex(SharedIndex.owner, StandardIndex.ownerUID)
    deployments.addIndex(SharedIndex.namespace, StandardIndex.namespace)
    let (queue, deployments, replicaSets) = (queue, deployments, replicaSets)
    deployments.addHandler { queue.add($0.key, cause: $0.revision) }
    replicaSets.addHandler { delta in
      for object in [delta.new, delta.old] {
        guard let object else { continue }
        if let owner = object.meta.controller, owner.kind == "Deployment" {
          queue.add(
            ObjectKey(namespace: delta.key.namespace, name: owner.name), cause: delta.revision)
        }
      }
      guard let orphan = delta.new, orphan.meta.controller == nil else { return }
      for deployment in deployments.list(
        index: SharedIndex.namespace, value: delta.key.namespace)
      where LabelSelector(object: deployment.at("spec", "selector"))
        .matches(orphan.meta.labelObject)
      {
        queue.add(deployment.key, cause: delta.revision)
      }
    }
    // Recreate waits for the last old pod to go.
    pods.addHandler { delta in
      guard delta.new == nil || PodFacts(delta.object).isTerminal,
        let owner = delta.object.meta.controller, owner.kind == "ReplicaSet",
        let replicaSet = replicaSets.get(namespace: delta.key.namespace, name: owner.name),
        let deployment = replicaSet.meta.controller, deployment.kind == "Deployment"
      else { return }
      queue.add(
        ObjectKey(namespace: delta.key.namespace, name: deployment.name), cause: delta.revision)
    }
  }

  func run() async {
    await context.run(queue, reconcile: reconcile)
  }

  @Sendable private func reconcile(_ key: ObjectKey) async throws -> Requeue? {
    guard let deployment = deployments[key] else { return nil }
    try await adopt(deployment)
    let uid = deployment.meta.uid
    let owned = replicaSets.list(index: SharedIndex.owner, value: uid)
      .filter { $0.meta.controller?.uid == uid }
    var running: Set<String> = []
    if deployment.at("spec", "strategy", "type") == "Recreate" {
      for replicaSet in owned {
        let mine = pods.list(index: SharedIndex.owner, value: replicaSet.meta.uid)
        if mine.contains(where: { !PodFacts($0).isTerminal }) {
          running.insert(replicaSet.meta.uid)
        }
      }
    }
    let planner = DeploymentPlanner(
      deployment: deployment, replicaSets: owned, runningOwners: running, now: .now)
    var current = deployment
    for action in planner.plan() { try await carryOut(action, on: &current, planner: planner) }
    return planner.recheckMilliseconds.map { .after(milliseconds: $0) }
  }

  /// Takes ReplicaSets over that match and have no controller, e.g. after an orphaning delete.
  private func adopt(_ deployment: JSONValue) async throws {
    guard !deployment.meta.isBeingDeleted else { return }
    let selector = LabelSelector(object: deployment.at("spec", "selector"))
    let orphans = replicaSets.list(index: SharedIndex.orphans, value: deployment.meta.namespace)
      .filter { !$0.meta.isBeingDeleted && selector.matches($0.meta.labelObject) }
    guard !orphans.isEmpty else { return }
    let fresh = try await context.client.get(
      .deployments, namespace: deployment.meta.namespace, name: deployment.meta.name)
    guard fresh.meta.uid == deployment.meta.uid, !fresh.meta.isBeingDeleted else { return }
    let reference = OwnerReference(
      controlledBy: deployment, apiVersion: "apps/v1", kind: "Deployment")
    for orphan in orphans {
      _ = try await ignoringNotFound {
        try await context.client.patch(
          .replicaSets, namespace: orphan.meta.namespace, name: orphan.meta.name,
          patch: [
            "metadata": [
              "uid": .string(orphan.meta.uid), "ownerReferences": [reference.json],
            ]
          ], type: .strategicMerge, subresource: nil)
      }
    }
  }

  private func carryOut(
    _ action: DeploymentAction, on current: inout JSONValue, planner: DeploymentPlanner
  ) async throws {
    let namespace = current.meta.namespace
    let name = current.meta.name
    switch action {
    case .createReplicaSet(let object):
      try await create(object, for: current, planner: planner)
    case .patchReplicaSet(let replicaSet, var patch, let scale):
      let known = replicaSets.get(namespace: namespace, name: replicaSet)
      if scale != nil, let version = known?.meta.resourceVersion {
        // A plan made from old observations fails instead of undoing what is newer.
        patch.set(.string(version), at: "metadata", "resourceVersion")
      }
      let patched = patch
      _ = try await context.client.patch(
        .replicaSets, namespace: namespace, name: replicaSet, patch: patched, type: .merge,
        subresource: nil)
      if let scale { report(scale, of: replicaSet, current) }
    case .deleteReplicaSet(let replicaSet):
      _ = try await ignoringNotFound {
        try await context.client.delete(
          .replicaSets, namespace: namespace, name: replicaSet, options: DeleteOptions())
      }
    case .patchDeployment(let patch):
      current = try await context.client.patch(
        .deployments, namespace: namespace, name: name, patch: patch, type: .merge,
        subresource: nil)
    case .updateStatus(let status):
      var object = current
      object["status"] = status
      current = try await context.client.update(
        .deployments, namespace: namespace, name: name, object: object, subresource: "status")
    }
  }

  private func report(_ scale: DeploymentAction.Scale, of replicaSet: String, _ current: JSONValue)
  {
    let direction = scale.to > scale.from ? "up" : "down"
    context.recorder.record(
      about: ObjectReference(apiVersion: "apps/v1", kind: "Deployment", object: current),
      reason: "ScalingReplicaSet",
      message: "Scaled \(direction) replica set \(replicaSet) from \(scale.from) to \(scale.to)")
  }

  private func create(_ object: JSONValue, for current: JSONValue, planner: DeploymentPlanner)
    async throws
  {
    let namespace = current.meta.namespace
    do {
      _ = try await context.client.create(.replicaSets, namespace: namespace, object: object)
      let size = object.at("spec", "replicas")?.intValue ?? 0
      report(.init(from: 0, to: Int(clamping: size)), of: object.meta.name, current)
    } catch let status as APIStatus where status.reason == "AlreadyExists" {
      let existing = try await context.client.get(
        .replicaSets, namespace: namespace, name: object.meta.name)
      let isOurs =
        existing.meta.controller?.uid == current.meta.uid
        && PodTemplate.equal(
          existing.at("spec", "template") ?? [:], planner.deployment.template)
      // Ours, only the informer does not show it yet: its event comes.
      if isOurs { return }
      // Two templates with one hash: the count makes another one.
      var changed = current
      let collisions = current.at("status", "collisionCount")?.intValue ?? 0
      changed.set(.int(collisions &+ 1), at: "status", "collisionCount")
      _ = try await context.client.update(
        .deployments, namespace: namespace, name: current.meta.name, object: changed,
        subresource: "status")
      throw status
    }
  }
}
