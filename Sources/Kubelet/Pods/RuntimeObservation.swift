import ContainerRuntime
import KubernetesAPI

extension Timestamp {
  init(nanoseconds: Int64) { self.init(microseconds: nanoseconds / 1000) }
}

extension ObservedPod.Sandbox {
  init(_ sandbox: PodSandbox) {
    self.init(
      id: sandbox.id, isReady: sandbox.state == .sandboxReady,
      attempt: Int(sandbox.metadata.attempt),
      createdAt: Timestamp(nanoseconds: sandbox.createdAt))
  }
}

extension ObservedPod.Container {
  init(_ container: Container) {
    self.init(
      id: container.id, name: container.metadata.name, sandboxID: container.podSandboxID,
      attempt: Int(container.metadata.attempt), state: .unknown,
      image: container.image.image, imageID: container.imageRef,
      createdAt: Timestamp(nanoseconds: container.createdAt))
    switch container.state {
    case .containerCreated: state = .created
    case .containerRunning: state = .running
    case .containerExited: state = .exited
    default: state = .unknown
    }
  }

  /// Adds what only a container's own status tells.
  mutating func add(_ status: ContainerStatus) {
    switch status.state {
    case .containerCreated: state = .created
    case .containerRunning: state = .running
    case .containerExited: state = .exited
    default: state = .unknown
    }
    exitCode = Int(status.exitCode)
    if status.startedAt > 0 { startedAt = Timestamp(nanoseconds: status.startedAt) }
    if status.finishedAt > 0 { finishedAt = Timestamp(nanoseconds: status.finishedAt) }
    reason = status.reason
    message = status.message
    if !status.image.image.isEmpty { image = status.image.image }
    if !status.imageRef.isEmpty { imageID = status.imageRef }
  }
}
