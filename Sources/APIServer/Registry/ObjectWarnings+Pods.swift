import JSONDocument
import KubernetesAPI

extension ObjectWarnings {
  static func template(_ template: JSONValue?, _ field: String) -> [String] {
    pod(template?["spec"], template?["metadata"], field)
  }

  /// Names of pods become names of hosts, and those are single labels.
  static func podName(_ object: JSONValue) -> [String] {
    labelProblems(object.name).map {
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising "
          + "behavior; a DNS label is recommended: [\($0)]"
      ]
    } ?? []
  }

  static func workloadName(_ object: JSONValue) -> [String] {
    labelProblems(object.name).map {
      [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising "
          + "behavior; a DNS label is recommended: [\($0)]"
      ]
    } ?? []
  }

  /// Of a name that is valid otherwise.
  private static func labelProblems(_ name: String) -> String? {
    var problems: [String] = []
    if name.utf8.count > 63 { problems.append("must be no more than 63 characters") }
    if name.contains(".") { problems.append("must not contain dots") }
    return problems.isEmpty ? nil : problems.joined(separator: " ")
  }

  /// - Parameter field: the path of the template; empty for a pod.
  static func pod(_ spec: JSONValue?, _ metadata: JSONValue?, _ field: String) -> [String] {
    let specField = field.isEmpty ? "spec" : "\(field).spec"
    let annotationField = (field.isEmpty ? "" : "\(field).") + "metadata.annotations"
    var warnings = placement(spec, specField)
    let annotations = metadata?["annotations"]
    for (key, message) in deprecatedAnnotations where annotations?[key] != nil {
      warnings.append("\(annotationField)[\(key)]: \(message)")
    }
    warnings += volumes(spec, specField)
    warnings += repeated(spec?["hostAliases"], "ip", "\(specField).hostAliases")
    warnings += repeated(spec?["imagePullSecrets"], "name", "\(specField).imagePullSecrets")
    for (index, secret) in (spec?["imagePullSecrets"]?.arrayValue ?? []).enumerated()
    where (secret["name"]?.stringValue ?? "").isEmpty {
      warnings.append("\(specField).imagePullSecrets[\(index)].name: invalid empty name \"\"")
    }
    warnings += fraction(spec?["overhead"], byteResources, "\(specField).overhead")
    let seccomp = "seccomp.security.alpha.kubernetes.io/pod"
    if spec?.at("securityContext", "seccompProfile") == nil, annotations?[seccomp] != nil {
      warnings.append(
        "\(annotationField)[\(seccomp)]: non-functional in v1.27+; use the \"seccompProfile\" field "
          + "instead")
    }
    var ports = PortWarnings()
    for list in ["initContainers", "containers", "ephemeralContainers"] {
      for (index, container) in (spec?[list]?.arrayValue ?? []).enumerated() {
        let place = "\(specField).\(list)[\(index)]"
        warnings += self.container(container, place, annotations, annotationField)
        ports.add(container["ports"], "\(place).ports")
      }
    }
    warnings += ports.warnings
    if let seconds = spec?["terminationGracePeriodSeconds"]?.intValue, seconds < 0 {
      warnings.append(
        "\(specField).terminationGracePeriodSeconds: must be >= 0; negative values are invalid and "
          + "will be treated as 1")
    }
    return warnings + podAffinity(spec, specField)
  }

  /// Whether a pod may have annotations that were fields once: all of them have this in their
  /// names.
  static func hasAnnotationsToWarnOf(_ pod: JSONValue) -> Bool {
    let annotations = pod.at("metadata", "annotations")?.objectValue ?? [:]
    return annotations.keys.contains { $0.contains(".alpha.kubernetes.io/") }
  }

  private static let byteResources = ["memory", "ephemeral-storage"]

  private static let deprecatedAnnotations = [
    (
      "scheduler.alpha.kubernetes.io/critical-pod",
      "non-functional in v1.16+; use the \"priorityClassName\" field instead"
    ),
    (
      "security.alpha.kubernetes.io/sysctls",
      "non-functional in v1.11+; use the \"sysctls\" field instead"
    ),
    (
      "security.alpha.kubernetes.io/unsafe-sysctls",
      "non-functional in v1.11+; use the \"sysctls\" field instead"
    ),
  ]

  /// Where the pod may run.
  private static func placement(_ spec: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for key in (spec?["nodeSelector"]?.objectValue ?? [:]).keys {
      if let message = NodeLabels.deprecation(of: key) {
        warnings.append("\(field).nodeSelector[\(key)]: \(message)")
      }
    }
    let affinity = spec?.at("affinity", "nodeAffinity")
    let affinityField = "\(field).affinity.nodeAffinity"
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    warnings += nodeSelector(affinity?[required], "\(affinityField).\(required)")
    for (index, term) in (affinity?[preferred]?.arrayValue ?? []).enumerated() {
      warnings += nodeSelectorTerm(
        term["preference"], "\(affinityField).\(preferred)[\(index)].preference")
    }
    for (index, spread) in (spec?["topologySpreadConstraints"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).topologySpreadConstraints[\(index)]"
      let key = spread["topologyKey"]?.stringValue ?? ""
      if let message = NodeLabels.deprecation(of: key) {
        warnings.append("\(place).topologyKey: \(key) is \(message)")
      }
      warnings += missingSelector(spread, place)
    }
    return warnings
  }

  private static func podAffinity(_ spec: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for kind in ["podAffinity", "podAntiAffinity"] {
      let affinity = spec?.at("affinity", kind)
      let required = "requiredDuringSchedulingIgnoredDuringExecution"
      let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
      for (index, term) in (affinity?[required]?.arrayValue ?? []).enumerated() {
        warnings += missingSelector(term, "\(field).affinity.\(kind).\(required)[\(index)]")
      }
      for (index, term) in (affinity?[preferred]?.arrayValue ?? []).enumerated() {
        warnings += missingSelector(
          term["podAffinityTerm"] ?? [:],
          "\(field).affinity.\(kind).\(preferred)[\(index)].podAffinityTerm")
      }
    }
    return warnings
  }

  private static func missingSelector(_ term: JSONValue, _ field: String) -> [String] {
    guard term["labelSelector"] == nil else { return [] }
    return ["\(field).labelSelector: a null labelSelector results in matching no pod"]
  }

  private static func volumes(_ spec: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for (index, volume) in (spec?["volumes"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).volumes[\(index)]"
      warnings += deprecatedVolume(volume, place)
      warnings += claim(
        volume.at("ephemeral", "volumeClaimTemplate", "spec"),
        "\(place).ephemeral.volumeClaimTemplate.spec")
      if let projected = volume["projected"] {
        let sources = projected["sources"]?.arrayValue ?? []
        let emptyCount = sources.count { $0.objectValue?.isEmpty == true }
        warnings += Array(
          repeating:
            "volume \"\(volume["name"]?.stringValue ?? "")\" (Projected) has no sources provided",
          count: sources.isEmpty ? 1 : emptyCount)
      }
    }
    return warnings
  }

  private static func repeated(_ list: JSONValue?, _ key: String, _ field: String) -> [String] {
    var seen: Set<String> = []
    var warnings: [String] = []
    for (index, item) in (list?.arrayValue ?? []).enumerated() {
      let value = item[key]?.stringValue ?? ""
      if !seen.insert(value).inserted {
        warnings.append("\(field)[\(index)].\(key): duplicate \(key) \(GoFormat.quoted(value))")
      }
    }
    return warnings
  }

  private static func container(
    _ container: JSONValue, _ field: String, _ annotations: JSONValue?, _ annotationField: String
  ) -> [String] {
    var warnings: [String] = []
    let name = container["name"]?.stringValue ?? ""
    let seccomp = "container.seccomp.security.alpha.kubernetes.io/\(name)"
    if annotations?[seccomp] != nil, container.at("securityContext", "seccompProfile") == nil {
      warnings.append(
        "\(annotationField)[\(seccomp)]: non-functional in v1.27+; use the \"seccompProfile\" field "
          + "instead")
    }
    for kind in ["limits", "requests"] {
      warnings += fraction(
        container.at("resources", kind), byteResources, "\(field).resources.\(kind)")
    }
    var seen: Set<String> = []
    for (index, variable) in (container["env"]?.arrayValue ?? []).enumerated() {
      let name = variable["name"]?.stringValue ?? ""
      guard !seen.insert(name).inserted else { continue }
      let value = variable["value"]?.stringValue ?? ""
      // A value may build on the one before it.
      let reference = "$(\(name))"
      if variable["valueFrom"] != nil || value == reference || !value.contains(reference) {
        warnings.append(
          "\(field).env[\(index)]: hides previous definition of \(GoFormat.quoted(name)), which may "
            + "be dropped when using apply")
      }
    }
    return warnings
  }
}

