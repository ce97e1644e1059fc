import JSONDocument
import KubernetesAPI
import KubernetesClient

extension DeploymentPlanner {
  private var sizeAnnotations: [String: String] {
    [
      DeploymentKeys.desiredReplicas: String(deployment.replicas),
      DeploymentKeys.maxReplicas: String(deployment.replicas + deployment.maxSurge),
    ]
  }

  private var handedOnAnnotations: [String: String] {
    object.meta.annotations.filter { !DeploymentKeys.ownAnnotations.contains($0.key) }
  }

  /// The version makes a plan from old observations fail instead of undoing a newer one.
  func scale(_ replicaSet: ReplicaSetFacts, to size: Int) -> DeploymentAction {
    .patchReplicaSet(
      name: replicaSet.name,
      patch: [
        "metadata": ["annotations": JSONValue(strings: sizeAnnotations)],
        "spec": ["replicas": JSONValue(size)],
      ],
      scale: size == replicaSet.replicas ? nil : .init(from: replicaSet.replicas, to: size))
  }

  /// Makes the ReplicaSet of the present template.
  func createActions() -> [DeploymentAction] {
    let hash = hash
    var template = deployment.template
    template.set(.string(hash), at: "metadata", "labels", DeploymentKeys.podTemplateHash)
    var selector = object.at("spec", "selector") ?? [:]
    selector.set(.string(hash), at: "matchLabels", DeploymentKeys.podTemplateHash)
    var annotations = handedOnAnnotations
    annotations.merge(sizeAnnotations) { $1 }
    annotations[DeploymentKeys.revision] = String(revision)
    var spec: JSONValue = [
      "replicas": JSONValue(newSize(current: 0)), "selector": selector, "template": template,
    ]
    if deployment.minReadySeconds > 0 { spec["minReadySeconds"] = .int(deployment.minReadySeconds) }
    let replicaSet: JSONValue = [
      "apiVersion": "apps/v1", "kind": "ReplicaSet",
      "metadata": [
        "name": .string(newName), "namespace": .string(object.meta.namespace),
        "labels": template.at("metadata", "labels") ?? [:],
        "annotations": JSONValue(strings: annotations),
        "ownerReferences": [
          OwnerReference(controlledBy: object, apiVersion: "apps/v1", kind: "Deployment").json
        ],
      ],
      "spec": spec,
    ]
    return [.createReplicaSet(replicaSet)] + revisionActions(revision)
  }

  private func revisionActions(_ revision: Int64) -> [DeploymentAction] {
    let text = String(revision)
    if object.meta.annotation(DeploymentKeys.revision) == text { return [] }
    return [
      .patchDeployment(["metadata": ["annotations": [DeploymentKeys.revision: .string(text)]]])
    ]
  }

  /// Brings the annotations of the present template's ReplicaSet up to date. One that comes back
  /// by a rollback gets a new revision, and remembers the old ones.
  func syncActions(_ new: ReplicaSetFacts) -> [DeploymentAction] {
    let meta = new.object.meta
    var changes = handedOnAnnotations.merging(sizeAnnotations) { $1 }
      .filter { meta.annotation($0.key) != $0.value }
    let revision = max(revision, new.revision)
    if new.revision < revision {
      changes[DeploymentKeys.revision] = String(revision)
      if new.revision > 0 {
        let history = meta.annotation(DeploymentKeys.revisionHistory)
        changes[DeploymentKeys.revisionHistory] =
          history.map { "\($0),\(new.revision)" } ?? String(new.revision)
      }
    }
    var patch: JSONValue = [:]
    if !changes.isEmpty { patch.set(JSONValue(strings: changes), at: "metadata", "annotations") }
    if new.object.at("spec", "minReadySeconds")?.intValue ?? 0 != deployment.minReadySeconds {
      patch.set(.int(deployment.minReadySeconds), at: "spec", "minReadySeconds")
    }
    let patches: [DeploymentAction] =
      patch == [:] ? [] : [.patchReplicaSet(name: new.name, patch: patch, scale: nil)]
    return patches + revisionActions(revision)
  }

