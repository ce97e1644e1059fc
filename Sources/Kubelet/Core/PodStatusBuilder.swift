import JSONDocument
import KubernetesAPI

/// Writes a pod's status from what the runtime holds. Pure.
struct PodStatusBuilder: Sendable {
  var pod: PodSpecification
  var observed: ObservedPod
  var waiting: [String: PodWorker.Waiting] = [:]
  /// Containers whose readiness probe, if any, says yes.
  var ready: Set<String> = []
  /// Containers whose startup probe, if any, has passed.
  var started: Set<String> = []
  /// Readable text that a container left at its end, by the container's id.
  var terminationMessages: [String: String] = [:]
  var hostAddress: String
  var now: Timestamp

  /// The status to write, keeping what of the old one is not the node's to say.
  func status() -> JSONValue {
    let phase = PodPhase.of(pod: pod, observed: observed)
    var status: JSONValue = .object(pod.view.json["status"]?.objectValue ?? [:])
    status["phase"] = .string(phase.rawValue)
    status["hostIP"] = .string(hostAddress)
    status["hostIPs"] = [["ip": .string(hostAddress)]]
    if status["startTime"] == nil { status["startTime"] = .string(now.rfc3339()) }
    let address = pod.view.hostNetwork ? hostAddress : observed.sandboxes.first?.address ?? ""
    if !address.isEmpty {
      status["podIP"] = .string(address)
      status["podIPs"] = [["ip": .string(address)]]
    }
    if !pod.initContainers.isEmpty {
      status["initContainerStatuses"] = .array(
        pod.initContainers.map { containerStatus($0, isInit: true, phase: phase) })
    }
    status["containerStatuses"] = .array(
      pod.containers.map { containerStatus($0, isInit: false, phase: phase) })
    status["conditions"] = .array(conditions(phase))
    return status
  }

  private func old(_ name: String) -> JSONValue? {
    for list in ["containerStatuses", "initContainerStatuses"] {
      for status in pod.view.json.at("status", list)?.arrayValue ?? []
      where status["name"]?.stringValue == name {
        return status
      }
    }
    return nil
  }

  private func containerStatus(
    _ container: PodSpecification.Container, isInit: Bool, phase: PodPhase
  ) -> JSONValue {
    let instances = observed.instances(of: container.name).filter { $0.state != .created }
    var status: JSONValue = ["name": .string(container.name)]
    let latest = instances.first
    let waiting = waiting[container.name]
    var isReady = false
    var hasStarted = false
    var restarts = latest?.attempt ?? 0
    if let latest {
      switch latest.state {
      case .running, .unknown:
        status.set(
          .string((latest.startedAt ?? latest.createdAt).rfc3339()), at: "state", "running",
          "startedAt")
        hasStarted = started.contains(container.name)
        isReady = ready.contains(container.name) && hasStarted
        if isInit, !container.isSidecar { isReady = false }
        if instances.count > 1 { status["lastState"] = terminated(instances[1]) }
      default:
        if let waiting {
          status["state"] = state(waiting)
          status["lastState"] = terminated(latest)
        } else {
          status["state"] = terminated(latest)
          if instances.count > 1 { status["lastState"] = terminated(instances[1]) }
          isReady = isInit && latest.exitCode == 0
        }
      }
    } else if let known = old(container.name), known.at("state", "terminated") != nil,
      phase == .succeeded || phase == .failed
    {
      return known
    } else {
      restarts = Int(old(container.name)?["restartCount"]?.intValue ?? 0)
      let fallback = PodWorker.Waiting(
        reason: !isInit && !pod.initContainers.isEmpty && !initialized
          ? "PodInitializing" : "ContainerCreating")
      status["state"] = state(waiting ?? fallback)
    }
    if status["lastState"] == nil { status["lastState"] = [:] }
    status["ready"] = .bool(isReady)
    status["restartCount"] = JSONValue(restarts)
    status["image"] = .string(
      latest.map { $0.image.isEmpty ? container.image : $0.image } ?? container.image)
    status["imageID"] = .string(latest?.imageID ?? "")
    if let latest { status["containerID"] = .string("containerd://\(latest.id)") }
    status["started"] = .bool(hasStarted)
    return status
  }

