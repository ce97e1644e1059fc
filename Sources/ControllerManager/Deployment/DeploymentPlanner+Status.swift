import JSONDocument
import KubernetesAPI
import KubernetesClient

extension DeploymentPlanner {
  func statusActions(with new: ReplicaSetFacts?) -> [DeploymentAction] {
    let status = status(with: new)
    return status == object["status"] ?? [:] ? [] : [.updateStatus(status)]
  }

  /// The status as observed: counts and conditions.
  func status(with new: ReplicaSetFacts?) -> JSONValue {
    let old = object["status"] ?? [:]
    var status = old
    func set(_ key: String, _ count: Int) { status[key] = count == 0 ? nil : .int(Int64(count)) }
    let available = replicaSets.reduce(0) { $0 + $1.available }
    status["observedGeneration"] = .int(object.meta.generation)
    set("replicas", replicaSets.reduce(0) { $0 + $1.actual })
    set("updatedReplicas", new?.actual ?? 0)
    set("readyReplicas", replicaSets.reduce(0) { $0 + $1.ready })
    set("availableReplicas", available)
    set("unavailableReplicas", max(0, replicaSets.reduce(0) { $0 + $1.replicas } - available))
    let terminating = replicaSets.reduce(0) { $0 + $1.terminating }
    if terminating > 0 || status["terminatingReplicas"] != nil {
      status["terminatingReplicas"] = JSONValue(terminating)
    }
    var conditions = old["conditions"]?.arrayValue ?? []
    let isAvailable = available >= deployment.replicas - deployment.maxUnavailable
    update(
      &conditions,
      [
        "type": "Available", "status": isAvailable ? "True" : "False",
        "reason": isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
        "message": isAvailable
          ? "Deployment has minimum availability."
          : "Deployment does not have minimum availability.",
      ])
    setProgress(in: &conditions, status: status, old: old, new: new)
    let failure = replicaSets.lazy.compactMap {
      Conditions.find("ReplicaFailure", in: $0.object["status"])
    }.first
    conditions.removeAll { $0["type"] == "ReplicaFailure" }
    if let failure { conditions.append(failure) }
    status["conditions"] = .array(conditions)
    return status
  }

  /// Like `Conditions.set`, with the time of the last update beside that of the transition.
  private func update(
    _ conditions: inout [JSONValue], _ condition: JSONValue, always: Bool = false
  ) {
    let time = now.rfc3339()
    var updated = condition
    updated["lastUpdateTime"] = .string(time)
    guard let position = conditions.firstIndex(where: { $0["type"] == condition["type"] }) else {
      updated["lastTransitionTime"] = .string(time)
      conditions.append(updated)
      return
    }
    let old = conditions[position]
    let isSame = old["status"] == condition["status"] && old["reason"] == condition["reason"]
    if isSame && !always { return }
    updated["lastTransitionTime"] =
      old["status"] == condition["status"] ? old["lastTransitionTime"] : .string(time)
    conditions[position] = updated
  }

  func isComplete(_ status: JSONValue) -> Bool {
    let wanted = Int64(deployment.replicas)
    return (status["updatedReplicas"]?.intValue ?? 0) == wanted
      && (status["replicas"]?.intValue ?? 0) == wanted
      && (status["availableReplicas"]?.intValue ?? 0) == wanted
      && (status["observedGeneration"]?.intValue ?? 0) >= object.meta.generation
  }

  private func setProgress(
    in conditions: inout [JSONValue], status: JSONValue, old: JSONValue, new: ReplicaSetFacts?
  ) {
    guard let deadline = deployment.progressDeadlineSeconds else {
      conditions.removeAll { $0["type"] == "Progressing" }
      return
    }
    let current = conditions.first { $0["type"] == "Progressing" }
    let reason = current?["reason"]?.stringValue ?? ""
    func condition(_ value: String, _ reason: String, _ message: String) -> JSONValue {
      [
        "type": "Progressing", "status": .string(value), "reason": .string(reason),
        "message": .string(message),
      ]
    }
    if deployment.isPaused {
      // Time does not run against an update that is paused.
      if reason != "DeploymentPaused" && reason != "ProgressDeadlineExceeded" {
        update(&conditions, condition("Unknown", "DeploymentPaused", "Deployment is paused"))
      }
      return
    }
    if reason == "DeploymentPaused" {
      update(&conditions, condition("Unknown", "DeploymentResumed", "Deployment is resumed"))
      return
    }
    let subject = new.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(object.meta.name)\""
    // Once through, an update stays through until the next one: pods that come and go later are
    // not its doing.
    let isThrough = status["replicas"] == status["updatedReplicas"] && new != nil
    if reason == "NewReplicaSetAvailable", isThrough { return }
    if isComplete(status) {
      update(
        &conditions,
        condition("True", "NewReplicaSetAvailable", "\(subject) has successfully progressed."))
    } else if current == nil, let new {
      update(
        &conditions,
        condition("True", "NewReplicaSetCreated", "Created new replica set \"\(new.name)\""))
    } else if hasProgressed(status, since: old) || current == nil
      || (reason == "NewReplicaSetAvailable" && !isThrough)
    {
      update(
        &conditions, condition("True", "ReplicaSetUpdated", "\(subject) is progressing."),
        always: true)
    } else if reason != "ProgressDeadlineExceeded", let rest = progressRest(current, deadline),
      rest < 0
    {
      update(
        &conditions,
        condition("False", "ProgressDeadlineExceeded", "\(subject) has timed out progressing."))
    }
  }

  private func hasProgressed(_ status: JSONValue, since old: JSONValue) -> Bool {
    func count(_ status: JSONValue, _ key: String) -> Int64 { status[key]?.intValue ?? 0 }
    let updated = count(status, "updatedReplicas")
    let oldUpdated = count(old, "updatedReplicas")
    return updated > oldUpdated
      || count(status, "replicas") - updated < count(old, "replicas") - oldUpdated
      || count(status, "readyReplicas") > count(old, "readyReplicas")
      || count(status, "availableReplicas") > count(old, "availableReplicas")
  }

  /// Milliseconds until the update counts as stuck.
  private func progressRest(_ condition: JSONValue?, _ deadline: Int64) -> Int64? {
    condition?["lastUpdateTime"]?.stringValue.flatMap { Timestamp(parsing: $0) }
      .map { $0.adding(seconds: deadline).milliseconds(since: now) }
  }

  /// When to look again though nothing happens: at the progress deadline.
  var recheckMilliseconds: Int64? {
    guard let deadline = deployment.progressDeadlineSeconds, !deployment.isPaused else {
      return nil
    }
    let condition = Conditions.find("Progressing", in: object["status"])
    let reason = condition?["reason"]?.stringValue
    if reason == "NewReplicaSetAvailable" || reason == "ProgressDeadlineExceeded" { return nil }
    return progressRest(condition, deadline).map { max(0, $0) + 1_000 }
  }
}
