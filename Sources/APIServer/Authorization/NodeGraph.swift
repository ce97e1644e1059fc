import JSONDocument

/// What each node needs, by the pods that are bound to it. Pure.
struct NodeGraph: Sendable {
  enum Kind: Sendable, Hashable { case secret, configMap, claim, serviceAccount, resourceClaim }

  /// Something in a namespace that a pod refers to.
  struct Target: Sendable, Hashable {
    var kind: Kind
    var namespace: String
    var name: String
  }

  private struct Pod: Sendable {
    var node: String
    var targets: Set<Target>
  }

  private var pods: [String: Pod] = [:]
  /// By node, how many of its pods refer to each thing.
  private var counts: [String: [Target: Int]] = [:]

  /// Notes a pod as it is now; `nil` for one that is gone.
  mutating func set(_ key: String, _ pod: JSONValue?) {
    if let old = pods.removeValue(forKey: key) {
      for target in old.targets {
        let count = (counts[old.node]?[target] ?? 1) - 1
        counts[old.node]?[target] = count > 0 ? count : nil
      }
      if counts[old.node]?.isEmpty == true { counts[old.node] = nil }
    }
    guard let pod, let node = pod.at("spec", "nodeName")?.stringValue, !node.isEmpty else {
      return
    }
    let targets = Self.targets(of: pod)
    pods[key] = Pod(node: node, targets: targets)
    for target in targets { counts[node, default: [:]][target, default: 0] += 1 }
  }

  func needs(node: String, _ target: Target) -> Bool { counts[node]?[target] != nil }

  /// The volume claims that a node's pods use in a namespace.
  func claims(ofNode node: String, namespace: String) -> [String] {
    (counts[node] ?? [:]).keys.filter { $0.kind == .claim && $0.namespace == namespace }
      .map(\.name)
  }

  /// What a pod refers to. Mirror pods get nothing: their nodes made them up.
  static func targets(of pod: JSONValue) -> Set<Target> {
    var targets: Set<Target> = []
    guard pod.annotations["kubernetes.io/config.mirror"] == nil else { return targets }
    let namespace = pod.namespace
    func add(_ kind: Kind, _ name: JSONValue?) {
      guard let name = name?.stringValue, !name.isEmpty else { return }
      targets.insert(Target(kind: kind, namespace: namespace, name: name))
    }
    guard let spec = pod["spec"] else { return targets }
    add(.serviceAccount, spec["serviceAccountName"])
    for secret in spec["imagePullSecrets"]?.arrayValue ?? [] { add(.secret, secret["name"]) }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
      for container in spec[list]?.arrayValue ?? [] {
        for source in container["envFrom"]?.arrayValue ?? [] {
          add(.secret, source.at("secretRef", "name"))
          add(.configMap, source.at("configMapRef", "name"))
        }
        for variable in container["env"]?.arrayValue ?? [] {
          add(.secret, variable.at("valueFrom", "secretKeyRef", "name"))
          add(.configMap, variable.at("valueFrom", "configMapKeyRef", "name"))
        }
      }
    }
    for volume in spec["volumes"]?.arrayValue ?? [] {
      add(.secret, volume.at("secret", "secretName"))
      add(.configMap, volume.at("configMap", "name"))
      add(.claim, volume.at("persistentVolumeClaim", "claimName"))
      if volume["ephemeral"] != nil, let name = volume["name"]?.stringValue {
        add(.claim, .string("\(pod.name)-\(name)"))
      }
      for source in volume.at("projected", "sources")?.arrayValue ?? [] {
        add(.secret, source.at("secret", "name"))
        add(.configMap, source.at("configMap", "name"))
      }
      // Drivers that have their secrets in the volume itself.
      for driver in ["csi", "cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
        add(.secret, volume.at(driver, "secretRef", "name"))
        add(.secret, volume.at(driver, "nodePublishSecretRef", "name"))
      }
      add(.secret, volume.at("azureFile", "secretName"))
    }
    for claim in spec["resourceClaims"]?.arrayValue ?? [] {
      add(.resourceClaim, claim["resourceClaimName"])
    }
    for status in pod.at("status", "resourceClaimStatuses")?.arrayValue ?? [] {
      add(.resourceClaim, status["resourceClaimName"])
    }
    add(.resourceClaim, pod.at("status", "extendedResourceClaimStatus", "resourceClaimName"))
    return targets
  }

  /// Whether a persistent volume names a secret of a namespace.
  static func refers(volume: JSONValue, toSecret name: String, namespace: String) -> Bool {
    guard let sources = volume["spec"]?.objectValue else { return false }
    let claimNamespace = volume.at("spec", "claimRef", "namespace")?.stringValue ?? ""
    for (_, source) in sources {
      guard let members = source.objectValue else { continue }
      for (member, reference) in members {
        if member.hasSuffix("SecretRef") || member == "secretRef" {
          let own = reference["namespace"]?.stringValue ?? ""
          let place = own.isEmpty ? claimNamespace : own
          if reference["name"]?.stringValue == name, place == namespace { return true }
        }
        if member == "secretName", reference.stringValue == name {
          let own = source["secretNamespace"]?.stringValue ?? ""
          if (own.isEmpty ? claimNamespace : own) == namespace { return true }
        }
      }
    }
    return false
  }
}