  private func state(_ waiting: PodWorker.Waiting) -> JSONValue {
    var detail: JSONValue = ["reason": .string(waiting.reason)]
    if !waiting.message.isEmpty { detail["message"] = .string(waiting.message) }
    return ["waiting": detail]
  }

  private func terminated(_ container: ObservedPod.Container) -> JSONValue {
    var detail: JSONValue = ["exitCode": JSONValue(container.exitCode)]
    let reason =
      container.reason.isEmpty
      ? (container.exitCode == 0 ? "Completed" : "Error") : container.reason
    detail["reason"] = .string(reason)
    let message = terminationMessages[container.id] ?? container.message
    if !message.isEmpty { detail["message"] = .string(message) }
    if let time = container.startedAt { detail["startedAt"] = .string(time.rfc3339()) }
    if let time = container.finishedAt { detail["finishedAt"] = .string(time.rfc3339()) }
    detail["containerID"] = .string("containerd://\(container.id)")
    return ["terminated": detail]
  }

  private var initialized: Bool {
    let hasMain = pod.containers.contains { !observed.instances(of: $0.name).isEmpty }
    return hasMain
      || pod.initContainers.allSatisfy { container in
        guard let last = observed.instances(of: container.name).first else { return false }
        return container.isSidecar
          ? last.state == .running && started.contains(container.name)
          : last.state == .exited && last.exitCode == 0
      }
  }

  private func conditions(_ phase: PodPhase) -> [JSONValue] {
    let isRunning = { (container: PodSpecification.Container) in
      observed.instances(of: container.name).first?.state == .running
    }
    let long = pod.containers + pod.initContainers.filter(\.isSidecar)
    let unready = long.filter {
      !(isRunning($0) && ready.contains($0.name) && started.contains($0.name))
    }
    .map(\.name)
    let hasEnded = phase == .succeeded || phase == .failed
    var readyReason = ""
    var readyMessage = ""
    if phase == .succeeded {
      readyReason = "PodCompleted"
    } else if phase == .failed {
      readyReason = "PodFailed"
    } else if !unready.isEmpty {
      readyReason = "ContainersNotReady"
      readyMessage = "containers with unready status: [\(unready.joined(separator: " "))]"
    }
    let uninitialized = pod.initContainers.map(\.name)
    var wanted: [(String, Bool, String, String)] = [
      ("PodReadyToStartContainers", observed.sandbox != nil, "", ""),
      (
        "Initialized", initialized || hasEnded,
        initialized || hasEnded ? "" : "ContainersNotInitialized",
        initialized || hasEnded
          ? "" : "containers with incomplete status: [\(uninitialized.joined(separator: " "))]"
      ),
    ]
    if phase == .succeeded { wanted[1].2 = "PodCompleted" }
    let gates = (pod.view.json.at("spec", "readinessGates")?.arrayValue ?? []).compactMap {
      $0["conditionType"]?.stringValue
    }
    .filter { !pod.view.object.conditionIsTrue($0) }
    let containersReady = unready.isEmpty && !hasEnded
    wanted.append(
      (
        "Ready", containersReady && gates.isEmpty,
        containersReady && !gates.isEmpty ? "ReadinessGatesNotReady" : readyReason, readyMessage
      ))
    wanted.append(("ContainersReady", containersReady, readyReason, readyMessage))
    wanted.append(("PodScheduled", true, "", ""))

    let existing = pod.view.conditions
    let own = Set(wanted.map(\.0))
    var result = wanted.map { type, isTrue, reason, message -> JSONValue in
      let value = isTrue ? "True" : "False"
      let before = existing.first { $0["type"]?.stringValue == type }
      var condition: JSONValue = [
        "type": .string(type), "status": .string(value), "lastProbeTime": .null,
        "lastTransitionTime": .string(now.rfc3339()),
      ]
      if before?["status"]?.stringValue == value, let since = before?["lastTransitionTime"] {
        condition["lastTransitionTime"] = since
      }
      if let generation = before?["observedGeneration"] {
        condition["observedGeneration"] = generation
      }
      if !reason.isEmpty { condition["reason"] = .string(reason) }
      if !message.isEmpty { condition["message"] = .string(message) }
      return condition
    }
    result += existing.filter { !own.contains($0["type"]?.stringValue ?? "") }
    return result
  }
}
