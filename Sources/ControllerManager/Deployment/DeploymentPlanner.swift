import JSONDocument
import KubernetesAPI
import KubernetesClient

/// One write that a Deployment's plan asks for.
enum DeploymentAction: Equatable {
  case createReplicaSet(JSONValue)
  /// A merge patch; `scale` is set where it scales.
  case patchReplicaSet(name: String, patch: JSONValue, scale: Scale?)
  case deleteReplicaSet(name: String)
  /// A merge patch of the Deployment itself.
  case patchDeployment(JSONValue)
  case updateStatus(JSONValue)

  struct Scale: Equatable {
    var from: Int
    var to: Int
  }
}

/// Decides the next steps of a Deployment from what is observed. Pure. Each step changes what is
/// observed, and so leads to the next plan; the rules are those of upstream's controller.
struct DeploymentPlanner {
  let deployment: DeploymentFacts
  /// The ReplicaSets whose controller it is, oldest first.
  let replicaSets: [ReplicaSetFacts]
  /// The ReplicaSet of the present template; the oldest of several.
  let newReplicaSet: ReplicaSetFacts?
  let oldReplicaSets: [ReplicaSetFacts]
  /// The uids of ReplicaSets that have pods which still run.
  let runningOwners: Set<String>
  let now: Timestamp

  init(
    deployment: JSONValue, replicaSets: [JSONValue], runningOwners: Set<String> = [],
    now: Timestamp
  ) {
    let facts = DeploymentFacts(object: deployment)
    let sorted = replicaSets.sorted { left, right in
      (left.meta.creationTimestamp, left.meta.name)
        < (right.meta.creationTimestamp, right.meta.name)
    }.map { ReplicaSetFacts(object: $0) }
    let new = sorted.first {
      PodTemplate.equal($0.object.at("spec", "template") ?? [:], facts.template)
    }
    self.deployment = facts
    self.replicaSets = sorted
    newReplicaSet = new
    oldReplicaSets = sorted.filter { $0.uid != new?.uid }
    self.runningOwners = runningOwners
    self.now = now
  }

  var object: JSONValue { deployment.object }
  var revision: Int64 { (oldReplicaSets.map(\.revision).max() ?? 0) + 1 }

  var hash: String {
    PodTemplate.hash(
      deployment.template, collisions: object.at("status", "collisionCount")?.intValue ?? 0)
  }

  var newName: String {
    String(decoding: object.meta.name.utf8.prefix(240), as: UTF8.self) + "-\(hash)"
  }

  func plan() -> [DeploymentAction] {
    if object.meta.isBeingDeleted { return statusActions(with: newReplicaSet) }
    if deployment.isPaused || isScaling {
      return scaleActions() + cleanupActions() + statusActions(with: newReplicaSet)
    }
    return deployment.isRecreate ? recreate() : rollingUpdate()
  }

  /// Whether `replicas` was changed since the ReplicaSets were sized.
  private var isScaling: Bool {
    replicaSets.contains { replicaSet in
      guard replicaSet.replicas > 0,
        let desired = replicaSet.annotated(DeploymentKeys.desiredReplicas)
      else { return false }
      return desired != deployment.replicas
    }
  }

  private func recreate() -> [DeploymentAction] {
    let down = oldReplicaSets.filter { $0.replicas > 0 }.map { scale($0, to: 0) }
    if !down.isEmpty { return down + statusActions(with: newReplicaSet) }
    if oldReplicaSets.contains(where: { runningOwners.contains($0.uid) }) {
      return statusActions(with: newReplicaSet)
    }
    guard let new = newReplicaSet else { return createActions() }
    var actions = syncActions(new)
    if new.replicas != deployment.replicas { actions.append(scale(new, to: deployment.replicas)) }
    return actions + cleanupActions() + statusActions(with: new)
  }

  private func rollingUpdate() -> [DeploymentAction] {
    guard let new = newReplicaSet else { return createActions() }
    let sync = syncActions(new)
    let size = newSize(current: new.replicas)
    if size != new.replicas { return sync + [scale(new, to: size)] + statusActions(with: new) }
    let down = scaleDownOld(new)
    return sync + (down.isEmpty ? cleanupActions() : down) + statusActions(with: new)
  }

  /// How many pods the new ReplicaSet may have now.
  func newSize(current: Int) -> Int {
    let wanted = deployment.replicas
    if current >= wanted || deployment.isRecreate { return wanted }
    let total = replicaSets.reduce(0) { $0 + $1.replicas }
    let room = wanted + deployment.maxSurge - total
    return room <= 0 ? current : current + min(room, wanted - current)
  }

  /// Takes away old pods as far as availability allows, unhealthy ones first.
  private func scaleDownOld(_ new: ReplicaSetFacts) -> [DeploymentAction] {
    var sizes = oldReplicaSets.map(\.replicas)
    guard sizes.contains(where: { $0 > 0 }) else { return [] }
    let minimum = deployment.replicas - deployment.maxUnavailable
    let total = replicaSets.reduce(0) { $0 + $1.replicas }
    let newUnavailable = max(0, new.replicas - new.available)
    var droppable = total - minimum - newUnavailable
    guard droppable > 0 else { return [] }
    for (position, old) in oldReplicaSets.enumerated() where droppable > 0 {
      let dropped = min(droppable, max(0, sizes[position] - old.available))
      sizes[position] -= dropped
      droppable -= dropped
    }
    var spare = replicaSets.reduce(0) { $0 + $1.available } - minimum
    for position in sizes.indices where spare > 0 {
      let dropped = min(spare, sizes[position])
      sizes[position] -= dropped
      spare -= dropped
    }
    return zip(oldReplicaSets, sizes).compactMap { old, size in
      old.replicas == size ? nil : scale(old, to: size)
    }
  }
}
