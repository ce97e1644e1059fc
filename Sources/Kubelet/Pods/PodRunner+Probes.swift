import JSONDocument
import KubernetesAPI

struct ProbeKey: Hashable, Sendable {
  var container: String
  var kind: ProbeState.Kind
}

extension PodRunner {
  private func running(_ name: String) -> ObservedPod.Container? {
    guard let last = observed.instances(of: name).first, last.state == .running else { return nil }
    return last
  }

  /// Makes, drops and starts probes as containers come and go.
  func syncProbes(_ now: Timestamp) {
    for container in pod.allContainers {
      for kind in ProbeState.Kind.allCases {
        let key = ProbeKey(container: container.name, kind: kind)
        guard let probe = container.json[kind.field], let instance = running(container.name) else {
          probes[key] = nil
          continue
        }
        if probes[key]?.containerID != instance.id {
          probes[key] = ProbeState(
            kind: kind, probe: probe, containerID: instance.id,
            startedAt: instance.startedAt ?? now)
        }
        guard let state = probes[key], isDue(state, key), state.nextAt <= now,
          probesInFlight.insert(key).inserted
        else { continue }
        Task { await ask(key, probe, container, state) }
      }
    }
  }

  /// Startup comes first, and is over once it has passed.
  private func isDue(_ state: ProbeState, _ key: ProbeKey) -> Bool {
    if state.kind == .startup { return !state.hasPassed && !state.hasFailed }
    return probes[ProbeKey(container: key.container, kind: .startup)]?.hasPassed ?? true
  }

  func nextProbe() -> Timestamp? {
    probes.filter { isDue($0.value, $0.key) && !probesInFlight.contains($0.key) }
      .map(\.value.nextAt).min()
  }

  private func ask(
    _ key: ProbeKey, _ probe: JSONValue, _ container: PodSpecification.Container,
    _ state: ProbeState
  ) async {
    let outcome = await ProbeRunner(runtime: node.runtime).run(
      probe, container: container, containerID: state.containerID,
      podAddress: pod.view.hostNetwork
        ? node.configuration.address : observed.sandbox?.address ?? "",
      timeoutSeconds: state.timeoutSeconds)
    probesInFlight.remove(key)
    defer { signal.set() }
    guard probes[key]?.containerID == state.containerID else { return }
    if outcome.isUnknown {
      probes[key]?.postpone(at: .now)
      return
    }
    probes[key]?.record(success: outcome.isSuccess, at: .now)
    if !outcome.isSuccess, !isOrphan, !pod.view.isBeingDeleted {
      event(
        "Unhealthy", "\(key.kind.title) probe failed: \(outcome.message)", .warning,
        container: key.container)
    }
  }

  /// Running containers whose startup probe, if any, has passed.
  var started: Set<String> {
    Set(
      pod.allContainers.map(\.name).filter { name in
        running(name) != nil
          && probes[ProbeKey(container: name, kind: .startup)]?.hasPassed ?? true
      })
  }

  var readyContainers: Set<String> {
    Set(
      pod.allContainers.map(\.name).filter { name in
        running(name) != nil
          && probes[ProbeKey(container: name, kind: .readiness)]?.hasPassed ?? true
      })
  }

  var failedProbes: [String: String] {
    var result: [String: String] = [:]
    for (key, state) in probes where state.hasFailed && key.kind != .readiness {
      result[key.container] =
        "Container \(key.container) failed \(key.kind.rawValue) probe, will be restarted"
    }
    return result
  }
}
