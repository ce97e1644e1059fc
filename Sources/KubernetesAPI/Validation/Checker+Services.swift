import JSONDocument

extension Validation.Checker {
  mutating func service() {
    let spec = object["spec"]
    let type = spec?["type"]?.stringValue ?? ""
    let headless = spec?["clusterIP"] == "None"
    let ports = spec?["ports"]?.arrayValue ?? []
    let isAddressLeftOut = spec?["clusterIP"] == nil && spec?["clusterIPs"]?[0] == "None"
    if ports.isEmpty, !headless, !isAddressLeftOut, type != "ExternalName" {
      add(.required("spec.ports"))
    }
    if type == "LoadBalancer", headless {
      add(
        .invalid(
          "spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services"))
    }
    if type == "NodePort", headless {
      add(
        .invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services"))
    }
    if type == "ExternalName" {
      let name = spec?["externalName"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("spec.externalName"))
      } else {
        let host = name.hasSuffix(".") ? String(name.dropLast()) : name
        add(NameRules.dns1123Subdomain(host), "spec.externalName", .string(name))
      }
      for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]
      where spec?[key] != nil {
        add(.forbidden("spec.\(key)", "may not be set for ExternalName services"))
      }
    }
    servicePorts(ports, type: type)
    labels(spec?["selector"], "spec.selector")
    oneOf(spec?["type"], "spec.type", ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])
    oneOf(spec?["sessionAffinity"], "spec.sessionAffinity", ["ClientIP", "None"])
    if let seconds = spec?.at("sessionAffinityConfig", "clientIP", "timeoutSeconds")?.intValue,
      !(1...86_400).contains(seconds)
    {
      add(
        .invalid(
          "spec.sessionAffinityConfig.clientIP.timeoutSeconds", .int(seconds),
          "must be greater than 0 and less than 86400"))
    }
    clusterAddresses(spec)
    for (index, ip) in (spec?["externalIPs"]?.arrayValue ?? []).enumerated() {
      let field = "spec.externalIPs[\(index)]"
      address(ip, field)
      notSpecial(ip, field)
    }
    traffic(spec, type: type)
  }

  private mutating func servicePorts(_ ports: [JSONValue], type: String) {
    var names: Set<String> = []
    var seen: Set<String> = []
    for (index, port) in ports.enumerated() {
      let field = "spec.ports[\(index)]"
      let name = port["name"]?.stringValue ?? ""
      if name.isEmpty {
        if ports.count > 1 { add(.required("\(field).name")) }
      } else {
        let problems = NameRules.dns1123Label(name)
        add(problems, "\(field).name", .string(name))
        if problems.isEmpty, !names.insert(name).inserted {
          add(.duplicate("\(field).name", .string(name)))
        }
      }
      self.port(port["port"] ?? 0, "\(field).port")
      if required(port["protocol"], "\(field).protocol") {
        oneOf(port["protocol"], "\(field).protocol", ["SCTP", "TCP", "UDP"])
      }
      targetPort(port["targetPort"], "\(field).targetPort")
      if let text = port["appProtocol"]?.stringValue {
        add(NameRules.qualifiedName(text), "\(field).appProtocol", .string(text))
      }
      let transport = port["protocol"]?.stringValue ?? ""
      if !seen.insert("\(transport)/\(port["port"]?.intValue ?? 0)").inserted {
        add(.duplicate(field, ["port": port["port"] ?? 0, "protocol": .string(transport)]))
      }
      let node = port["nodePort"]?.intValue ?? 0
      guard node != 0 else { continue }
      if type != "NodePort", type != "LoadBalancer" {
        add(
          .forbidden("\(field).nodePort", "may not be used when `type` is '\(type)'"))
      }
    }
  }

  private mutating func clusterAddresses(_ spec: JSONValue?) {
    let addresses = spec?["clusterIPs"]?.arrayValue ?? []
    let field = "spec.clusterIPs"
    let first = spec?["clusterIP"]?.stringValue ?? ""
    if first.isEmpty, !addresses.isEmpty {
      add(
        .invalid(field, .array(addresses), "must be empty when `clusterIP` is not specified"))
    } else if let listed = addresses.first?.stringValue, listed != first {
      add(.invalid(field, .array(addresses), "first value must match `clusterIP`"))
    }
    if addresses.count > 2 {
      add(.invalid(field, .array(addresses), "may only hold up to 2 values"))
    }
    if addresses.count > 1, addresses.contains("None") {
      add(.invalid(field, .array(addresses), "'None' must be the first and only value"))
    }
    var families: Set<Bool> = []
    var repeats = false
    for (index, value) in addresses.enumerated() where value != "None" && value != "" {
      address(value, "\(field)[\(index)]")
      if let parsed = IPAddress(value.stringValue ?? "") {
        repeats = !families.insert(parsed.isIPv6).inserted || repeats
      }
    }
    if repeats {
      add(
        .invalid(
          field, .array(addresses), "may specify no more than one IP for each IP family"))
    }
    oneOf(
      spec?["ipFamilyPolicy"], "spec.ipFamilyPolicy",
      ["PreferDualStack", "RequireDualStack", "SingleStack"])
    for (index, family) in (spec?["ipFamilies"]?.arrayValue ?? []).enumerated() {
      oneOf(family, "spec.ipFamilies[\(index)]", ["IPv4", "IPv6"])
    }
  }

  private mutating func traffic(_ spec: JSONValue?, type: String) {
    oneOf(spec?["internalTrafficPolicy"], "spec.internalTrafficPolicy", ["Cluster", "Local"])
    let external = !(spec?["externalIPs"]?.arrayValue ?? []).isEmpty
    let reachable =
      type == "NodePort" || type == "LoadBalancer" || (type == "ClusterIP" && external)
    if let policy = spec?["externalTrafficPolicy"], policy != "" {
      if reachable {
        oneOf(policy, "spec.externalTrafficPolicy", ["Cluster", "Local"])
      } else {
        add(
          .invalid(
            "spec.externalTrafficPolicy", policy,
            "may only be set for externally-accessible services"))
      }
    }
    oneOf(
      spec?["trafficDistribution"], "spec.trafficDistribution",
      ["PreferClose", "PreferSameZone", "PreferSameNode"])
    guard type != "LoadBalancer" else {
      for (index, entry) in (spec?["loadBalancerSourceRanges"]?.arrayValue ?? []).enumerated() {
        var text = entry.stringValue ?? ""
        text = text.trimmingSpaces
        range(text, "spec.LoadBalancerSourceRanges[\(index)]", isStrict: false)
      }
      if let name = spec?["loadBalancerClass"]?.stringValue {
        add(NameRules.qualifiedName(name), "spec.loadBalancerClass", .string(name))
      }
      return
    }
    let detail = "may only be used when `type` is 'LoadBalancer'"
    if !(spec?["loadBalancerSourceRanges"]?.arrayValue ?? []).isEmpty {
      add(.forbidden("spec.LoadBalancerSourceRanges", detail))
    }
    for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] where spec?[key] != nil {
      add(.forbidden("spec.\(key)", detail))
    }
    if let port = spec?["healthCheckNodePort"]?.intValue, port != 0 {
      add(
        .invalid(
          "spec.healthCheckNodePort", .int(port),
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
    }
  }

  mutating func serviceUpdate(_ old: JSONValue) {
    // A Service that has an address keeps it, unless it becomes an alias or stops being one.
    let address = old.at("spec", "clusterIP")?.stringValue ?? ""
    let now = value("spec.clusterIP")?.stringValue ?? ""
    let alias: JSONValue = "ExternalName"
    guard value("spec.type") != alias, old.at("spec", "type") != alias, !address.isEmpty,
      address != now
    else { return }
    add(
      .invalid(
        "spec.clusterIPs[0]", value("spec.clusterIPs") ?? .array([.string(now)]),
        "may not change once set"))
  }

  /// Addresses that no endpoint may have.
  private mutating func notSpecial(_ value: JSONValue?, _ field: String) {
    guard let ip = IPAddress(value?.stringValue ?? "") else { return }
    if ip.isUnspecified {
      add(
        .invalid(
          field, value, "may not be unspecified (\(value?.stringValue ?? ""))"))
    }
    if ip.isLoopback {
      add(
        .invalid(field, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    }
    if ip.isLinkLocal {
      add(
        .invalid(field, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    }
    if ip.isLinkLocalMulticast {
      add(
        .invalid(
          field, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))
    }
  }

  mutating func endpoints() {
    for (index, subset) in (object["subsets"]?.arrayValue ?? []).enumerated() {
      let field = "subsets[\(index)]"
      let ready = subset["addresses"]?.arrayValue ?? []
      let notReady = subset["notReadyAddresses"]?.arrayValue ?? []
      if ready.isEmpty, notReady.isEmpty {
        add(.required(field, "must specify `addresses` or `notReadyAddresses`"))
      }
      for (list, addresses) in [("addresses", ready), ("notReadyAddresses", notReady)] {
        for (position, entry) in addresses.enumerated() {
          let place = "\(field).\(list)[\(position)].ip"
          address(entry["ip"], place)
          notSpecial(entry["ip"], place)
          let owner = "\(field).\(list)[\(position)]"
          if let host = entry["hostname"]?.stringValue, !host.isEmpty {
            add(NameRules.dns1123Label(host), "\(owner).hostname", .string(host))
          }
          if let node = entry["nodeName"]?.stringValue {
            add(NameRules.dns1123Subdomain(node), "\(owner).nodeName", .string(node))
          }
        }
      }
      let ports = subset["ports"]?.arrayValue ?? []
      for (position, port) in ports.enumerated() {
        let place = "\(field).ports[\(position)]"
        if ports.count > 1 { _ = required(port["name"], "\(place).name") }
        if let name = port["name"]?.stringValue, !name.isEmpty {
          add(NameRules.dns1123Label(name), "\(place).name", .string(name))
        }
        self.port(port["port"] ?? 0, "\(place).port")
        oneOf(port["protocol"], "\(place).protocol", ["SCTP", "TCP", "UDP"])
      }
    }
  }

  mutating func endpointSlice() {
    let type = object["addressType"]?.stringValue ?? ""
    if type.isEmpty {
      add(.required("addressType"))
    } else {
      oneOf(object["addressType"], "addressType", ["FQDN", "IPv4", "IPv6"])
    }
    let endpoints = object["endpoints"]?.arrayValue ?? []
    if endpoints.count > 1000 { add(.tooMany("endpoints", endpoints.count, maximum: 1000)) }
    for (index, endpoint) in endpoints.enumerated() {
      let field = "endpoints[\(index)]"
      let addresses = endpoint["addresses"]?.arrayValue ?? []
      if addresses.isEmpty {
        add(.required("\(field).addresses", "must contain at least 1 address"))
      } else if addresses.count > 100 {
        add(.tooMany("\(field).addresses", addresses.count, maximum: 100))
      }
      for (position, value) in addresses.enumerated() {
        sliceAddress(value, type: type, "\(field).addresses", position)
      }
      if let node = endpoint["nodeName"]?.stringValue {
        add(NameRules.dns1123Subdomain(node), "\(field).nodeName", .string(node))
      }
      if let host = endpoint["hostname"]?.stringValue {
        add(NameRules.dns1123Label(host), "\(field).hostname", .string(host))
      }
      endpointHints(endpoint["hints"], "\(field).hints")
    }
    var names: Set<String> = []
    let ports = object["ports"]?.arrayValue ?? []
    if ports.count > 20000 { add(.tooMany("ports", ports.count, maximum: 20000)) }
    for (index, port) in ports.enumerated() {
      let name = port["name"]?.stringValue ?? ""
      if !name.isEmpty {
        add(NameRules.dns1123Label(name), "ports[\(index)].name", .string(name))
      }
      if !names.insert(name).inserted { add(.duplicate("ports[\(index)].name", .string(name))) }
      oneOf(port["protocol"], "ports[\(index)].protocol", ["SCTP", "TCP", "UDP"])
      if let application = port["appProtocol"]?.stringValue {
        add(
          NameRules.qualifiedName(application), "ports[\(index)].appProtocol",
          .string(application))
      }
    }
  }

  /// How many zones or nodes an endpoint may be meant for.
  private static let maximumHints = 8

  private mutating func endpointHints(_ hints: JSONValue?, _ field: String) {
    for list in ["forZones", "forNodes"] {
      let entries = hints?[list]?.arrayValue ?? []
      guard entries.count <= Self.maximumHints else {
        add(.tooMany("\(field).\(list)", entries.count, maximum: Self.maximumHints))
        continue
      }
      var names: Set<String> = []
      for (index, entry) in entries.enumerated() {
        let name = entry["name"]?.stringValue ?? ""
        let place = "\(field).\(list)[\(index)].name"
        if !names.insert(name).inserted { add(.duplicate(place, .string(name))) }
        add(
          list == "forZones" ? NameRules.labelValue(name) : NameRules.dns1123Subdomain(name),
          place, .string(name))
      }
    }
  }

  private mutating func sliceAddress(
    _ value: JSONValue, type: String, _ field: String, _ position: Int
  ) {
    let place = "\(field)[\(position)]"
    guard type == "IPv4" || type == "IPv6" else {
      if type == "FQDN" { add(NameRules.dns1123Subdomain(value.stringValue ?? ""), place, value) }
      return
    }
    guard let parsed = IPAddress(value.stringValue ?? "") else {
      address(value, place)
      return
    }
    if parsed.isIPv6 != (type == "IPv6") {
      add(.invalid(field, value, "must be an \(type) address"))
    } else {
      notSpecial(value, place)
    }
  }
}
