/// The phase of a pod's life.
enum PodPhase: String, Sendable {
  case pending = "Pending"
  case running = "Running"
  case succeeded = "Succeeded"
  case failed = "Failed"

  /// Whether the pod has run to its end and will never run again.
  static func isFinished(pod: PodSpecification, observed: ObservedPod) -> Bool {
    let phase = of(pod: pod, observed: observed)
    return phase == .succeeded || phase == .failed
  }

  static func of(pod: PodSpecification, observed: ObservedPod) -> PodPhase {
    // An end is final, also when the runtime has forgotten the pod.
    if let known = PodPhase(rawValue: pod.view.phase), known == .succeeded || known == .failed {
      return known
    }
    if pod.restartPolicy == .never {
      for container in pod.initContainers where !container.isSidecar {
        if let last = observed.instances(of: container.name).first, last.state == .exited,
          last.exitCode != 0
        {
          return .failed
        }
      }
    }
    var hasStarted = false
    var running = 0
    var failed = 0
    var ended = 0
    for container in pod.containers {
      guard let last = observed.instances(of: container.name).first else { continue }
      switch last.state {
      case .running, .unknown:
        running += 1
        hasStarted = true
      case .created: break
      case .exited:
        hasStarted = true
        if pod.shouldRestart(exitCode: last.exitCode) { continue }
        ended += 1
        if last.exitCode != 0 { failed += 1 }
      }
    }
    if ended == pod.containers.count, ended > 0 { return failed > 0 ? .failed : .succeeded }
    return hasStarted || running > 0 ? .running : .pending
  }
}
