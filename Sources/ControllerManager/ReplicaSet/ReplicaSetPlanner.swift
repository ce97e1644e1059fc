import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Decides how many pods a ReplicaSet makes, which it deletes, and what its status says. Pure.
struct ReplicaSetPlanner {
  /// At most so many pods are made or deleted in one go; upstream's BurstReplicas.
  static let burst = 500

  var replicaSet: JSONValue
  /// All pods whose controller it is.
  var owned: [JSONValue]
  /// Pods of the namespace without a controller.
  var orphans: [JSONValue]
  var now: Timestamp
  /// How many pods of the same owner's owner run on a node, to rank deletions.
  var siblingsOnNode: [String: Int] = [:]

  struct Claims: Equatable {
    var adopt: [JSONValue] = []
    var release: [JSONValue] = []
    /// What counts as its pods once these are done.
    var active: [JSONValue] = []
  }

  private var selector: LabelSelector {
    LabelSelector(object: replicaSet.at("spec", "selector"))
  }

  var desiredReplicas: Int {
    Int(clamping: max(0, replicaSet.at("spec", "replicas")?.intValue ?? 1))
  }

  var minReadySeconds: Int64 { replicaSet.at("spec", "minReadySeconds")?.intValue ?? 0 }

  /// Which pods become its own and which it lets go.
  func claims() -> Claims {
    var claims = Claims()
    let selector = selector
    let isDeleted = replicaSet.meta.isBeingDeleted
    for pod in owned {
      if selector.matches(pod.meta.labelObject) {
        if PodFacts(pod).isActive { claims.active.append(pod) }
      } else if !isDeleted, !pod.meta.isBeingDeleted {
        claims.release.append(pod)
      }
    }
    guard !isDeleted else { return claims }
    for pod in orphans where PodFacts(pod).isActive && selector.matches(pod.meta.labelObject) {
      claims.adopt.append(pod)
      claims.active.append(pod)
    }
    return claims
  }

  enum Scaling: Equatable {
    case none
    case create(Int)
    /// In the order of deletion.
    case delete([JSONValue])
  }

  func scaling(active: [JSONValue]) -> Scaling {
    if replicaSet.meta.isBeingDeleted { return .none }
    let difference = desiredReplicas - active.count
    if difference > 0 { return .create(min(difference, Self.burst)) }
    if difference < 0 {
      return .delete(Array(ranked(active).prefix(min(-difference, Self.burst))))
    }
    return .none
  }

  /// Those to delete first come first: what serves least is missed least.
  private func ranked(_ pods: [JSONValue]) -> [JSONValue] {
    pods.map { (DeletionRank($0, siblings: siblingsOnNode), $0) }
      .sorted { $0.0 < $1.0 }
      .map(\.1)
  }

  /// The pod to make, under a name that the caller chose.
  static func pod(of replicaSet: JSONValue, name: String, prefix: String) -> JSONValue {
    let template = replicaSet.at("spec", "template") ?? [:]
    var metadata: JSONValue = [
      "name": .string(name), "generateName": .string(prefix),
      "namespace": .string(replicaSet.meta.namespace),
    ]
    for key in ["labels", "annotations", "finalizers"] {
      metadata[key] = template.at("metadata", key)
    }
    metadata["ownerReferences"] = [
      OwnerReference(controlledBy: replicaSet, apiVersion: "apps/v1", kind: "ReplicaSet").json
    ]
    return [
      "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] ?? [:],
    ]
  }

