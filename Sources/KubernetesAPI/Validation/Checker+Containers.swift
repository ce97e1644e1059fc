import JSONDocument

extension Validation.Checker {
  mutating func containers(_ spec: JSONValue, _ field: String, volumeNames: Set<String>) {
    let containers = spec["containers"]?.arrayValue ?? []
    if containers.isEmpty { add(.required("\(field).containers")) }
    var names: Set<String> = []
    var hostPorts: Set<String> = []
    for (index, container) in containers.enumerated() {
      self.container(
        container, "\(field).containers[\(index)]", spec: spec, volumeNames, &names, &hostPorts)
    }
    for (index, container) in (spec["initContainers"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).initContainers[\(index)]"
      self.container(container, place, spec: spec, volumeNames, &names, &hostPorts)
      guard container["restartPolicy"] != "Always" else { continue }
      for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
      where container[key] != nil {
        add(
          .forbidden(
            "\(place).\(key)", "may not be set for init containers without restartPolicy=Always"))
      }
    }
  }

  private mutating func container(
    _ container: JSONValue, _ field: String, spec: JSONValue, _ volumeNames: Set<String>,
    _ names: inout Set<String>, _ hostPorts: inout Set<String>
  ) {
    let name = container["name"]?.stringValue ?? ""
    if name.isEmpty {
      add(.required("\(field).name"))
    } else {
      add(NameRules.dns1123Label(name), "\(field).name", .string(name))
      if !names.insert(name).inserted { add(.duplicate("\(field).name", .string(name))) }
    }
    let image = container["image"]?.stringValue ?? ""
    if image.isEmpty {
      add(.required("\(field).image"))
    } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
      add(
        .invalid(
          "\(field).image", .string(image), "must not have leading or trailing whitespace"))
    }
    oneOf(
      container["imagePullPolicy"], "\(field).imagePullPolicy", ["Always", "IfNotPresent", "Never"])
    oneOf(
      container["terminationMessagePolicy"], "\(field).terminationMessagePolicy",
      ["File", "FallbackToLogsOnError"])
    oneOf(
      container["restartPolicy"], "\(field).restartPolicy", ["Always", "OnFailure", "Never"])
    ports(container["ports"], "\(field).ports", spec: spec, &hostPorts)
    environment(container, field)
    mounts(container, field, volumeNames)
    devices(container, field, spec: spec)
    resources(container["resources"], "\(field).resources")
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
      probe(container[key], "\(field).\(key)", name: key)
    }
    for hook in ["postStart", "preStop"] {
      let handler = container.at("lifecycle", hook)
      if let handler { self.handler(handler, "\(field).lifecycle.\(hook)") }
      if let seconds = handler?.at("sleep", "seconds")?.intValue {
        let grace = spec["terminationGracePeriodSeconds"]?.intValue ?? 30
        if seconds < 0 || seconds > grace {
          add(
            .invalid(
              "\(field).lifecycle.\(hook).sleep", .int(seconds),
              "must be non-negative and less than terminationGracePeriodSeconds (\(grace))"))
        }
      }
    }
    for key in ["runAsUser", "runAsGroup"] {
      let value = container.at("securityContext", key)
      if let number = value?.intValue, !(0...Int64(Int32.max)).contains(number) {
        add(
          .invalid(
            "\(field).securityContext.\(key)", value,
            "must be between 0 and 2147483647, inclusive"))
      }
    }
    oneOf(
      container.at("securityContext", "procMount"), "\(field).securityContext.procMount",
      ["Default", "Unmasked"])
    containerSecurity(container["securityContext"], "\(field).securityContext", spec: spec)
    resizePolicy(container["resizePolicy"], "\(field).resizePolicy", spec: spec)
    claims(of: container["resources"], "\(field).resources.claims", spec: spec)
  }

  private mutating func ports(
    _ value: JSONValue?, _ field: String, spec: JSONValue, _ hostPorts: inout Set<String>
  ) {
    var names: Set<String> = []
    for (index, port) in (value?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      if let name = port["name"]?.stringValue {
        let problems = Self.portNameProblems(name)
        add(problems, "\(place).name", .string(name))
        if problems.isEmpty, !names.insert(name).inserted {
          add(.duplicate("\(place).name", .string(name)))
        }
      }
      let number = port["containerPort"]?.intValue ?? 0
      if number == 0 {
        add(.required("\(place).containerPort"))
      } else {
        self.port(port["containerPort"], "\(place).containerPort")
      }
      if let host = port["hostPort"]?.intValue, host != 0 {
        self.port(port["hostPort"], "\(place).hostPort")
        if spec["hostNetwork"] == true, host != number {
          add(
            .invalid(
              "\(place).hostPort", .int(host),
              "must match `containerPort` when `hostNetwork` is true"))
        }
        let key =
          "\(port["protocol"]?.stringValue ?? "")/\(port["hostIP"]?.stringValue ?? "")/\(host)"
        if !hostPorts.insert(key).inserted {
          add(.duplicate("\(place).hostPort", .string(key)))
        }
      }
      oneOf(port["protocol"], "\(place).protocol", ["SCTP", "TCP", "UDP"])
    }
  }

  /// IANA service names: at most 15 of a-z, 0-9 and single hyphens, with a letter.
  static func portNameProblems(_ name: String) -> [String] {
    var problems: [String] = []
    if name.utf8.count > 15 { problems.append("must be no more than 15 characters") }
    if !name.utf8.allSatisfy({ NameRules.isLowerAlphanumeric($0) || $0 == UInt8(ascii: "-") }) {
      problems.append(
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    }
    if !name.utf8.contains(where: { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) {
      problems.append("must contain at least one letter (a-z)")
    }
    if name.contains("--") { problems.append("must not contain consecutive hyphens") }
    if name.hasPrefix("-") || name.hasSuffix("-") {
      problems.append("must not begin or end with a hyphen")
    }
    return problems
  }

  /// Names that upstream accepts without a domain.
  private static let standardResources: Set<String> = [
    "cpu", "memory", "ephemeral-storage", "storage",
  ]

  mutating func resources(_ value: JSONValue?, _ field: String) {
    let limits = value?["limits"]?.objectValue ?? [:]
    let requests = value?["requests"]?.objectValue ?? [:]
    for (list, amounts) in [("limits", limits), ("requests", requests)] {
      for (name, amount) in amounts {
        let place = "\(field).\(list)[\(name)]"
        add(NameRules.qualifiedName(name), place, .string(name))
        let standard = Self.standardResources.contains(name) || name.hasPrefix("hugepages-")
        if !name.contains("/"), !standard {
          add(
            .invalid(
              place, .string(name), "must be a standard resource type or fully qualified"))
          add(.invalid(place, .string(name), "must be a standard resource for containers"))
        }
        guard let quantity = amount.stringValue.flatMap(Quantity.init(parsing:)) else { continue }
        if quantity.isNegative {
          add(.invalid(place, amount, "must be greater than or equal to 0"))
        }
        if name.contains("/"), !quantity.isInteger {
          add(.invalid(place, amount, "must be an integer"))
        }
      }
    }
    for (name, amount) in requests {
      guard let request = amount.stringValue.flatMap(Quantity.init(parsing:)) else { continue }
      if let text = limits[name]?.stringValue, let limit = Quantity(parsing: text) {
        if request > limit {
          add(
            .invalid(
              "\(field).requests", amount, "must be less than or equal to \(name) limit of \(text)")
          )
        } else if name.contains("/"), request != limit {
          add(.invalid("\(field).requests", amount, "must be equal to \(name) limit of \(text)"))
        }
      } else if name.contains("/") || name.hasPrefix("hugepages-") {
        add(.required("\(field).limits", "Limit must be set for non overcommitable resources"))
      }
    }
  }

  private mutating func probe(_ probe: JSONValue?, _ field: String, name: String) {
    guard let probe else { return }
    handler(probe, field)
    for key in [
      "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
      "failureThreshold",
    ] {
      notNegative(probe[key], "\(field).\(key)")
    }
    if let grace = probe["terminationGracePeriodSeconds"] {
      let place = "\(field).terminationGracePeriodSeconds"
      if name == "readinessProbe" {
        add(.invalid(place, grace, "must not be set for readinessProbes"))
      } else if (grace.intValue ?? 0) <= 0 {
        add(.invalid(place, grace, "must be greater than 0"))
      }
    }
    if name != "readinessProbe", let threshold = probe["successThreshold"]?.intValue,
      threshold != 1
    {
      add(.invalid("\(field).successThreshold", .int(threshold), "must be 1"))
    }
  }

  private mutating func handler(_ handler: JSONValue, _ field: String) {
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"].filter { handler[$0] != nil }
    if kinds.isEmpty { add(.required(field, "must specify a handler type")) }
    for kind in kinds.dropFirst() {
      add(.forbidden("\(field).\(kind)", "may not specify more than 1 handler type"))
    }
    if let action = handler["exec"] { _ = required(action["command"], "\(field).exec.command") }
    for kind in ["httpGet", "tcpSocket"] {
      guard let action = handler[kind] else { continue }
      targetPort(action["port"], "\(field).\(kind).port")
      if kind == "httpGet" {
        _ = required(action["path"], "\(field).httpGet.path")
        oneOf(action["scheme"], "\(field).httpGet.scheme", ["HTTP", "HTTPS"])
        for header in action["httpHeaders"]?.arrayValue ?? [] {
          let name = header["name"]?.stringValue ?? ""
          let isName = name.utf8.allSatisfy {
            NameRules.isAlphanumeric($0) || $0 == UInt8(ascii: "-")
          }
          guard name.isEmpty || !isName else { continue }
          add(
            .invalid(
              "\(field).httpGet.httpHeaders", .string(name),
              "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                + "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"))
        }
      }
    }
    if let action = handler["grpc"] { port(action["port"], "\(field).grpc.port") }
  }

  /// A number, or the name of a port.
  mutating func targetPort(_ value: JSONValue?, _ field: String) {
    switch value {
    case .string(let name)?: add(Self.portNameProblems(name), field, value)
    default: port(value, field)
    }
  }
}
