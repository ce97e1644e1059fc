import JSONDocument
import KubernetesAPI

/// What a pod's worker reads of a Pod object.
struct PodSpecification: Sendable, Hashable {
  struct Container: Sendable, Hashable {
    var name: String
    var image: String
    var pullPolicy: String
    /// An init container that keeps running beside the others (KEP-753).
    var isSidecar: Bool
    var json: JSONValue
  }

  enum RestartPolicy: String, Sendable {
    case always = "Always"
    case onFailure = "OnFailure"
    case never = "Never"
  }

  var view: PodView
  var containers: [Container]
  var initContainers: [Container]
  var restartPolicy: RestartPolicy

  init(_ json: JSONValue) {
    view = PodView(json)
    containers = view.containers.map(Self.container)
    initContainers = view.initContainers.map(Self.container)
    restartPolicy = RestartPolicy(rawValue: view.restartPolicy) ?? .always
  }

  private static func container(_ json: JSONValue) -> Container {
    Container(
      name: json["name"]?.stringValue ?? "", image: json["image"]?.stringValue ?? "",
      pullPolicy: json["imagePullPolicy"]?.stringValue ?? "IfNotPresent",
      isSidecar: json["restartPolicy"]?.stringValue == "Always", json: json)
  }

  var allContainers: [Container] { initContainers + containers }

  func container(named name: String) -> Container? { allContainers.first { $0.name == name } }

  var gracePeriodSeconds: Int64 {
    view.json.at("metadata", "deletionGracePeriodSeconds")?.intValue
      ?? view.terminationGracePeriodSeconds
  }

  func shouldRestart(exitCode: Int) -> Bool {
    switch restartPolicy {
    case .always: true
    case .onFailure: exitCode != 0
    case .never: false
    }
  }
}