  /// The new status, or nil where it says so already. `failure`: why pods could not be made or
  /// deleted.
  func status(active: [JSONValue], failure: (reason: String, message: String)?) -> JSONValue? {
    let old = replicaSet["status"] ?? [:]
    let templateLabels = ObjectMeta.strings(
      replicaSet.at("spec", "template", "metadata", "labels"))
    var labeled = 0
    var ready = 0
    var available = 0
    for pod in active {
      let facts = PodFacts(pod)
      let labels = pod.meta.labels
      if templateLabels.allSatisfy({ labels[$0.key] == $0.value }) { labeled += 1 }
      if facts.isReady {
        ready += 1
        if facts.isAvailable(minReadySeconds: minReadySeconds, now: now) { available += 1 }
      }
    }
    let terminating = owned.count { $0.meta.isBeingDeleted && !PodFacts($0).isTerminal }
    var status = old
    status["replicas"] = JSONValue(active.count)
    for (key, count) in [
      ("fullyLabeledReplicas", labeled), ("readyReplicas", ready),
      ("availableReplicas", available), ("terminatingReplicas", terminating),
    ] {
      // Zeros are left out, except where the server's defaults put one.
      if count > 0 || old[key] == 0 {
        status[key] = .int(Int64(count))
      } else {
        status[key] = nil
      }
    }
    status["observedGeneration"] = .int(replicaSet.meta.generation)
    status["conditions"] = conditions(old: old, failure: failure)
    if status == old { return nil }
    return status
  }

  private func conditions(old: JSONValue, failure: (reason: String, message: String)?)
    -> JSONValue?
  {
    var conditions = old["conditions"]?.arrayValue ?? []
    if let failure {
      Conditions.set(
        [
          "type": "ReplicaFailure", "status": "True", "reason": .string(failure.reason),
          "message": .string(failure.message),
        ], in: &conditions, now: now.rfc3339())
    } else {
      conditions.removeAll { $0["type"] == "ReplicaFailure" }
    }
    return conditions.isEmpty ? nil : .array(conditions)
  }

  /// When the next pod becomes available by mere waiting; nil: none does.
  func nextAvailability(active: [JSONValue]) -> Int64? {
    guard minReadySeconds > 0 else { return nil }
    return active.compactMap { pod -> Int64? in
      guard let since = PodFacts(pod).readySince else { return nil }
      let rest = since.adding(seconds: minReadySeconds).milliseconds(since: now)
      return rest > 0 ? rest : nil
    }.min()
  }
}

/// What makes a pod the next to be deleted, weightiest first; smaller goes first. The order is
/// upstream's.
private struct DeletionRank: Comparable {
  var isAssigned: Bool
  var phase: Int
  var isReady: Bool
  var cost: Int64
  /// Negative: more siblings on the node go first.
  var negativeSiblings: Int
  var readyAge: Int64
  var negativeRestarts: Int64
  /// The newest goes first.
  var negativeCreation: Int64

  init(_ pod: JSONValue, siblings: [String: Int]) {
    let facts = PodFacts(pod)
    isAssigned = !facts.nodeName.isEmpty
    phase =
      switch facts.phase {
      case "Running": 2
      case "Unknown": 1
      default: 0
      }
    isReady = facts.isReady
    cost =
      pod.meta.annotation("controller.kubernetes.io/pod-deletion-cost").flatMap { Int64($0) } ?? 0
    negativeSiblings = -(siblings[facts.nodeName] ?? 0)
    // A pod that became ready later has served for a shorter time.
    readyAge = -(facts.readySince?.seconds ?? 0)
    negativeRestarts = -facts.restarts
    negativeCreation = -(Timestamp(parsing: pod.meta.creationTimestamp)?.seconds ?? 0)
  }

  static func < (left: Self, right: Self) -> Bool {
    if left.isAssigned != right.isAssigned { return !left.isAssigned }
    if left.phase != right.phase { return left.phase < right.phase }
    if left.isReady != right.isReady { return !left.isReady }
    if left.cost != right.cost { return left.cost < right.cost }
    if left.negativeSiblings != right.negativeSiblings {
      return left.negativeSiblings < right.negativeSiblings
    }
    if left.readyAge != right.readyAge { return left.readyAge < right.readyAge }
    if left.negativeRestarts != right.negativeRestarts {
      return left.negativeRestarts < right.negativeRestarts
    }
    return left.negativeCreation < right.negativeCreation
  }
}
