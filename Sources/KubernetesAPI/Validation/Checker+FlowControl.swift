import JSONDocument

extension Validation.Checker {
  mutating func flowSchema() {
    let spec = object["spec"]
    let precedence = spec?["matchingPrecedence"]?.intValue ?? 0
    let name = value("metadata.name")?.stringValue ?? ""
    if precedence <= 0 {
      add(.invalid("spec.matchingPrecedence", .int(precedence), "must be a positive value"))
    } else if precedence > 10_000 {
      add(
        .invalid("spec.matchingPrecedence", .int(precedence), "must not be greater than 10000"))
    } else if precedence == 1, name != "exempt" {
      add(
        .invalid(
          "spec.matchingPrecedence", 1,
          "only the schema named 'exempt' may have matchingPrecedence 1"))
    }
    if let method = spec?["distinguisherMethod"],
      method["type"] != "ByUser", method["type"] != "ByNamespace"
    {
      add(
        .notSupported("spec.distinguisherMethod.type", method, ["ByUser", "ByNamespace"]))
    }
    let level = spec?.at("priorityLevelConfiguration", "name")?.stringValue ?? ""
    if level.isEmpty {
      add(
        .required(
          "spec.priorityLevelConfiguration.name", "must reference a priority level"))
    } else {
      add(
        NameRules.dns1123Subdomain(level), "spec.priorityLevelConfiguration.name",
        .string(level))
    }
    for (index, rule) in (spec?["rules"]?.arrayValue ?? []).enumerated() {
      flowRule(rule, "spec.rules[\(index)]")
    }
    mandatorySpec(name)
  }

  /// The objects that every cluster has stay as they are, but for what the exempt level lends.
  private mutating func mandatorySpec(_ name: String) {
    guard
      let mandatory = FlowControlObjects.mandatory.first(where: {
        $0["kind"]?.stringValue == resource.kind && $0.at("metadata", "name")?.stringValue == name
      })
    else { return }
    var now = object["spec"] ?? .null
    var fixed = mandatory["spec"] ?? .null
    var exception = ""
    if resource.kind == "PriorityLevelConfiguration", name == "exempt" {
      now["exempt"] = nil
      fixed["exempt"] = nil
      exception = " except the 'spec.exempt' field"
    }
    if now != fixed {
      add(
        .invalid(
          "spec", object["spec"],
          "spec of '\(name)'\(exception) must equal the fixed value"))
    }
  }

