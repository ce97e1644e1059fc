import JSONDocument
import KubernetesAPI

/// What a hollow node does next with one of its pods: the phases of a real one, without
/// containers.
enum HollowPod {
  enum Step: Equatable {
    case nothing
    /// Patch the status to this.
    case report(JSONValue)
    /// Look again, when the pretended work is done.
    case wait(milliseconds: Int64)
    /// The containers have stopped: take the object away.
    case remove
  }

  /// How long pods that are meant to end do run.
  static let workMilliseconds: Int64 = 1_000

  /// - Parameter address: the IP of the pod, should it need one.
  static func step(_ pod: PodView, now: Timestamp, hostIP: String, address: () -> String) -> Step {
    if pod.isBeingDeleted { return .remove }
    if pod.isFinished { return .nothing }
    guard pod.phase == "Running" else {
      return .report(running(pod, now: now, hostIP: hostIP, podIP: address()))
    }
    guard pod.restartPolicy != "Always" else { return .nothing }
    let started =
      pod.json.at("status", "startTime")?.stringValue.flatMap(Timestamp.init(parsing:)) ?? now
    let remaining = workMilliseconds - now.milliseconds(since: started)
    if remaining > 0 { return .wait(milliseconds: remaining) }
    return .report(succeeded(pod, now: now))
  }

  private static func conditions(ready: Bool, reason: String?, now: Timestamp) -> JSONValue {
    let time = JSONValue.string(now.rfc3339())
    func condition(_ type: String, _ holds: Bool) -> JSONValue {
      var condition: JSONValue = [
        "type": .string(type), "status": .string(holds ? "True" : "False"),
        "lastProbeTime": .null, "lastTransitionTime": time,
      ]
      if !holds, let reason { condition["reason"] = .string(reason) }
      return condition
    }
    return [
      condition("PodReadyToStartContainers", ready), condition("Initialized", true),
      condition("Ready", ready), condition("ContainersReady", ready),
      condition("PodScheduled", true),
    ]
  }

  static func running(_ pod: PodView, now: Timestamp, hostIP: String, podIP: String) -> JSONValue {
    let time = JSONValue.string(now.rfc3339())
    func status(_ container: JSONValue, state: JSONValue, ready: Bool) -> JSONValue {
      let name = container["name"]?.stringValue ?? ""
      return [
        "name": .string(name), "image": container["image"] ?? "",
        "imageID": .string("hollow://\(container["image"]?.stringValue ?? "")"),
        "containerID": .string("hollow://\(pod.uid)/\(name)"), "ready": .bool(ready),
        "started": .bool(ready), "restartCount": 0, "state": state, "lastState": [:],
      ]
    }
    let initial = pod.initContainers.map { container in
      status(
        container,
        state: [
          "terminated": [
            "exitCode": 0, "reason": "Completed", "startedAt": time, "finishedAt": time,
          ]
        ], ready: true)
    }
    var result: JSONValue = [
      "phase": "Running", "hostIP": .string(hostIP), "hostIPs": [["ip": .string(hostIP)]],
      "podIP": .string(podIP), "podIPs": [["ip": .string(podIP)]], "startTime": time,
      "conditions": conditions(ready: true, reason: nil, now: now),
      "containerStatuses": .array(
        pod.containers.map {
          status($0, state: ["running": ["startedAt": time]], ready: true)
        }),
    ]
    if !initial.isEmpty { result["initContainerStatuses"] = .array(initial) }
    return result
  }

  static func succeeded(_ pod: PodView, now: Timestamp) -> JSONValue {
    let time = JSONValue.string(now.rfc3339())
    let statuses = pod.containerStatuses.map { status -> JSONValue in
      var status = status
      status["ready"] = false
      status["started"] = false
      status["state"] = [
        "terminated": [
          "exitCode": 0, "reason": "Completed", "finishedAt": time,
          "startedAt": status.at("state", "running", "startedAt") ?? time,
        ]
      ]
      return status
    }
    return [
      "phase": "Succeeded",
      "conditions": conditions(ready: false, reason: "PodCompleted", now: now),
      "containerStatuses": .array(statuses),
    ]
  }
}
