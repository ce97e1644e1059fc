import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  private static let securityPrefix = Array(SecurityLevel.prefix.utf8)
  /// Pods of a namespace that are looked at when its level changes. Upstream's default.
  static let maximumCheckedPods = 3000
  /// Subresources that can't make a pod less secure.
  private static let harmless: Set<String> = [
    "status", "binding", "eviction", "resize", "exec", "attach", "portforward", "proxy", "log",
  ]

  /// Holds pods to the level of their namespace, and warns about workloads and namespaces.
  func checkPodSecurity(
    _ object: JSONValue, old: JSONValue?, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) throws(APIStatus) {
    guard configuration.isEnabled(AdmissionPlugin.podSecurity) else { return }
    if info.isNamespaces {
      if subresource.isEmpty { try checkNamespaceLevels(object, old: old, info, context) }
      return
    }
    guard !Self.harmless.contains(subresource) else { return }
    if info.isPods {
      guard let labels = securityLabels(namespace: object.namespace) else { return }
      if let old, !PodSecurity.isSignificant(new: object, old: old) { return }
      try checkPod(object, labels, info, context)
    } else if subresource.isEmpty,
      let path = PodSecurity.templatePath(group: info.group, resource: info.resource),
      let labels = securityLabels(namespace: object.namespace),
      let template = object.at(path: path)
    {
      warn(about: template, level: SecurityLevel(labels: labels, mode: "warn"), context)
    }
  }

  private func checkPod(
    _ pod: JSONValue, _ labels: [String: String], _ info: ResourceInfo, _ context: RequestContext
  ) throws(APIStatus) {
    let enforced = SecurityLevel(labels: labels, mode: "enforce")
    let violations = PodSecurity.violations(
      metadata: pod["metadata"], spec: pod["spec"], level: enforced)
    if let text = PodSecurity.text(violations, level: enforced) {
      throw .forbidden(info.gvr, name: pod.name, "violates \(text)")
    }
    let warned = SecurityLevel(labels: labels, mode: "warn")
    if warned != enforced { warn(about: pod, level: warned, context) }
  }

  private func warn(about pod: JSONValue, level: SecurityLevel, _ context: RequestContext) {
    let violations = PodSecurity.violations(
      metadata: pod["metadata"], spec: pod["spec"], level: level)
    if let text = PodSecurity.text(violations, level: level) {
      context.warnings.add("would violate \(text)")
    }
  }

  /// The labels of a namespace that has one of Pod Security; `nil` for all others, found out
  /// without reading the object.
  private func securityLabels(namespace: String) -> [String: String]? {
    let key = Key(resource: "namespaces", group: "", namespace: "", name: namespace)
    guard let entry = store.current().get(key), entry.value.contains(Self.securityPrefix),
      let value = try? JSONValue(parsing: entry.value)
    else { return nil }
    let labels = value.labels
    return labels.keys.contains { $0.hasPrefix(SecurityLevel.prefix) } ? labels : nil
  }

  // MARK: Namespaces

  private func checkNamespaceLevels(
    _ namespace: JSONValue, old: JSONValue?, _ info: ResourceInfo, _ context: RequestContext
  ) throws(APIStatus) {
    let labels = namespace.labels
    guard labels.keys.contains(where: { $0.hasPrefix(SecurityLevel.prefix) }) else { return }
    let before = old?.labels ?? [:]
    var errors: [FieldError] = []
    for mode in ["enforce", "audit", "warn"] {
      let name = SecurityLevel.prefix + mode
      if let text = labels[name], SecurityLevel.Level(rawValue: text) == nil, text != before[name] {
        errors.append(
          .invalid("metadata.labels[\(name)]", .string(text), SecurityLevel.invalidLevel))
      }
      let version = name + "-version"
      if let text = labels[version], SecurityLevel.minor(text) == nil, text != before[version] {
        errors.append(
          .invalid("metadata.labels[\(version)]", .string(text), SecurityLevel.invalidVersion))
      }
    }
    guard errors.isEmpty else {
      throw APIStatus.invalid(
        kind: info.kind, group: info.group, name: namespace.name, errors: errors)
    }
    guard old != nil else { return }
    let new = SecurityLevel(labels: labels, mode: "enforce")
    let previous = SecurityLevel(labels: before, mode: "enforce")
    guard new.level > previous.level || new.level == previous.level && new != previous,
      new.level != .privileged
    else { return }
    warnAboutPods(of: namespace.name, level: new, context)
  }

  /// Says which pods that are there would not be admitted any more.
  private func warnAboutPods(of namespace: String, level: SecurityLevel, _ context: RequestContext)
  {
    let prefix = Key(resource: "pods", group: "", namespace: namespace, name: "")
    var pods: [String: [String]] = [:]
    var owners: Set<String> = []
    for entry in store.current().entries(prefix: prefix, limit: Self.maximumCheckedPods) {
      guard let pod = try? JSONValue(parsing: entry.value) else { continue }
      let violations = PodSecurity.violations(
        metadata: pod["metadata"], spec: pod["spec"], level: level)
      guard !violations.isEmpty else { continue }
      // One pod speaks for all of its controller.
      let owner = pod.at("metadata", "ownerReferences")?.arrayValue?.first {
        $0["controller"]?.boolValue == true
      }
      if let uid = owner?["uid"]?.stringValue, !owners.insert(uid).inserted { continue }
      pods[violations.map(\.reason).joined(separator: ", "), default: []].append(pod.name)
    }
    guard !pods.isEmpty else { return }
    context.warnings.add(
      "existing pods in namespace \"\(namespace)\" violate the new PodSecurity enforce level "
        + "\"\(level)\"")
    let lines = pods.map { reasons, names in
      switch names.count {
      case 1: "\(names[0]): \(reasons)"
      case 2: "\(names[0]) (and 1 other pod): \(reasons)"
      default: "\(names[0]) (and \(names.count - 1) other pods): \(reasons)"
      }
    }
    for line in lines.sorted() { context.warnings.add(line) }
  }
}

extension [UInt8] {
  /// Whether `part` stands somewhere in these bytes.
  func contains(_ part: [UInt8]) -> Bool {
    guard let first = part.first, count >= part.count else { return part.isEmpty }
    var start = startIndex
    while let position = self[start...].firstIndex(of: first) {
      guard position + part.count <= count else { return false }
      if self[position..<position + part.count].elementsEqual(part) { return true }
      start = position + 1
    }
    return false
  }
}
