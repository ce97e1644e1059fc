import JSONDocument
import Keyspace
import KubernetesAPI

/// The admission plugins of this server, by upstream's names. Each can be switched off.
enum AdmissionPlugin {
  static let namespaceLifecycle = "NamespaceLifecycle"
  static let serviceAccount = "ServiceAccount"
  static let defaultTolerationSeconds = "DefaultTolerationSeconds"
  static let priority = "Priority"
  static let taintNodesByCondition = "TaintNodesByCondition"
}

extension Registry {
  /// Changes that must be there before defaults are filled in.
  func admitCreateEarly(
    _ object: inout JSONValue, _ info: ResourceInfo, _ context: RequestContext
  ) async throws(APIStatus) {
    if info.resource == "certificatesigningrequests" {
      // Who asks is what the server knows, not what the request says.
      let user = RequestDispatcher.describe(context.user)
      for field in ["username", "uid", "groups", "extra"] {
        object.set(user[field], at: "spec", field)
      }
    }
    if info.isPods {
      if configuration.isEnabled(AdmissionPlugin.priority) {
        try admitPriority(&object, info)
      }
      if configuration.isEnabled(AdmissionPlugin.serviceAccount) {
        try await admitServiceAccount(&object, info)
      }
    }
  }

  func admitCreate(
    _ object: inout JSONValue, _ info: ResourceInfo, _ context: RequestContext
  ) async throws(APIStatus) {
    if info.isPods {
      if configuration.isEnabled(AdmissionPlugin.defaultTolerationSeconds) {
        admitTolerations(&object)
      }
      try checkPrivileged(object, info)
    }
    if info.group.isEmpty, info.resource == "nodes",
      configuration.isEnabled(AdmissionPlugin.taintNodesByCondition)
    {
      // No pod may be placed before the node's conditions are known to be good.
      var taints = object.at("spec", "taints")?.arrayValue ?? []
      let key = "node.kubernetes.io/not-ready"
      if !taints.contains(where: { $0["key"]?.stringValue == key }) {
        taints.append(["key": .string(key), "effect": "NoSchedule"])
        object.set(.array(taints), at: "spec", "taints")
      }
    }
  }

  func admitUpdate(
    _ object: inout JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) async throws(APIStatus) {
    if info.isPods, subresource.isEmpty { try checkPrivileged(object, info) }
  }

  private static let phasePath = [Array("status".utf8), Array("phase".utf8)]
  private static let deletionPath = [Array("metadata".utf8), Array("deletionTimestamp".utf8)]

  /// Nothing new comes into a namespace that is missing or going away.
  ///
  /// - Returns: a compare that makes the write fail if the namespace begins to go meanwhile.
  func namespaceGuard(_ info: ResourceInfo, namespace: String?, object: JSONValue)
    async throws(APIStatus) -> Compare?
  {
    guard info.namespaced, let namespace,
      configuration.isEnabled(AdmissionPlugin.namespaceLifecycle)
    else { return nil }
    let key = Key(resource: "namespaces", group: "", namespace: "", name: namespace)
    guard let entry = try await entry(key) else {
      throw .notFound(.namespaces, name: namespace)
    }
    if let phase = JSONScan.range(of: Self.phasePath, in: entry.value),
      entry.value[phase].elementsEqual("\"Active\"".utf8),
      JSONScan.range(of: Self.deletionPath, in: entry.value) == nil
    {
      return nil
    }
    let value = try ObjectCodec.parse(entry.value, key: key)
    guard value.isBeingDeleted || value.at("status", "phase")?.stringValue == "Terminating" else {
      return nil
    }
    var failure = APIStatus.forbidden(
      info.gvr, name: object.name,
      "unable to create new content in namespace \(namespace) because it is being terminated")
    failure.causes = [
      APIStatus.Cause(
        reason: "NamespaceTerminating",
        message: "namespace \(namespace) is being terminated", field: "metadata.namespace")
    ]
    throw failure
  }

  /// Pods leave an unreachable node after five minutes unless they say otherwise.
  private func admitTolerations(_ object: inout JSONValue) {
    var tolerations = object.at("spec", "tolerations")?.arrayValue ?? []
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
      let isTolerated = tolerations.contains { toleration in
        let name = toleration["key"]?.stringValue ?? ""
        let effect = toleration["effect"]?.stringValue ?? ""
        return (name == key || name.isEmpty) && (effect == "NoExecute" || effect.isEmpty)
      }
      if !isTolerated {
        tolerations.append([
          "key": .string(key), "operator": "Exists", "effect": "NoExecute",
          "tolerationSeconds": 300,
        ])
      }
    }
    object.set(.array(tolerations), at: "spec", "tolerations")
  }

  private func admitPriority(_ object: inout JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    let reader = store.current()
    let name = object.at("spec", "priorityClassName")?.stringValue ?? ""
    var value: Int64 = 0
    var policy = "PreemptLowerPriority"
    if !name.isEmpty {
      switch name {
      case "system-cluster-critical": value = 2_000_000_000
      case "system-node-critical": value = 2_000_001_000
      default:
        let key = Key(
          resource: "priorityclasses", group: "scheduling.k8s.io", namespace: "", name: name)
        guard let entry = reader.get(key) else {
          throw .forbidden(
            info.gvr, name: object.name, "no PriorityClass with name \(name) was found")
        }
        let priority = try ObjectCodec.parse(entry.value, key: key)
        value = priority["value"]?.intValue ?? 0
        policy = priority["preemptionPolicy"]?.stringValue ?? policy
      }
    } else {
      let prefix = Key(
        resource: "priorityclasses", group: "scheduling.k8s.io", namespace: nil, name: "")
      for entry in reader.entries(prefix: prefix) {
        let priority = try ObjectCodec.parse(entry.value, key: entry.key)
        guard priority["globalDefault"]?.boolValue == true else { continue }
        object.set(.string(priority.name), at: "spec", "priorityClassName")
        value = priority["value"]?.intValue ?? 0
        policy = priority["preemptionPolicy"]?.stringValue ?? policy
      }
    }
    if let asked = object.at("spec", "priority")?.intValue, asked != value {
      throw .forbidden(
        info.gvr, name: object.name,
        "the integer value of priority (\(asked)) must not be provided in pod spec; "
          + "priority admission controller computed \(value) from the given PriorityClass name")
    }
    object.set(.int(value), at: "spec", "priority")
    if object.at("spec", "preemptionPolicy") == nil {
      object.set(.string(policy), at: "spec", "preemptionPolicy")
    }
  }

  private func checkPrivileged(_ object: JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    guard !configuration.allowPrivileged else { return }
    for list in ["initContainers", "containers"] {
      for (index, container) in (object.at("spec", list)?.arrayValue ?? []).enumerated()
      where container.at("securityContext", "privileged")?.boolValue == true {
        let error = FieldError(
          .forbidden, "spec.\(list)[\(index)].securityContext.privileged",
          "disallowed by cluster policy")
        throw APIStatus.invalid(
          kind: info.kind, group: info.group, name: object.name, errors: [error])
      }
    }
  }
}
