import JSONDocument
import KubernetesAPI

/// What a Service's fields become before it is checked: kept where a caller left out what was
/// given out, dropped where its type has no use for them any more, and the families of its
/// addresses.
enum ServiceFields {
  private static func type(_ service: JSONValue) -> String {
    service.at("spec", "type")?.stringValue ?? "ClusterIP"
  }

  private static func hasAddress(_ type: String) -> Bool {
    ["ClusterIP", "NodePort", "LoadBalancer"].contains(type)
  }

  private static func hasNodePorts(_ type: String) -> Bool {
    ["NodePort", "LoadBalancer"].contains(type)
  }

  /// A replacement that does not say what was given out keeps it.
  static func keepAllocated(_ new: inout JSONValue, old: JSONValue) {
    let (now, before) = (type(new), type(old))
    if hasAddress(now), hasAddress(before), isEmpty(new.at("spec", "clusterIP")),
      isEmpty(new.at("spec", "clusterIPs"))
    {
      for key in ["clusterIP", "clusterIPs"] { new.set(old.at("spec", key), at: "spec", key) }
    }
    guard hasNodePorts(now), hasNodePorts(before) else { return }
    var ports = new.at("spec", "ports")?.arrayValue ?? []
    var used = Set(ports.compactMap { $0["nodePort"]?.intValue })
    for index in ports.indices where (ports[index]["nodePort"]?.intValue ?? 0) == 0 {
      let same = (old.at("spec", "ports")?.arrayValue ?? []).first {
        $0["port"] == ports[index]["port"] && $0["protocol"] == (ports[index]["protocol"] ?? "TCP")
      }
      guard let port = same?["nodePort"]?.intValue, port != 0, used.insert(port).inserted else {
        continue
      }
      ports[index]["nodePort"] = .int(port)
    }
    if !ports.isEmpty { new.set(.array(ports), at: "spec", "ports") }
    if isEmpty(new.at("spec", "healthCheckNodePort")),
      let port = old.at("spec", "healthCheckNodePort"),
      now == "LoadBalancer", new.at("spec", "externalTrafficPolicy") == "Local"
    {
      new.set(port, at: "spec", "healthCheckNodePort")
    }
  }

  /// Fields that only made sense for the old type go, unless the caller changed them too.
  static func dropUnused(_ new: inout JSONValue, old: JSONValue) {
    let (now, before) = (type(new), type(old))
    guard now != before else { return }
    func isUnchanged(_ key: String) -> Bool { new.at("spec", key) == old.at("spec", key) }
    var dropped: [String] = []
    if hasAddress(before), !hasAddress(now) {
      if isUnchanged("clusterIP"), isUnchanged("clusterIPs") {
        dropped += ["clusterIP", "clusterIPs"]
      }
      dropped += ["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"].filter(isUnchanged)
    }
    if hasNodePorts(before), !hasNodePorts(now) {
      let given = (new.at("spec", "ports")?.arrayValue ?? []).map { $0["nodePort"] }
      let held = (old.at("spec", "ports")?.arrayValue ?? []).map { $0["nodePort"] }
      if given == held, case .array(var ports)? = new.at("spec", "ports") {
        for index in ports.indices { ports[index]["nodePort"] = nil }
        new.set(.array(ports), at: "spec", "ports")
      }
      let isExternal = !isEmpty(new.at("spec", "externalIPs")) && now == "ClusterIP"
      if isUnchanged("externalTrafficPolicy"), !isExternal {
        dropped.append("externalTrafficPolicy")
      }
    }
    if before == "LoadBalancer" {
      for key in [
        "healthCheckNodePort", "allocateLoadBalancerNodePorts", "loadBalancerClass",
      ] where isUnchanged(key) {
        dropped.append(key)
      }
    }
    if before == "ExternalName", isUnchanged("externalName") { dropped.append("externalName") }
    for key in dropped { new.set(nil, at: "spec", key) }
  }

  /// Fills in the families and their policy on a cluster that has IPv4 only.
  ///
  /// - Returns: what such a cluster can't give.
  static func prepareFamilies(_ service: inout JSONValue) -> [FieldError] {
    guard type(service) != "ExternalName" else { return [] }
    var addresses = service.at("spec", "clusterIPs")?.arrayValue ?? []
    if addresses.isEmpty, let first = service.at("spec", "clusterIP"), first != "" {
      addresses = [first]
      service.set(.array(addresses), at: "spec", "clusterIPs")
    }
    let isHeadless = addresses.first == "None"
    let parsed = addresses.map { IPAddress($0.stringValue ?? "") }
    guard isHeadless || !parsed.contains(where: { $0 == nil }) else { return [] }
    var families = service.at("spec", "ipFamilies")?.arrayValue ?? []
    let policy = service.at("spec", "ipFamilyPolicy")?.stringValue
    if isHeadless, isEmpty(service.at("spec", "selector")) {
      // Nobody can know which families its endpoints will have.
      let chosen = policy ?? (families.count == 1 ? "SingleStack" : "RequireDualStack")
      if families.isEmpty { families = ["IPv4"] }
      if chosen != "SingleStack", families.count == 1 {
        families.append(families[0] == "IPv4" ? "IPv6" : "IPv4")
      }
      service.set(.array(families), at: "spec", "ipFamilies")
      service.set(.string(chosen), at: "spec", "ipFamilyPolicy")
      return []
    }
    var errors: [FieldError] = []
    if policy == "RequireDualStack" {
      errors.append(
        .invalid(
          "spec.ipFamilyPolicy", "RequireDualStack",
          "this cluster is not configured for dual-stack services"))
    }
    for (index, family) in families.enumerated() where family == "IPv6" {
      errors.append(
        .invalid("spec.ipFamilies[\(index)]", family, "not configured on this cluster"))
    }
    if !isHeadless {
      for (index, address) in parsed.enumerated() where address?.isIPv6 == true {
        errors.append(
          .invalid(
            "spec.clusterIPs[\(index)]", .array(addresses),
            "IPv6 is not configured on this cluster"))
      }
    }
    guard errors.isEmpty else { return errors }
    if families.isEmpty { service.set(["IPv4"], at: "spec", "ipFamilies") }
    if policy == nil { service.set("SingleStack", at: "spec", "ipFamilyPolicy") }
    return []
  }

  private static func isEmpty(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null?, .string("")?, .int(0)?: true
    case .array(let elements)?: elements.isEmpty
    case .object(let members)?: members.isEmpty
    default: false
    }
  }
}