/// Ports that containers of one pod name more than once.
private struct PortWarnings {
  private struct Port {
    var field: String
    var hostIP: String
    var hostPort: Int64
  }

  private var known: [String: [Port]] = [:]
  private(set) var warnings: [String] = []

  mutating func add(_ ports: JSONValue?, _ field: String) {
    for (index, value) in (ports?.arrayValue ?? []).enumerated() {
      let port = Port(
        field: "\(field)[\(index)]", hostIP: value["hostIP"]?.stringValue ?? "",
        hostPort: value["hostPort"]?.intValue ?? 0)
      if !port.hostIP.isEmpty, port.hostPort == 0 {
        warnings.append("\(port.field): hostIP set without hostPort: \(GoFormat.text(value))")
      }
      let key =
        "\(value["containerPort"]?.intValue ?? 0)/\(value["protocol"]?.stringValue ?? "TCP")"
      for other in known[key] ?? [] {
        if port.hostIP == other.hostIP, port.hostPort == other.hostPort {
          warnings.append("\(port.field): duplicate port definition with \(other.field)")
        } else if port.hostPort == 0 || other.hostPort == 0 {
          warnings.append("\(port.field): overlapping port definition with \(other.field)")
        } else if port.hostPort == other.hostPort, port.hostIP.isEmpty != other.hostIP.isEmpty {
          warnings.append(
            "\(port.field): dangerously ambiguous port definition with \(other.field)")
        }
      }
      known[key, default: []].append(port)
    }
  }
}