  private mutating func flowRule(_ rule: JSONValue, _ field: String) {
    let subjects = rule["subjects"]?.arrayValue ?? []
    if subjects.isEmpty {
      add(.required("\(field).subjects", "subjects must contain at least one value"))
    }
    for (index, subject) in subjects.enumerated() {
      flowSubject(subject, "\(field).subjects[\(index)]")
    }
    let resources = rule["resourceRules"]?.arrayValue ?? []
    let paths = rule["nonResourceRules"]?.arrayValue ?? []
    if resources.isEmpty, paths.isEmpty {
      add(
        .required(
          field, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    }
    for (index, entry) in resources.enumerated() {
      let place = "\(field).resourceRules[\(index)]"
      flowVerbs(entry["verbs"], place)
      for (key, what) in [
        ("apiGroups", "resource rules must supply at least one api group"),
        ("resources", "resource rules must supply at least one resource"),
      ] {
        let values = entry[key]?.arrayValue ?? []
        if values.isEmpty {
          add(.required("\(place).\(key)", what))
        } else if values.count > 1, values.contains("*") {
          add(
            .invalid(
              "\(place).\(key)", .array(values),
              "if '*' is present, must not specify other \(key == "apiGroups" ? "api groups" : "resources")"
            ))
        }
      }
      let namespaces = entry["namespaces"]?.arrayValue ?? []
      if namespaces.isEmpty, entry["clusterScope"] != true {
        add(
          .required(
            "\(place).namespaces",
            "resource rules that are not cluster scoped must supply at least one namespace"))
      } else if namespaces.count > 1, namespaces.contains("*") {
        add(
          .invalid(
            "\(place).namespaces", .array(namespaces),
            "if '*' is present, must not specify other namespaces"))
      } else {
        for (position, namespace) in namespaces.enumerated() where namespace != "*" {
          add(
            NameRules.dns1123Label(namespace.stringValue ?? ""),
            "\(place).namespaces[\(position)]", namespace)
        }
      }
    }
    for (index, entry) in paths.enumerated() {
      let place = "\(field).nonResourceRules[\(index)]"
      flowVerbs(entry["verbs"], place)
      let urls = entry["nonResourceURLs"]?.arrayValue ?? []
      if urls.isEmpty {
        add(
          .required(
            "\(place).nonResourceURLs", "nonResourceURLs must contain at least one value"))
      } else if urls.count > 1, urls.contains("*") {
        add(
          .invalid(
            "\(place).nonResourceURLs", .array(urls),
            "if '*' is present, must not specify other non-resource URLs"))
      } else {
        for (position, url) in urls.enumerated() where url != "*" {
          flowPath(url, "\(place).nonResourceURLs[\(position)]")
        }
      }
    }
  }

  private mutating func flowPath(_ value: JSONValue, _ field: String) {
    let path = value.stringValue ?? ""
    if path.isEmpty {
      add(.invalid(field, value, "must not be empty"))
    } else if !path.hasPrefix("/") {
      add(.invalid(field, value, "must start with slash"))
    } else if path.contains(" ") {
      add(.invalid(field, value, "must not contain white-space"))
    } else if path.contains("//") {
      add(.invalid(field, value, "must not contain double slash"))
    } else if path.dropLast().contains("*") || path.hasSuffix("*") && !path.hasSuffix("/*") {
      add(.invalid(field, value, "wildcard can only do suffix matching"))
    }
  }

  private static let flowVerbs = [
    "get", "list", "create", "update", "patch", "delete", "deletecollection", "watch", "proxy",
    "head", "post", "put", "options", "connect", "*",
  ]

  private mutating func flowVerbs(_ value: JSONValue?, _ field: String) {
    let verbs = value?.arrayValue ?? []
    if verbs.isEmpty {
      add(.required("\(field).verbs", "verbs must contain at least one value"))
    } else if verbs.count > 1, verbs.contains("*") {
      add(
        .invalid(
          "\(field).verbs", .array(verbs), "if '*' is present, must not specify other verbs"))
    } else if !verbs.allSatisfy({ Self.flowVerbs.contains($0.stringValue ?? "") }) {
      add(.notSupported("\(field).verbs", .array(verbs), Self.flowVerbs))
    }
  }

  private mutating func flowSubject(_ subject: JSONValue, _ field: String) {
    let kind = subject["kind"]?.stringValue ?? ""
    let members = [("User", "user"), ("Group", "group"), ("ServiceAccount", "serviceAccount")]
    guard let member = members.first(where: { $0.0 == kind })?.1 else {
      add(.notSupported("\(field).kind", .string(kind), members.map(\.0)))
      return
    }
    if let given = subject[member] {
      let name = given["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(field).\(member).name"))
      } else if kind == "ServiceAccount", name != "*" {
        add(NameRules.dns1123Subdomain(name), "\(field).\(member).name", .string(name))
      }
      if kind == "ServiceAccount" {
        let namespace = given["namespace"]?.stringValue ?? ""
        if required(
          .string(namespace), "\(field).\(member).namespace",
          "must specify namespace for service account")
        {
          add(NameRules.dns1123Label(namespace), "\(field).\(member).namespace", .string(namespace))
        }
      }
    } else {
      add(
        .required(
          "\(field).\(member)", "\(member) is required when subject kind is '\(kind)'"))
    }
    for (other, key) in members where key != member && subject[key] != nil {
      add(
        .forbidden(
          "\(field).\(key)", "\(key) is forbidden when subject kind is not '\(other)'"))
    }
  }

  mutating func priorityLevel() {
    let spec = object["spec"]
    let name = value("metadata.name")?.stringValue ?? ""
    mandatorySpec(name)
    let type = spec?["type"]?.stringValue ?? ""
    if (name == "exempt") != (type == "Exempt") {
      add(
        .invalid(
          "spec.type", .string(type), "must be 'Exempt' if and only if `name` is 'exempt'"))
    }
    switch type {
    case "Exempt":
      if spec?["limited"] != nil {
        add(.forbidden("spec.limited", "must be nil if the type is not Limited"))
      }
      if spec?["exempt"] == nil {
        add(.required("spec.exempt", "must not be empty"))
      }
      concurrency(spec?["exempt"], "spec.exempt")
    case "Limited":
      if spec?["exempt"] != nil {
        add(.forbidden("spec.exempt", "must be nil if the type is Limited"))
      }
      guard let limited = spec?["limited"] else {
        add(.required("spec.limited", "must not be empty when type is Limited"))
        return
      }
      concurrency(limited, "spec.limited")
      limitResponse(limited["limitResponse"], "spec.limited.limitResponse")
    default: oneOf(.string(type), "spec.type", ["Exempt", "Limited"])
    }
  }

