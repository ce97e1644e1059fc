import JSONDocument

/// What a node may write of what it may write at all. Pure.
enum NodeRestriction {
  enum Operation: Sendable { case create, update, delete }

  /// Labels of Kubernetes' own domains that a node may give itself.
  private static let ownLabels: Set<String> = [
    "kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os",
    "beta.kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.kubernetes.io/region",
    "failure-domain.kubernetes.io/zone", "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
  ]

  static func isOwn(label: String) -> Bool {
    guard let slash = label.firstIndex(of: "/") else { return true }
    let domain = String(label[..<slash])
    func isWithin(_ parents: [String]) -> Bool {
      parents.contains { domain == $0 || domain.hasSuffix("." + $0) }
    }
    if !isWithin(["kubernetes.io", "k8s.io"]) || ownLabels.contains(label) { return true }
    return isWithin(["kubelet.kubernetes.io", "node.kubernetes.io"])
  }

  /// Why a node may not do this to a Node object; nil if it may.
  static func refusal(
    node: String, _ operation: Operation, nodeObject new: JSONValue, old: JSONValue?
  ) -> String? {
    let name = operation == .delete ? old?.name ?? "" : new.name
    guard name == node else {
      return "node \"\(node)\" is not allowed to modify node \"\(name)\""
    }
    guard operation != .delete else { return nil }
    if new.at("spec", "configSource").map({ !$0.isNull }) ?? false,
      new.at("spec", "configSource") != old?.at("spec", "configSource")
    {
      return operation == .create
        ? "node \"\(node)\" is not allowed to create pods with a non-nil configSource"
        : "node \"\(node)\" is not allowed to update configSource to a new non-nil configSource"
    }
    if let old, new.at("spec", "taints") ?? [] != old.at("spec", "taints") ?? [] {
      return "node \"\(node)\" is not allowed to modify taints"
    }
    if let old,
      new.at("metadata", "ownerReferences") ?? [] != old.at("metadata", "ownerReferences") ?? []
    {
      return "node \"\(node)\" is not allowed to modify ownerReferences"
    }
    let before = old?.labels ?? [:]
    let after = new.labels
    let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
    let forbidden = changed.filter { !isOwn(label: $0) }.sorted()
    guard forbidden.isEmpty else {
      let verb = operation == .create ? "set" : "modify"
      return "is not allowed to \(verb) the following labels: "
        + forbidden.joined(separator: ", ")
    }
    return nil
  }

  /// Why a node may not do this to a pod; nil if it may.
  static func refusal(
    node: String, _ operation: Operation, pod new: JSONValue, old: JSONValue?, subresource: String
  ) -> String? {
    func bound(_ pod: JSONValue?) -> String { pod?.at("spec", "nodeName")?.stringValue ?? "" }
    switch (operation, subresource) {
    case (.create, ""): return refusal(node: node, mirrorPod: new)
    case (.delete, ""):
      return bound(old) == node
        ? nil : "node \"\(node)\" can only delete pods with spec.nodeName set to itself"
    case (.update, "status"):
      guard bound(old) == node else {
        return "node \"\(node)\" can only update pod status for pods with spec.nodeName set to "
          + "itself"
      }
      return new.labels == old?.labels ?? [:]
        ? nil : "node \"\(node)\" cannot update labels through pod status"
    case (.create, "eviction"):
      return bound(old) == node
        ? nil : "node \"\(node)\" can only evict pods with spec.nodeName set to itself"
    default: return "unexpected operation on pods by node \"\(node)\""
    }
  }

  /// A node creates only the images of pods that it has from its own files.
  private static func refusal(node: String, mirrorPod pod: JSONValue) -> String? {
    guard pod.annotations["kubernetes.io/config.mirror"] != nil else {
      return "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"\(node)\" can "
        + "only create mirror pods"
    }
    guard pod.at("spec", "nodeName")?.stringValue == node else {
      return "node \"\(node)\" can only create pods with spec.nodeName set to itself"
    }
    let owners = pod.at("metadata", "ownerReferences")?.arrayValue ?? []
    guard owners.count <= 1 else {
      return "node \"\(node)\" can only create pods with a single owner reference set to itself"
    }
    if let owner = owners.first {
      guard owner["apiVersion"]?.stringValue == "v1", owner["kind"]?.stringValue == "Node",
        owner["name"]?.stringValue == node
      else { return "node \"\(node)\" can only create pods with an owner reference set to itself" }
      guard owner["blockOwnerDeletion"]?.boolValue != true else {
        return "node \"\(node)\" must not set blockOwnerDeletion on an owner reference"
      }
    }
    if !(pod.at("spec", "serviceAccountName")?.stringValue ?? "").isEmpty {
      return "node \"\(node)\" can not create pods that reference a service account"
    }
    var copy = pod
    copy.set(nil, at: "metadata", "annotations", "kubernetes.io/config.mirror")
    for target in NodeGraph.targets(of: copy) {
      switch target.kind {
      case .secret: return "node \"\(node)\" can not create pods that reference secrets"
      case .configMap: return "node \"\(node)\" can not create pods that reference configmaps"
      case .claim:
        return "node \"\(node)\" can not create pods that reference persistentvolumeclaims"
      case .resourceClaim:
        return "node \"\(node)\" can not create pods that reference resourceclaims"
      case .serviceAccount: break
      }
    }
    for volume in pod.at("spec", "volumes")?.arrayValue ?? [] {
      for source in volume.at("projected", "sources")?.arrayValue ?? []
      where source["serviceAccountToken"] != nil {
        return "node \"\(node)\" can not create pods that reference a service account"
      }
    }
    return nil
  }

  /// Why a node may not change a claim so; nil if it may.
  static func refusal(node: String, claim new: JSONValue, old: JSONValue, subresource: String)
    -> String?
  {
    guard subresource == "status" else {
      return "unexpected operation on persistentvolumeclaims by node \"\(node)\""
    }
    func rest(_ claim: JSONValue) -> JSONValue {
      var claim = claim
      for field in ["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"] {
        claim.set(nil, at: "status", field)
      }
      for field in ["managedFields", "resourceVersion"] { claim.set(nil, at: "metadata", field) }
      if claim["status"]?.objectValue?.isEmpty ?? false { claim["status"] = nil }
      return claim
    }
    if rest(new) == rest(old) { return nil }
    return "node \"\(node)\" is not allowed to update fields other than status.quantity and "
      + "status.conditions"
  }
}
