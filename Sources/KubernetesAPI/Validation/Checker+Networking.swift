import JSONDocument

extension Validation.Checker {
  /// Deprecated, yet still checked against the field that replaced it.
  private static let ingressClassAnnotation = "kubernetes.io/ingress.class"

  mutating func ingress() {
    let spec = object["spec"]
    let rules = spec?["rules"]?.arrayValue ?? []
    if rules.isEmpty, spec?["defaultBackend"] == nil {
      add(
        .invalid(
          "spec", spec?.objectValue?.isEmpty == false ? spec : .null,
          "either `defaultBackend` or `rules` must be specified"))
    }
    if let backend = spec?["defaultBackend"] { ingressBackend(backend, "spec.defaultBackend") }
    for (index, rule) in rules.enumerated() {
      let field = "spec.rules[\(index)]"
      if let host = rule["host"]?.stringValue, !host.isEmpty {
        if IPAddress(host) != nil {
          add(.invalid("\(field).host", .string(host), "must be a DNS name, not an IP address"))
        } else {
          ingressHost(host, "\(field).host")
        }
      }
      guard let http = rule["http"] else { continue }
      let paths = http["paths"]?.arrayValue ?? []
      if paths.isEmpty { add(.required("\(field).http.paths")) }
      for (position, path) in paths.enumerated() {
        ingressPath(path, "\(field).http.paths[\(position)]")
      }
    }
    for (index, entry) in (spec?["tls"]?.arrayValue ?? []).enumerated() {
      for (position, host) in (entry["hosts"]?.arrayValue ?? []).enumerated() {
        ingressHost(host.stringValue ?? "", "spec.tls[\(index)].hosts[\(position)]")
      }
      if let secret = entry["secretName"]?.stringValue, !secret.isEmpty {
        add(
          NameRules.dns1123Subdomain(secret), "spec.tls[\(index)].secretName", .string(secret))
      }
    }
    guard let className = spec?["ingressClassName"]?.stringValue else { return }
    add(NameRules.dns1123Subdomain(className), "spec.ingressClassName", .string(className))
    let key = Self.ingressClassAnnotation
    if isCreate, let annotated = object.at("metadata", "annotations", key)?.stringValue,
      annotated != className
    {
      add(
        .invalid(
          "annotations.\(key)", .string(annotated),
          "must match `ingressClassName` when both are specified"))
    }
  }

  private mutating func ingressHost(_ host: String, _ field: String) {
    if host.contains("*") {
      add(NameRules.wildcardSubdomain(host), field, .string(host))
    } else {
      add(NameRules.dns1123Subdomain(host), field, .string(host))
    }
  }

  private mutating func ingressPath(_ path: JSONValue, _ field: String) {
    let text = path["path"]?.stringValue ?? ""
    switch path["pathType"]?.stringValue {
    case nil, "": add(.required("\(field).pathType", "pathType must be specified"))
    case "Exact", "Prefix":
      if !text.hasPrefix("/") {
        add(.invalid("\(field).path", .string(text), "must be an absolute path"))
      }
      for part in ["//", "/./", "/../", "%2f", "%2F"] where text.contains(part) {
        add(.invalid("\(field).path", .string(text), "must not contain '\(part)'"))
      }
      for end in ["/..", "/."] where text.hasSuffix(end) {
        add(.invalid("\(field).path", .string(text), "cannot end with '\(end)'"))
      }
    case "ImplementationSpecific":
      if !text.isEmpty, !text.hasPrefix("/") {
        add(.invalid("\(field).path", .string(text), "must be an absolute path"))
      }
    default:
      oneOf(
        path["pathType"], "\(field).pathType", ["Exact", "Prefix", "ImplementationSpecific"])
    }
    ingressBackend(path["backend"] ?? [:], "\(field).backend")
  }