  private mutating func concurrency(_ value: JSONValue?, _ field: String) {
    if let shares = value?["nominalConcurrencyShares"]?.intValue, shares < 0 {
      add(
        .invalid(
          "\(field).nominalConcurrencyShares", .int(shares), "must be a non-negative integer"))
    }
    for key in ["lendablePercent", "borrowingLimitPercent"] {
      guard let percentage = value?[key]?.intValue else { continue }
      if key == "lendablePercent", !(0...100).contains(percentage) {
        add(
          .invalid(
            "\(field).\(key)", .int(percentage), "must be between 0 and 100, inclusive"))
      } else if percentage < 0 {
        add(
          .invalid(
            "\(field).\(key)", .int(percentage), "if specified, must be a non-negative integer"))
      }
    }
  }

  private mutating func limitResponse(_ response: JSONValue?, _ field: String) {
    switch response?["type"]?.stringValue {
    case "Reject":
      if response?["queuing"] != nil {
        add(
          .forbidden("\(field).queuing", "must be nil if limited.limitResponse.type is not Limited")
        )
      }
    case "Queue":
      guard let queuing = response?["queuing"] else {
        add(
          .required(
            "\(field).queuing", "must not be empty if limited.limitResponse.type is Limited"))
        return
      }
      let queues = queuing["queues"]?.intValue ?? 0
      let hand = queuing["handSize"]?.intValue ?? 0
      if queues <= 0 {
        add(.invalid("\(field).queuing.queues", .int(queues), "must be positive"))
      } else if queues > 10_000_000 {
        add(
          .invalid(
            "\(field).queuing.queues", .int(queues), "must not be greater than 10000000"))
      }
      if (queuing["queueLengthLimit"]?.intValue ?? 0) <= 0 {
        add(
          .invalid(
            "\(field).queuing.queueLengthLimit", queuing["queueLengthLimit"] ?? 0,
            "must be positive"))
      }
      if hand <= 0 {
        add(.invalid("\(field).queuing.handSize", .int(hand), "must be positive"))
      } else if hand > queues {
        add(
          .invalid(
            "\(field).queuing.handSize", .int(hand),
            "should not be greater than queues (\(queues))"))
      } else if Self.handBits(queues: queues, hand: hand) > 60 {
        add(
          .invalid(
            "\(field).queuing.handSize", .int(hand),
            "required entropy bits of deckSize \(queues) and handSize \(hand) should not be greater than 60"
          ))
      }
    default: oneOf(response?["type"] ?? "", "\(field).type", ["Queue", "Reject"])
    }
  }

  /// The bits that dealing a hand out of so many queues takes.
  private static func handBits(queues: Int64, hand: Int64) -> Int {
    var product: UInt64 = 1
    for card in 0..<min(hand, 64) {
      let (next, overflow) = product.multipliedReportingOverflow(by: UInt64(queues - card))
      if overflow { return 64 }
      product = next
    }
    return product <= 1 ? 0 : 64 - (product - 1).leadingZeroBitCount
  }

  mutating func apiService() {
    let spec = object["spec"]
    let group = spec?["group"]?.stringValue ?? ""
    let version = spec?["version"]?.stringValue ?? ""
    let name = value("metadata.name")?.stringValue ?? ""
    if name != "\(version).\(group)" {
      add(
        .invalid(
          "metadata.name", .string(name),
          "must be `spec.version+\".\"+spec.group`: \"\(version).\(group)\""))
    }
    if !group.isEmpty {
      add(NameRules.dns1123Subdomain(group), "spec.group", .string(group))
    }
    add(NameRules.dns1035Label(version), "spec.version", .string(version))
    for (key, maximum) in [("groupPriorityMinimum", Int64(20_000)), ("versionPriority", 1000)] {
      let priority = spec?[key]?.intValue ?? 0
      if priority <= 0 || priority > maximum {
        add(
          .invalid(
            "spec.\(key)", .int(priority), "must be positive and less than \(maximum)"))
      }
    }
    let hasBundle = !(spec?["caBundle"]?.stringValue ?? "").isEmpty
    guard let service = spec?["service"] else {
      if hasBundle {
        add(
          .invalid("spec.caBundle", spec?["caBundle"], "local APIServices may not have a caBundle"))
      }
      if spec?["insecureSkipTLSVerify"] == true {
        add(
          .invalid(
            "spec.insecureSkipTLSVerify", true,
            "local APIServices may not have insecureSkipTLSVerify"))
      }
      return
    }
    for key in ["namespace", "name"] { required(service[key], "spec.service.\(key)") }
    if let port = service["port"]?.intValue, !(1...65535).contains(port) {
      add(
        .invalid(
          "spec.service.port", .int(port),
          "port is not valid: must be between 1 and 65535, inclusive"))
    }
    if spec?["insecureSkipTLSVerify"] == true, hasBundle {
      add(
        .invalid(
          "spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"))
    }
  }
}
