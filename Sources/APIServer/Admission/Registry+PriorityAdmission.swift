import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  private static let priorityClasses = Key(
    resource: "priorityclasses", group: "scheduling.k8s.io", namespace: nil, name: "")

  private static let globalDefaultPath = [Array("globalDefault".utf8)]

  /// The number that a pod's priority class stands for, with which what the pod says must agree.
  func priority(of object: JSONValue, _ info: ResourceInfo) throws(APIStatus)
    -> PodSurroundings.Priority
  {
    let reader = store.current()
    let name = object.at("spec", "priorityClassName")?.stringValue ?? ""
    var defaultClass: String?
    var value: Int64 = 0
    var policy = "PreemptLowerPriority"
    if !name.isEmpty {
      let key = Key(
        resource: "priorityclasses", group: "scheduling.k8s.io", namespace: "", name: name)
      if let entry = reader.get(key) {
        let priority = try ObjectCodec.parse(entry.value, key: key)
        value = priority["value"]?.intValue ?? 0
        policy = priority["preemptionPolicy"]?.stringValue ?? policy
      } else {
        switch name {
        case "system-cluster-critical": value = 2_000_000_000
        case "system-node-critical": value = 2_000_001_000
        default:
          throw .forbidden(
            info.gvr, name: object.name, "no PriorityClass with name \(name) was found")
        }
      }
    } else if let priority = try globalDefault(reader) {
      defaultClass = priority.name
      value = priority["value"]?.intValue ?? 0
      policy = priority["preemptionPolicy"]?.stringValue ?? policy
    }
    func refuse(_ what: String, _ given: String, _ computed: String) -> APIStatus {
      .forbidden(
        info.gvr, name: object.name,
        "the \(what) (\(given)) must not be provided in pod spec; priority admission controller "
          + "computed \(computed) from the given PriorityClass name")
    }
    if let asked = object.at("spec", "priority")?.intValue, asked != value {
      throw refuse("integer value of priority", "\(asked)", "\(value)")
    }
    if let asked = object.at("spec", "preemptionPolicy")?.stringValue, asked != policy {
      throw refuse("string value of PreemptionPolicy", asked, policy)
    }
    return PodSurroundings.Priority(
      defaultClass: defaultClass, value: value, preemptionPolicy: policy)
  }

  /// Gives a pod the number that its priority class stands for.
  func admit(_ priority: PodSurroundings.Priority, to object: inout JSONValue) {
    if let name = priority.defaultClass {
      object.set(.string(name), at: "spec", "priorityClassName")
    }
    object.set(.int(priority.value), at: "spec", "priority")
    object.set(.string(priority.preemptionPolicy), at: "spec", "preemptionPolicy")
  }

  /// The class of pods that name none: of several, the one with the lowest value.
  private func globalDefault(_ reader: any KeyspaceReader) throws(APIStatus) -> JSONValue? {
    var found: JSONValue?
    for entry in reader.entries(prefix: Self.priorityClasses) {
      // Hardly any class says so, and every pod asks.
      guard JSONScan.range(of: Self.globalDefaultPath, in: entry.value) != nil else { continue }
      let priority = try ObjectCodec.parse(entry.value, key: entry.key)
      guard priority["globalDefault"]?.boolValue == true else { continue }
      if let known = found?["value"]?.intValue, known <= priority["value"]?.intValue ?? 0 {
        continue
      }
      found = priority
    }
    return found
  }

  func checkGlobalDefault(_ object: JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    guard configuration.isEnabled(AdmissionPlugin.priority),
      object["globalDefault"]?.boolValue == true,
      let present = try globalDefault(store.current()), present.name != object.name
    else { return }
    throw .forbidden(
      info.gvr, name: object.name,
      "PriorityClass \(present.name) is already marked as default. Only one default can exist")
  }
}