  private mutating func ingressBackend(_ backend: JSONValue, _ field: String) {
    let service = backend["service"]
    let target = backend["resource"]
    if service != nil, target != nil {
      add(.invalid(field, "", "cannot set both resource and service backends"))
    } else if let target {
      localReference(target, "\(field).resource")
    } else if let service {
      let name = service["name"]?.stringValue ?? ""
      if required(.string(name), "\(field).service.name") {
        add(NameRules.dns1123Label(name), "\(field).service.name", .string(name))
      }
      let portName = service.at("port", "name")?.stringValue ?? ""
      let number = service.at("port", "number")?.intValue ?? 0
      if !portName.isEmpty, number != 0 {
        add(.invalid(field, "", "cannot set both port name & port number"))
      } else if !portName.isEmpty {
        add(Self.portNameProblems(portName), "\(field).service.port.name", .string(portName))
      } else if number != 0 {
        port(.int(number), "\(field).service.port.number")
      } else {
        add(.required(field, "port name or number is required"))
      }
    } else {
      add(.invalid(field, "", "resource or service backend is required"))
    }
  }

  private mutating func localReference(_ reference: JSONValue, _ field: String) {
    if let group = reference["apiGroup"]?.stringValue {
      add(NameRules.dns1123Subdomain(group), "\(field).apiGroup", .string(group))
    }
    for key in ["kind", "name"] {
      let text = reference[key]?.stringValue ?? ""
      if required(.string(text), "\(field).\(key)") {
        add(NameRules.pathSegment(text), "\(field).\(key)", .string(text))
      }
    }
  }

  mutating func ingressClass() {
    let controller = value("spec.controller")?.stringValue ?? ""
    if required(.string(controller), "spec.controller") {
      if controller.utf8.count > 250 {
        add(.invalid("spec.controller", .string(controller), NameRules.tooLong(250)))
      }
      add(NameRules.domainPrefixedPath(controller), "spec.controller", controller)
    }
    guard let parameters = value("spec.parameters") else { return }
    let field = "spec.parameters"
    localReference(parameters, field)
    let namespace = parameters["namespace"]?.stringValue
    switch parameters["scope"]?.stringValue {
    case nil: add(.required("\(field).scope"))
    case "Namespace":
      if let namespace, !namespace.isEmpty {
        add(NameRules.dns1123Label(namespace), "\(field).namespace", .string(namespace))
      } else {
        add(
          .required(
            "\(field).namespace", "`parameters.scope` is set to 'Namespace'"))
      }
    case "Cluster":
      if namespace != nil {
        add(.forbidden("\(field).namespace", "`parameters.scope` is set to 'Cluster'"))
      }
    default: oneOf(parameters["scope"], "\(field).scope", ["Cluster", "Namespace"])
    }
  }

  /// Problems that are told with the part of the text that they are about.
  private mutating func add(
    _ problems: [(part: String, problem: String)], _ field: String, _: String
  ) {
    for (part, problem) in problems { add(.invalid(field, .string(part), problem)) }
  }

  mutating func networkPolicy() {
    let spec = object["spec"]
    selector(spec?["podSelector"], "spec.podSelector")
    for (list, peers) in [("ingress", "from"), ("egress", "to")] {
      for (index, rule) in (spec?[list]?.arrayValue ?? []).enumerated() {
        let field = "spec.\(list)[\(index)]"
        for (position, port) in (rule["ports"]?.arrayValue ?? []).enumerated() {
          policyPort(port, "\(field).ports[\(position)]")
        }
        for (position, peer) in (rule[peers]?.arrayValue ?? []).enumerated() {
          policyPeer(peer, "\(field).\(peers)[\(position)]")
        }
      }
    }
    let types = spec?["policyTypes"]?.arrayValue ?? []
    if types.count > 2 {
      add(
        .invalid(
          "spec.policyTypes", .array(types), "may not specify more than two policyTypes"))
      return
    }
    for (index, type) in types.enumerated() {
      oneOf(type, "spec.policyTypes[\(index)]", ["Ingress", "Egress"])
    }
  }

