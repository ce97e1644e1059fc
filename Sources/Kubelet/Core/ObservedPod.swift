import KubernetesAPI

/// What the runtime holds of one pod.
struct ObservedPod: Sendable, Hashable {
  struct Sandbox: Sendable, Hashable {
    var id: String
    var isReady: Bool
    var attempt: Int
    var createdAt: Timestamp
    var address: String = ""
  }

  struct Container: Sendable, Hashable {
    enum State: Sendable, Hashable {
      case created
      case running
      case exited
      case unknown
    }

    var id: String
    var name: String
    var sandboxID: String
    /// Counts the instances of one container from 0: the restart count.
    var attempt: Int
    var state: State
    var image: String = ""
    var imageID: String = ""
    var exitCode: Int = 0
    var createdAt: Timestamp
    var startedAt: Timestamp? = nil
    var finishedAt: Timestamp? = nil
    /// E.g. `Error`, `OOMKilled`.
    var reason: String = ""
    var message: String = ""
  }

  /// Newest first.
  var sandboxes: [Sandbox] = []
  var containers: [Container] = []

  /// The sandbox that containers are started in.
  var sandbox: Sandbox? { sandboxes.first.flatMap { $0.isReady ? $0 : nil } }

  /// Newest first.
  func instances(of name: String) -> [Container] {
    containers.filter { $0.name == name }
      .sorted { ($0.attempt, $0.createdAt) > ($1.attempt, $1.createdAt) }
  }

  var runningContainers: [Container] {
    containers.filter { $0.state == .running || $0.state == .unknown }
  }
}
