import JSONDocument
import KubernetesAPI
import KubernetesClient

/// The annotations and labels by which Deployments and their ReplicaSets know each other.
enum DeploymentKeys {
  static let revision = "deployment.kubernetes.io/revision"
  static let revisionHistory = "deployment.kubernetes.io/revision-history"
  static let desiredReplicas = "deployment.kubernetes.io/desired-replicas"
  static let maxReplicas = "deployment.kubernetes.io/max-replicas"
  static let podTemplateHash = "pod-template-hash"

  /// Not handed on from a Deployment to its ReplicaSets.
  static let ownAnnotations: Set<String> = [
    "kubectl.kubernetes.io/last-applied-configuration", revision, revisionHistory,
    desiredReplicas, maxReplicas, "deprecated.deployment.rollback.to",
  ]
}

/// What a Deployment asks for.
struct DeploymentFacts: Sendable {
  let object: JSONValue

  private var spec: JSONValue { object["spec"] ?? [:] }
  var replicas: Int { Int(clamping: max(0, spec["replicas"]?.intValue ?? 1)) }
  var isPaused: Bool { spec["paused"]?.boolValue ?? false }
  var isRecreate: Bool { spec.at("strategy", "type") == "Recreate" }
  var template: JSONValue { spec["template"] ?? [:] }
  var minReadySeconds: Int64 { spec["minReadySeconds"]?.intValue ?? 0 }
  var revisionHistoryLimit: Int { Int(clamping: spec["revisionHistoryLimit"]?.intValue ?? 10) }

  /// Nil: none; upstream writes that as the greatest 32-bit number.
  var progressDeadlineSeconds: Int64? {
    let seconds = spec["progressDeadlineSeconds"]?.intValue ?? 600
    return seconds >= Int64(Int32.max) ? nil : seconds
  }

  private func budget(_ key: String, roundUp: Bool) -> Int {
    let value = IntOrString(spec.at("strategy", "rollingUpdate", key)) ?? .string("25%")
    return max(0, value.scaled(of: replicas, roundUp: roundUp) ?? 0)
  }

  /// Pods above `replicas` during an update.
  var maxSurge: Int { isRecreate ? 0 : budget("maxSurge", roundUp: true) }

  /// Pods below `replicas` during an update. One at least where nothing may surge either, since
  /// an update could not begin.
  var maxUnavailable: Int {
    if isRecreate || replicas == 0 { return 0 }
    let unavailable = budget("maxUnavailable", roundUp: false)
    return min(unavailable == 0 && maxSurge == 0 ? 1 : unavailable, replicas)
  }
}

/// What a ReplicaSet of a Deployment is and has.
struct ReplicaSetFacts: Sendable {
  let object: JSONValue

  var name: String { object.meta.name }
  var uid: String { object.meta.uid }
  var replicas: Int { Int(clamping: max(0, object.at("spec", "replicas")?.intValue ?? 1)) }
  private func status(_ key: String) -> Int {
    Int(clamping: object.at("status", key)?.intValue ?? 0)
  }
  var actual: Int { status("replicas") }
  var ready: Int { status("readyReplicas") }
  var available: Int { status("availableReplicas") }
  var terminating: Int { status("terminatingReplicas") }
  var revision: Int64 {
    object.meta.annotation(DeploymentKeys.revision).flatMap { Int64($0) } ?? 0
  }
  func annotated(_ key: String) -> Int? { object.meta.annotation(key).flatMap { Int($0) } }

  /// Whether the ReplicaSet's own controller has seen its newest specification.
  var isObserved: Bool {
    object.meta.generation <= object.at("status", "observedGeneration")?.intValue ?? 0
  }
}
