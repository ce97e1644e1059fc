import JSONDocument

/// What schedulers, controllers and kubelets ask of a pod.
public struct PodView: Sendable, Hashable {
  public var object: ObjectView

  public init(_ json: JSONValue) { object = ObjectView(json) }

  public var json: JSONValue {
    get { object.json }
    set { object.json = newValue }
  }

  public var name: String { object.name }
  public var namespace: String { object.namespace }
  public var uid: String { object.uid }
  public var labels: JSONObject { object.labels }

  /// Empty until the scheduler has bound the pod.
  public var nodeName: String { json.at("spec", "nodeName")?.stringValue ?? "" }
  /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
  public var phase: String { json.at("status", "phase")?.stringValue ?? "" }
  public var podIP: String { json.at("status", "podIP")?.stringValue ?? "" }
  public var hostIP: String { json.at("status", "hostIP")?.stringValue ?? "" }
  public var restartPolicy: String {
    json.at("spec", "restartPolicy")?.stringValue ?? "Always"
  }
  public var schedulerName: String {
    json.at("spec", "schedulerName")?.stringValue ?? "default-scheduler"
  }
  public var hostNetwork: Bool { json.at("spec", "hostNetwork")?.boolValue ?? false }
  public var nodeSelector: JSONObject { json.at("spec", "nodeSelector")?.objectValue ?? [:] }
  public var tolerations: [JSONValue] { json.at("spec", "tolerations")?.arrayValue ?? [] }
  public var containers: [JSONValue] { json.at("spec", "containers")?.arrayValue ?? [] }
  public var initContainers: [JSONValue] { json.at("spec", "initContainers")?.arrayValue ?? [] }
  public var volumes: [JSONValue] { json.at("spec", "volumes")?.arrayValue ?? [] }
  public var conditions: [JSONValue] { json.at("status", "conditions")?.arrayValue ?? [] }
  public var containerStatuses: [JSONValue] {
    json.at("status", "containerStatuses")?.arrayValue ?? []
  }
  public var terminationGracePeriodSeconds: Int64 {
    json.at("spec", "terminationGracePeriodSeconds")?.intValue ?? 30
  }

  public var isReady: Bool { object.conditionIsTrue("Ready") }
  /// Whether it will never run again.
  public var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
  public var isBeingDeleted: Bool { object.isBeingDeleted }

  /// What the scheduler reserves for a resource: the sum over containers, or the largest init
  /// container where that is more; sidecars (init containers that restart) add up. Plus overhead.
  public func requests(_ resource: String) -> Quantity {
    func request(_ container: JSONValue) -> Quantity {
      container.at("resources", "requests")?[resource]?.stringValue
        .flatMap(Quantity.init(parsing:)) ?? .zero
    }
    var total = Quantity.zero
    for container in containers { total += request(container) }
    var sidecars = Quantity.zero
    var initial = Quantity.zero
    for container in initContainers {
      if container["restartPolicy"] == "Always" {
        sidecars += request(container)
        initial = max(initial, sidecars)
      } else {
        initial = max(initial, sidecars + request(container))
      }
    }
    total = max(total + sidecars, initial)
    let overhead = json.at("spec", "overhead")?[resource]?.stringValue
    if let overhead = overhead.flatMap(Quantity.init(parsing:)) { total += overhead }
    return total
  }
}