  private mutating func policyPort(_ port: JSONValue, _ field: String) {
    oneOf(port["protocol"], "\(field).protocol", ["TCP", "UDP", "SCTP"])
    let end = port["endPort"]?.intValue
    switch IntOrString(port["port"]) {
    case .int(let number)?:
      self.port(.int(Int64(number)), "\(field).port")
      if let end {
        if end < Int64(number) {
          add(
            .invalid(
              "\(field).endPort", .int(Int64(number)), "must be greater than or equal to `port`"))
        }
        self.port(.int(end), "\(field).endPort")
      }
    case .string(let name)?:
      if let end {
        add(
          .invalid(
            "\(field).endPort", .int(end), "may not be specified when `port` is non-numeric"))
      }
      add(Self.portNameProblems(name), "\(field).port", .string(name))
    case nil:
      if let end {
        add(
          .invalid(
            "\(field).endPort", .int(end), "may not be specified when `port` is not specified"))
      }
    }
  }

  private mutating func policyPeer(_ peer: JSONValue, _ field: String) {
    var count = 0
    for key in ["podSelector", "namespaceSelector"] {
      guard let value = peer[key] else { continue }
      count += 1
      selector(value, "\(field).\(key)")
    }
    if let block = peer["ipBlock"] {
      count += 1
      addressBlock(block, "\(field).ipBlock")
    }
    if count == 0 {
      add(.required(field, "must specify a peer"))
    } else if count > 1, peer["ipBlock"] != nil {
      add(.forbidden(field, "may not specify both ipBlock and another peer"))
    }
  }

  private mutating func addressBlock(_ block: JSONValue, _ field: String) {
    let text = block["cidr"]?.stringValue ?? ""
    guard required(.string(text), "\(field).cidr"), let whole = range(text, "\(field).cidr")
    else { return }
    for (index, entry) in (block["except"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).except[\(index)]"
      guard let part = range(entry.stringValue ?? "", place) else { continue }
      if !whole.strictlyContains(part) {
        add(.invalid(place, entry, "must be a strict subset of `cidr`"))
      }
    }
  }

  /// A CIDR in canonical form; adds what is wrong with it.
  @discardableResult
  mutating func range(_ text: String, _ field: String) -> IPRange? {
    add(IPRange.problems(text), field, .string(text))
    return IPRange(text)
  }

  mutating func ipAddress() {
    guard let reference = value("spec.parentRef") else {
      add(.required("spec.parentRef"))
      return
    }
    let field = "spec.parentRef"
    if let group = reference["group"]?.stringValue, !group.isEmpty {
      add(NameRules.dns1123Subdomain(group), "\(field).group", .string(group))
    }
    for key in ["resource", "name"] {
      let text = reference[key]?.stringValue ?? ""
      if required(.string(text), "\(field).\(key)") {
        add(NameRules.pathSegment(text), "\(field).\(key)", .string(text))
      }
    }
    if let namespace = reference["namespace"]?.stringValue, !namespace.isEmpty {
      add(NameRules.pathSegment(namespace), "\(field).namespace", .string(namespace))
    }
  }

  mutating func serviceCIDR() {
    let ranges = value("spec.cidrs")?.arrayValue ?? []
    guard !ranges.isEmpty else {
      add(.required("spec.cidrs", "at least one CIDR required"))
      return
    }
    if ranges.count > 2 {
      add(.invalid("spec.cidrs", value("spec.cidrs"), "may only hold up to 2 values"))
      return
    }
    var families: [Bool] = []
    for (index, text) in ranges.enumerated() {
      if let range = range(text.stringValue ?? "", "spec.cidrs[\(index)]") {
        families.append(range.address.isIPv6)
      }
    }
    if ranges.count == 2, families.count == 2, families[0] == families[1] {
      add(
        .invalid(
          "spec.cidrs", .array(ranges),
          "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        ))
    }
  }

  /// A range stays; a second one, of the other family, may be added and taken away.
  mutating func serviceCIDRUpdate(_ old: JSONValue) {
    let before = old.at("spec", "cidrs")?.arrayValue ?? []
    let now = value("spec.cidrs")?.arrayValue ?? []
    guard let first = before.first, let current = now.first, first != current else { return }
    add(.invalid("spec.cidrs[0]", current, "field is immutable"))
  }
}
