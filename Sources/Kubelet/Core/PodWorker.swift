import KubernetesAPI

/// Decides what happens next to one pod: desired pod, what the runtime holds and the time in,
/// steps out. Pure; a shell carries the steps out, observes, and asks again.
struct PodWorker: Sendable {
  enum Step: Sendable, Hashable {
    case createSandbox(attempt: Int)
    case start(container: String, attempt: Int)
    case kill(id: String, container: String, graceSeconds: Int64, message: String)
    case stopSandbox(id: String)
    case removeSandbox(id: String)
    case removeContainer(id: String)
    /// Nothing of the pod is left on this node.
    case finished
  }

  /// What keeps a container from running.
  struct Waiting: Sendable, Hashable {
    var reason: String
    var message: String = ""
  }

  struct Plan: Sendable, Hashable {
    var steps: [Step] = []
    /// When to plan again though nothing else happens.
    var wakeAt: Timestamp?
    var waiting: [String: Waiting] = [:]

    mutating func wake(at time: Timestamp) { wakeAt = min(wakeAt ?? time, time) }
  }

  /// Whether the pod must go, and since when.
  enum Intent: Sendable, Hashable {
    case run
    /// Everything must have stopped by `deadline`.
    case terminate(deadline: Timestamp)
  }

  var backoff = RestartBackoff()

  /// - Parameters:
  ///   - failedProbes: containers to restart, with the message that says why.
  ///   - started: containers whose startup probe, if any, has passed.
  ///   - priorRestarts: restart counts that the API remembers, where the runtime has no instance.
  func plan(
    pod: PodSpecification, observed: ObservedPod, intent: Intent, now: Timestamp,
    failedProbes: [String: String] = [:], started: Set<String> = [],
    priorRestarts: [String: Int] = [:]
  ) -> Plan {
    switch intent {
    case .terminate(let deadline):
      return terminate(pod: pod, observed: observed, deadline: deadline, now: now)
    case .run: break
    }
    var plan = Plan()
    if PodPhase.isFinished(pod: pod, observed: observed) {
      return wind(down: observed, plan: plan)
    }
    guard let sandbox = observed.sandbox else {
      // What ran in a sandbox that died has no network any more.
      for container in observed.runningContainers {
        plan.steps.append(
          .kill(
            id: container.id, container: container.name, graceSeconds: 0,
            message: "The pod's sandbox has ended"))
      }
      let attempt = (observed.sandboxes.map(\.attempt).max() ?? -1) + 1
      plan.steps.append(.createSandbox(attempt: attempt))
      return plan
    }
    for old in observed.sandboxes.dropFirst() {
      if old.isReady { plan.steps.append(.stopSandbox(id: old.id)) }
      plan.steps.append(.removeSandbox(id: old.id))
    }
    let current = Current(pod: pod, observed: observed, sandbox: sandbox.id, prior: priorRestarts)
    plan.steps += current.outdated.map { .removeContainer(id: $0.id) }

    let hasMain = pod.containers.contains { current.latest($0.name) != nil }
    for container in pod.initContainers {
      let latest = current.latest(container.name)
      if container.isSidecar {
        keep(container, current, pod, failedProbes, now, &plan)
        guard latest?.state == .running, started.contains(container.name) || hasMain else {
          return plan
        }
        continue
      }
      if hasMain || latest.map({ $0.state == .exited && $0.exitCode == 0 }) == true { continue }
      keep(container, current, pod, failedProbes, now, &plan)
      return plan
    }
    for container in pod.containers {
      keep(container, current, pod, failedProbes, now, &plan)
    }
    return plan
  }

  /// The pod's instances in its present sandbox.
  private struct Current {
    var pod: PodSpecification
    var observed: ObservedPod
    var sandbox: String
    var prior: [String: Int]

    func latest(_ name: String) -> ObservedPod.Container? {
      observed.instances(of: name).first { $0.sandboxID == sandbox }
    }

