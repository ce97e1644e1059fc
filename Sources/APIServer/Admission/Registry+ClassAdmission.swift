import JSONDocument
import Keyspace
import KubernetesAPI

// Runtime, storage and ingress classes, and the protection of volumes in use.
extension Registry {
  /// The runtime class that a new pod names, which must exist.
  func runtimeClass(of pod: JSONValue, _ info: ResourceInfo) async throws(APIStatus) -> JSONValue? {
    let name = pod.at("spec", "runtimeClassName")?.stringValue ?? ""
    let asked = pod.at("spec", "overhead")?.objectValue ?? [:]
    guard !name.isEmpty else {
      if !asked.isEmpty {
        throw .forbidden(
          info.gvr, name: pod.name,
          "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
      }
      return nil
    }
    let key = Key(resource: "runtimeclasses", group: "node.k8s.io", namespace: "", name: name)
    guard let entry = try await entry(key) else {
      throw .forbidden(
        info.gvr, name: pod.name, "pod rejected: RuntimeClass \"\(name)\" not found")
    }
    return try ObjectCodec.parse(entry.value, key: key)
  }

  /// A pod of a runtime class has its overhead, and goes where its nodes are.
  func admit(runtimeClass runtime: JSONValue, to pod: inout JSONValue, _ info: ResourceInfo)
    throws(APIStatus)
  {
    let asked = pod.at("spec", "overhead")?.objectValue ?? [:]
    let overhead = runtime.at("overhead", "podFixed")
    let fixed = overhead?.objectValue ?? [:]
    if fixed.isEmpty, !asked.isEmpty {
      throw .forbidden(
        info.gvr, name: pod.name,
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    }
    if !fixed.isEmpty {
      if !asked.isEmpty,
        PodResources.amounts(overhead) != PodResources.amounts(pod.at("spec", "overhead"))
      {
        throw .forbidden(
          info.gvr, name: pod.name,
          "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
      }
      pod.set(overhead, at: "spec", "overhead")
    }
    let scheduling = runtime["scheduling"]
    for (label, value) in scheduling?["nodeSelector"]?.objectValue ?? [:] {
      if let own = pod.at("spec", "nodeSelector", label), own != value {
        throw .forbidden(
          info.gvr, name: pod.name,
          "conflict: runtimeClass.scheduling.nodeSelector[\(label)] = \(value.stringValue ?? ""); "
            + "pod.spec.nodeSelector[\(label)] = \(own.stringValue ?? "")")
      }
      pod.set(value, at: "spec", "nodeSelector", label)
    }
    var tolerations = pod.at("spec", "tolerations")?.arrayValue ?? []
    for toleration in scheduling?["tolerations"]?.arrayValue ?? []
    where !tolerations.contains(toleration) {
      tolerations.append(toleration)
    }
    if !tolerations.isEmpty { pod.set(.array(tolerations), at: "spec", "tolerations") }
  }

  /// Finalizers that keep what is in use, and the class of claims that name none.
  func admitStorage(_ object: inout JSONValue, _ info: ResourceInfo) {
    if configuration.isEnabled(AdmissionPlugin.storageObjectInUseProtection) {
      let name =
        switch info.resource {
        case "persistentvolumeclaims": "kubernetes.io/pvc-protection"
        case "persistentvolumes": "kubernetes.io/pv-protection"
        default: "kubernetes.io/vac-protection"
        }
      let finalizers = object.finalizers
      if !finalizers.contains(name) {
        object.set(
          .array((finalizers + [name]).map { .string($0) }), at: "metadata", "finalizers")
      }
    }
    guard info.resource == "persistentvolumeclaims",
      configuration.isEnabled(AdmissionPlugin.defaultStorageClass),
      object.at("spec", "storageClassName").map(\.isNull) ?? true,
      object.annotations["volume.beta.kubernetes.io/storage-class"] == nil
    else { return }
    let names = [
      "storageclass.kubernetes.io/is-default-class",
      "storageclass.beta.kubernetes.io/is-default-class",
    ]
    if let name = newestDefault("storageclasses", group: "storage.k8s.io", annotations: names) {
      object.set(.string(name), at: "spec", "storageClassName")
    }
  }

  func admitIngressClass(_ object: inout JSONValue) {
    guard configuration.isEnabled(AdmissionPlugin.defaultIngressClass),
      object.at("spec", "ingressClassName").map(\.isNull) ?? true,
      object.annotations["kubernetes.io/ingress.class"] == nil,
      let name = newestDefault(
        "ingressclasses", group: "networking.k8s.io",
        annotations: ["ingressclass.kubernetes.io/is-default-class"])
    else { return }
    object.set(.string(name), at: "spec", "ingressClassName")
  }

  /// Of the classes that are marked as default the newest; of two of one second the first by name.
  private func newestDefault(_ resource: String, group: String, annotations: [String]) -> String? {
    let prefix = Key(resource: resource, group: group, namespace: nil, name: "")
    var newest: (time: String, name: String)?
    for entry in store.current().entries(prefix: prefix) {
      guard let value = try? JSONValue(parsing: entry.value),
        annotations.contains(where: { value.annotations[$0] == "true" })
      else { continue }
      let time = value.at("metadata", "creationTimestamp")?.stringValue ?? ""
      if newest.map({ time > $0.time }) ?? true { newest = (time, value.name) }
    }
    return newest?.name
  }

  /// A claim may only ask for more where its class lets volumes grow.
  func checkResize(of claim: JSONValue, old: JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    guard configuration.isEnabled(AdmissionPlugin.persistentVolumeClaimResize) else { return }
    func size(_ value: JSONValue) -> Quantity? {
      PodResources.amounts(value.at("spec", "resources", "requests"))["storage"]
    }
    guard let before = size(old), let after = size(claim), after > before else { return }
    guard old.at("status", "phase")?.stringValue == "Bound" else {
      throw .forbidden(
        info.gvr, name: claim.name, "Only bound persistent volume claims can be expanded")
    }
    func storageClass(_ value: JSONValue) -> String {
      value.annotations["volume.beta.kubernetes.io/storage-class"]
        ?? value.at("spec", "storageClassName")?.stringValue ?? ""
    }
    let name = storageClass(claim)
    let key = Key(resource: "storageclasses", group: "storage.k8s.io", namespace: "", name: name)
    guard !name.isEmpty, name == storageClass(old), let entry = store.current().get(key),
      try ObjectCodec.parse(entry.value, key: key)["allowVolumeExpansion"]?.boolValue == true
    else {
      throw .forbidden(
        info.gvr, name: claim.name,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the "
          + "pvc must support resize")
    }
  }
}
