import JSONDocument

/// What an object takes of a namespace's quotas. Pure.
public enum QuotaUsage {
  /// Kinds that quotas know by their plain names, besides `count/...`.
  private static let plain: Set<String> = [
    "configmaps", "secrets", "replicationcontrollers", "resourcequotas", "services",
    "persistentvolumeclaims", "pods",
  ]

  /// Kinds whose usage depends on more than that they exist.
  public static func dependsOnContent(_ resource: GroupVersionResource) -> Bool {
    switch resource.group {
    case "": ["pods", "services", "persistentvolumeclaims"].contains(resource.resource)
    case "resource.k8s.io": resource.resource == "resourceclaims"
    default: false
    }
  }

  /// Amounts by quota resource name.
  ///
  /// - Parameter nowSeconds: since 1970; a pod that should be gone by then counts no more.
  public static func of(
    _ object: JSONValue, _ resource: GroupVersionResource, nowSeconds: Int64
  ) -> [String: Quantity] {
    let one = Quantity(1)
    var usage = ["count/\(resource)": one]
    if resource.group.isEmpty, plain.contains(resource.resource), resource.resource != "pods" {
      usage[resource.resource] = one
    }
    switch "\(resource)" {
    case "pods": addPod(object, nowSeconds, to: &usage)
    case "services": addService(object, to: &usage)
    case "persistentvolumeclaims": addClaim(object, to: &usage)
    case "resourceclaims.resource.k8s.io": addDevices(object, to: &usage)
    default: break
    }
    return usage
  }

  /// Whether objects of `resource` count towards the quota resource `name`.
  public static func tracks(_ name: String, _ resource: GroupVersionResource) -> Bool {
    if name == "count/\(resource)" { return true }
    guard resource.group.isEmpty else {
      return resource.group == "resource.k8s.io" && resource.resource == "resourceclaims"
        && name.hasSuffix(".deviceclass.resource.k8s.io/devices")
    }
    switch resource.resource {
    case "pods": return tracksPods(name)
    case "services": return name == "services" || name.hasPrefix("services.")
    case "persistentvolumeclaims":
      return name == "persistentvolumeclaims" || name == "requests.storage"
        || name.contains(".storageclass.storage.k8s.io/")
    default: return plain.contains(resource.resource) && name == resource.resource
    }
  }

  private static let podNames: Set<String> = [
    "pods", "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
  ]

  private static func tracksPods(_ name: String) -> Bool {
    if podNames.contains(name) || name.hasPrefix("hugepages-")
      || name.hasPrefix("requests.hugepages-")
    {
      return true
    }
    // Extended resources such as requests.example.com/gpu.
    return name.hasPrefix("requests.") && name.contains("/")
  }

  private static func addPod(
    _ pod: JSONValue, _ now: Int64, to usage: inout [String: Quantity]
  ) {
    guard counts(pod: pod, nowSeconds: now) else { return }
    usage["pods"] = Quantity(1)
    for (name, amount) in PodResources.total(of: pod, .requests) {
      switch name {
      case "cpu", "memory", "ephemeral-storage":
        usage[name] = amount
        usage["requests.\(name)"] = amount
      case _ where name.hasPrefix("hugepages-"):
        usage[name] = amount
        usage["requests.\(name)"] = amount
      case _ where name.contains("/"): usage["requests.\(name)"] = amount
      default: break
      }
    }
    for (name, amount) in PodResources.total(of: pod, .limits)
    where ["cpu", "memory", "ephemeral-storage"].contains(name) {
      usage["limits.\(name)"] = amount
    }
  }

  /// Finished pods take nothing, nor do those that nobody will see the end of.
  private static func counts(pod: JSONValue, nowSeconds: Int64) -> Bool {
    let phase = pod.at("status", "phase")?.stringValue
    if phase == "Succeeded" || phase == "Failed" { return false }
    if let text = pod.at("metadata", "deletionTimestamp")?.stringValue,
      let grace = pod.at("metadata", "deletionGracePeriodSeconds")?.intValue,
      let time = Timestamp(parsing: text), nowSeconds > time.seconds &+ grace
    {
      return false
    }
    return true
  }

  private static func addService(_ service: JSONValue, to usage: inout [String: Quantity]) {
    let ports = service.at("spec", "ports")?.arrayValue ?? []
    var nodePorts = 0
    var balancers = 0
    switch service.at("spec", "type")?.stringValue {
    case "NodePort": nodePorts = ports.count
    case "LoadBalancer":
      balancers = 1
      nodePorts =
        service.at("spec", "allocateLoadBalancerNodePorts")?.boolValue == false
        ? ports.filter { ($0["nodePort"]?.intValue ?? 0) != 0 }.count : ports.count
    default: break
    }
    usage["services.nodeports"] = Quantity(Int64(nodePorts))
    usage["services.loadbalancers"] = Quantity(Int64(balancers))
  }

  private static func addClaim(_ claim: JSONValue, to usage: inout [String: Quantity]) {
    let text = claim.at("spec", "resources", "requests", "storage")
    guard let asked = text.flatMap({ Quantity(parsing: $0.stringValue ?? $0.text) }) else { return }
    // While a volume shrinks back after a failed expansion, what it may still hold counts.
    let allocated = claim.at("status", "allocatedResources", "storage")
      .flatMap { Quantity(parsing: $0.stringValue ?? $0.text) }
    let storage = max(asked, allocated ?? asked)
    usage["requests.storage"] = storage
    let old = claim.at("metadata", "annotations")?["volume.beta.kubernetes.io/storage-class"]
    let name = (old ?? claim.at("spec", "storageClassName"))?.stringValue ?? ""
    guard !name.isEmpty else { return }
    usage["\(name).storageclass.storage.k8s.io/requests.storage"] = storage
    usage["\(name).storageclass.storage.k8s.io/persistentvolumeclaims"] = Quantity(1)
  }

  private static func addDevices(_ claim: JSONValue, to usage: inout [String: Quantity]) {
    for request in claim.at("spec", "devices", "requests")?.arrayValue ?? [] {
      var largest: [String: Int64] = [:]
      let exact = request["exactly"].map { [$0] } ?? []
      for choice in exact + (request["firstAvailable"]?.arrayValue ?? []) {
        guard let name = choice["deviceClassName"]?.stringValue else { continue }
        // All devices of a pool are at most as many as one allocation may hold.
        let count =
          choice["allocationMode"]?.stringValue == "All" ? 32 : choice["count"]?.intValue ?? 1
        largest[name] = max(largest[name] ?? 0, count)
      }
      for (name, count) in largest {
        let key = "\(name).deviceclass.resource.k8s.io/devices"
        usage[key] = (usage[key] ?? .zero) + Quantity(count)
      }
    }
  }
}