    func nextAttempt(_ name: String) -> Int {
      let seen = observed.instances(of: name).first.map { $0.attempt + 1 } ?? 0
      return max(seen, prior[name] ?? 0)
    }

    /// The last instance and the one before it are kept, for `lastState` and `logs --previous`.
    var outdated: [ObservedPod.Container] {
      pod.allContainers.flatMap { container in
        observed.instances(of: container.name).filter { $0.sandboxID == sandbox }
          .dropFirst(2).filter { $0.state == .exited }
      }
    }
  }

  /// Keeps one container going, or says what it waits for.
  private func keep(
    _ container: PodSpecification.Container, _ current: Current, _ pod: PodSpecification,
    _ failedProbes: [String: String], _ now: Timestamp, _ plan: inout Plan
  ) {
    let name = container.name
    guard let latest = current.latest(name) else {
      plan.steps.append(.start(container: name, attempt: current.nextAttempt(name)))
      return
    }
    switch latest.state {
    case .running:
      if let message = failedProbes[name] {
        plan.steps.append(
          .kill(
            id: latest.id, container: name,
            graceSeconds: pod.view.terminationGracePeriodSeconds, message: message))
      }
    case .created:
      // Its start failed, or the agent died in between.
      plan.steps.append(.removeContainer(id: latest.id))
      plan.steps.append(.start(container: name, attempt: latest.attempt))
    case .unknown:
      plan.steps.append(
        .kill(id: latest.id, container: name, graceSeconds: 0, message: "Its state is unknown"))
    case .exited:
      guard container.isSidecar || pod.shouldRestart(exitCode: latest.exitCode) else { return }
      let finished = latest.finishedAt ?? latest.createdAt
      let notBefore = backoff.notBefore(name, started: latest.startedAt, finished: finished)
      if now >= notBefore {
        plan.steps.append(.start(container: name, attempt: current.nextAttempt(name)))
      } else {
        plan.wake(at: notBefore)
        let delay = HumanDuration.text(milliseconds: backoff.delaySeconds(name) * 1000)
        plan.waiting[name] = Waiting(
          reason: "CrashLoopBackOff",
          message: "back-off \(delay) restarting failed container=\(name) "
            + "pod=\(pod.view.name)_\(pod.view.namespace)(\(pod.view.uid))")
      }
    }
  }

  /// The pod has done its work: only its records stay, until it is deleted.
  private func wind(down observed: ObservedPod, plan: Plan) -> Plan {
    var plan = plan
    for container in observed.runningContainers {
      plan.steps.append(
        .kill(
          id: container.id, container: container.name, graceSeconds: 30,
          message: "The pod has finished"))
    }
    if plan.steps.isEmpty {
      for sandbox in observed.sandboxes where sandbox.isReady {
        plan.steps.append(.stopSandbox(id: sandbox.id))
      }
    }
    return plan
  }

  private func terminate(
    pod: PodSpecification, observed: ObservedPod, deadline: Timestamp, now: Timestamp
  ) -> Plan {
    var plan = Plan()
    let left = max(0, deadline.milliseconds(since: now) + 999) / 1000
    let sidecars = Set(pod.initContainers.filter(\.isSidecar).map(\.name))
    let running = observed.runningContainers
    let main = running.filter { !sidecars.contains($0.name) }
    // Sidecars serve the others to their end.
    for container in main.isEmpty ? running : main {
      plan.steps.append(
        .kill(
          id: container.id, container: container.name, graceSeconds: left,
          message: "Stopping container \(container.name)"))
    }
    if !plan.steps.isEmpty { return plan }
    for sandbox in observed.sandboxes {
      // Also one that is not ready: its network may still be set up.
      plan.steps.append(.stopSandbox(id: sandbox.id))
      plan.steps.append(.removeSandbox(id: sandbox.id))
    }
    plan.steps.append(.finished)
    return plan
  }
}