  private func isSized(_ replicaSet: ReplicaSetFacts) -> Bool {
    replicaSet.annotated(DeploymentKeys.desiredReplicas) == deployment.replicas
      && replicaSet.annotated(DeploymentKeys.maxReplicas)
        == deployment.replicas + deployment.maxSurge
  }

  /// Spreads a changed number of replicas. During an update every ReplicaSet gets its share.
  func scaleActions() -> [DeploymentAction] {
    let active = replicaSets.filter { $0.replicas > 0 }
    if active.count <= 1 {
      // The one in use; or the newest where none is.
      guard let target = active.first ?? newReplicaSet ?? replicaSets.last else { return [] }
      if target.replicas == deployment.replicas && isSized(target) { return [] }
      return [scale(target, to: deployment.replicas)]
    }
    if let new = newReplicaSet, new.replicas == deployment.replicas,
      new.available == deployment.replicas,
      new.annotated(DeploymentKeys.desiredReplicas) == deployment.replicas
    {
      return oldReplicaSets.filter { $0.replicas > 0 }.map { scale($0, to: 0) }
    }
    return deployment.isRecreate ? [] : proportionalActions(active)
  }

  private func proportionalActions(_ active: [ReplicaSetFacts]) -> [DeploymentAction] {
    let total = replicaSets.reduce(0) { $0 + $1.replicas }
    let allowed = deployment.replicas > 0 ? deployment.replicas + deployment.maxSurge : 0
    let change = allowed - total
    // The largest first; of equal ones the newest grows first and the oldest shrinks first.
    let order = active.enumerated().sorted { left, right in
      if left.element.replicas != right.element.replicas {
        return left.element.replicas > right.element.replicas
      }
      return change > 0 ? left.offset > right.offset : left.offset < right.offset
    }.map(\.element)
    var sizes: [Int] = []
    var given = 0
    for replicaSet in order {
      let share = fraction(replicaSet)
      let rest = change - given
      // Never against the direction of the change: rounding could ask for that.
      let part = change > 0 ? max(0, min(share, rest)) : min(0, max(share, rest))
      sizes.append(max(0, replicaSet.replicas + part))
      given += part
    }
    // What rounding left over goes to the largest.
    if change != given, !sizes.isEmpty { sizes[0] = max(0, sizes[0] + change - given) }
    return zip(order, sizes).compactMap { replicaSet, size in
      size == replicaSet.replicas && isSized(replicaSet) ? nil : scale(replicaSet, to: size)
    }
  }

  private func fraction(_ replicaSet: ReplicaSetFacts) -> Int {
    if deployment.replicas == 0 { return -replicaSet.replicas }
    let before =
      replicaSet.annotated(DeploymentKeys.maxReplicas)
      ?? Int(clamping: object.at("status", "replicas")?.intValue ?? 0)
    guard before > 0 else { return 0 }
    let ratio = Double(deployment.replicas + deployment.maxSurge) / Double(before)
    return Int((Double(replicaSet.replicas) * ratio).rounded()) - replicaSet.replicas
  }

  /// Forgets the oldest revisions beyond the limit, once an update is through.
  func cleanupActions() -> [DeploymentAction] {
    guard let new = newReplicaSet, isComplete(status(with: new)) else { return [] }
    let cleanable = oldReplicaSets.filter { !$0.object.meta.isBeingDeleted }
    let excess = cleanable.count - max(0, deployment.revisionHistoryLimit)
    guard excess > 0 else { return [] }
    return cleanable.sorted { $0.revision < $1.revision }.prefix(excess)
      .filter { $0.actual == 0 && $0.replicas == 0 && $0.isObserved }
      .map { .deleteReplicaSet(name: $0.name) }
  }
}
