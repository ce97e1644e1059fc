import JSONDocument

/// The Pod Security Standards: what of a pod a level forbids. Pure.
enum PodSecurity {
  /// One thing that is forbidden: what upstream calls it, and where it is.
  struct Violation: Sendable, Hashable {
    var reason: String
    var detail: String
  }

  /// - Parameters:
  ///   - metadata: of the pod or of the template.
  ///   - spec: of the pod.
  static func violations(metadata: JSONValue?, spec: JSONValue?, level: SecurityLevel)
    -> [Violation]
  {
    guard level.level != .privileged else { return [] }
    let pod = SecuredPod(metadata: metadata, spec: spec)
    var found: [Violation?] = [pod.appArmor()]
    if level.level == .baseline { found.append(pod.capabilities()) }
    found += [pod.hostNamespaces(), pod.hostPaths(), pod.hostPorts()]
    if level.has(34) { found.append(pod.hostProbes()) }
    found += [pod.privileged(), pod.procMount(), pod.seLinux(level)]
    if level.level == .baseline { found.append(pod.seccomp(level)) }
    found += [pod.sysctls(level), pod.windowsHostProcess()]
    if level.level == .restricted {
      found.append(level.has(8) ? pod.privilegeEscalation(level) : nil)
      found.append(level.has(22) ? pod.restrictedCapabilities(level) : pod.capabilities())
      found += [pod.volumeTypes(), pod.runAsNonRoot()]
      found.append(level.has(23) ? pod.runAsUser() : nil)
      found.append(level.has(19) ? pod.restrictedSeccomp(level) : pod.seccomp(level))
    }
    return found.compactMap { $0 }
  }

  /// The violations in one sentence; nil without any.
  static func text(_ violations: [Violation], level: SecurityLevel) -> String? {
    guard !violations.isEmpty else { return nil }
    let list = violations.map { violation in
      violation.detail.isEmpty ? violation.reason : "\(violation.reason) (\(violation.detail))"
    }
    return "PodSecurity \"\(level)\": \(list.joined(separator: ", "))"
  }

  /// Whether a change of a pod can make it forbidden: other containers, or other images.
  static func isSignificant(new: JSONValue, old: JSONValue) -> Bool {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
      let before = old.at("spec", list)?.arrayValue ?? []
      let after = new.at("spec", list)?.arrayValue ?? []
      if before.count != after.count { return true }
      for (before, after) in zip(before, after) where before["image"] != after["image"] {
        return true
      }
    }
    return false
  }

  /// Where workloads have their pods' template; nil for kinds without.
  static func templatePath(group: String, resource: String) -> [String]? {
    switch (group, resource) {
    case ("", "podtemplates"): ["template"]
    case ("", "replicationcontrollers"), ("apps", "replicasets"), ("apps", "deployments"),
      ("apps", "daemonsets"), ("apps", "statefulsets"), ("batch", "jobs"):
      ["spec", "template"]
    case ("batch", "cronjobs"): ["spec", "jobTemplate", "spec", "template"]
    default: nil
    }
  }
}
