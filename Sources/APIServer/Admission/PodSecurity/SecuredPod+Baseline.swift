import JSONDocument

// What the baseline forbids.
extension SecuredPod {
  private static let appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/"

  func appArmor() -> Violation? {
    var details: [String] = []
    var profiles: Set<String> = []
    func isForbidden(_ context: JSONValue?) -> String? {
      guard let type = context?.at("appArmorProfile", "type")?.stringValue,
        !["RuntimeDefault", "Localhost"].contains(type)
      else { return nil }
      profiles.insert(type)
      return type
    }
    if let type = isForbidden(podContext) {
      details.append("pod must not set AppArmor profile type to \"\(type)\"")
    }
    let bad = names { isForbidden(Self.context($0)) != nil }
    if !bad.isEmpty {
      let types = Set(containers.compactMap { isForbidden(Self.context($0)) }).sorted()
      details.append(
        "\(Self.list("container", bad)) must not set AppArmor profile type to "
          + Self.quoted(types))
    }
    let annotations = (metadata?["annotations"]?.objectValue ?? [:])
      .compactMap { key, value -> String? in
        guard key.hasPrefix(Self.appArmorPrefix) else { return nil }
        let profile = value.stringValue ?? ""
        let isFine =
          profile.isEmpty || profile == "runtime/default" || profile.hasPrefix("localhost/")
        if isFine { return nil }
        profiles.insert(profile)
        return "\(key)=\"\(profile)\""
      }.sorted()
    if !annotations.isEmpty { details.append(annotations.joined(separator: ", ")) }
    guard !details.isEmpty else { return nil }
    let count = annotations.count + bad.count + (details.count > 0 && bad.isEmpty ? 1 : 0)
    return Violation(
      reason: "forbidden AppArmor profile\(count > 1 ? "s" : "")",
      detail: details.joined(separator: " and "))
  }

  private static let defaultCapabilities: Set<String> = [
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
  ]

  static func addedCapabilities(_ container: JSONValue) -> [String] {
    context(container)?.at("capabilities", "add")?.arrayValue?.compactMap(\.stringValue) ?? []
  }

  func capabilities() -> Violation? {
    var forbidden: Set<String> = []
    let bad = names { container in
      let extra = Set(Self.addedCapabilities(container)).subtracting(Self.defaultCapabilities)
      forbidden.formUnion(extra)
      return !extra.isEmpty
    }
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "non-default capabilities",
      detail: "\(Self.list("container", bad)) must not include "
        + "\(Self.quoted(forbidden.sorted())) in securityContext.capabilities.add")
  }

  func hostNamespaces() -> Violation? {
    let set = ["hostNetwork", "hostPID", "hostIPC"].filter { spec?[$0]?.boolValue == true }
    guard !set.isEmpty else { return nil }
    return Violation(
      reason: "host namespaces", detail: set.map { "\($0)=true" }.joined(separator: ", "))
  }

  func hostPaths() -> Violation? {
    let volumes = (spec?["volumes"]?.arrayValue ?? []).filter {
      $0["hostPath"].map { !$0.isNull } ?? false
    }.map { $0["name"]?.stringValue ?? "" }
    guard !volumes.isEmpty else { return nil }
    return Violation(reason: "hostPath volumes", detail: Self.list("volume", volumes))
  }

  func hostPorts() -> Violation? {
    var ports: Set<Int64> = []
    let bad = names { container in
      let own = (container["ports"]?.arrayValue ?? []).compactMap { $0["hostPort"]?.intValue }
        .filter { $0 != 0 }
      ports.formUnion(own)
      return !own.isEmpty
    }
    guard !bad.isEmpty else { return nil }
    let plural = ports.count == 1 ? "hostPort" : "hostPorts"
    let list = ports.map(String.init).sorted().joined(separator: ", ")
    let verb = bad.count == 1 ? "uses" : "use"
    return Violation(
      reason: plural, detail: "\(Self.list("container", bad)) \(verb) \(plural) \(list)")
  }

  func hostProbes() -> Violation? {
    var hosts: Set<String> = []
    let bad = names { container in
      let own = Self.handlers(container).flatMap { handler in
        ["httpGet", "tcpSocket"].compactMap { handler.at($0, "host")?.stringValue }
      }.filter { !$0.isEmpty }
      hosts.formUnion(own)
      return !own.isEmpty
    }
    guard !bad.isEmpty else { return nil }
    let verb = bad.count == 1 ? "uses" : "use"
    return Violation(
      reason: "probe or lifecycle host",
      detail: "\(Self.list("container", bad)) \(verb) probe or lifecycle "
        + "\(hosts.count == 1 ? "host" : "hosts") \(Self.quoted(hosts.sorted()))")
  }

  private static func handlers(_ container: JSONValue) -> [JSONValue] {
    ["livenessProbe", "readinessProbe", "startupProbe"].compactMap { container[$0] }
      + ["postStart", "preStop"].compactMap { container.at("lifecycle", $0) }
  }

  func privileged() -> Violation? {
    let bad = names { Self.context($0)?["privileged"]?.boolValue == true }
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "privileged",
      detail: "\(Self.list("container", bad)) must not set securityContext.privileged=true")
  }

  func procMount() -> Violation? {
    // In a user namespace of its own a pod may see its processes as it likes.
    if spec?["hostUsers"]?.boolValue == false { return nil }
    var types: Set<String> = []
    let bad = names { container in
      guard let type = Self.context(container)?["procMount"]?.stringValue, type != "Default" else {
        return false
      }
      types.insert(type)
      return true
    }
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "procMount",
      detail: "\(Self.list("container", bad)) must not set securityContext.procMount to "
        + Self.quoted(types.sorted()))
  }

  func seLinux(_ level: SecurityLevel) -> Violation? {
    var allowed: Set<String> = ["", "container_t", "container_init_t", "container_kvm_t"]
    if level.has(31) { allowed.insert("container_engine_t") }
    var types: Set<String> = []
    var hasUser = false
    var hasRole = false
    func isBad(_ context: JSONValue?) -> Bool {
      guard let options = context?["seLinuxOptions"], !options.isNull else { return false }
      var bad = false
      let type = options["type"]?.stringValue ?? ""
      if !allowed.contains(type) {
        types.insert(type)
        bad = true
      }
      if !(options["user"]?.stringValue ?? "").isEmpty {
        hasUser = true
        bad = true
      }
      if !(options["role"]?.stringValue ?? "").isEmpty {
        hasRole = true
        bad = true
      }
      return bad
    }
    let isPod = isBad(podContext)
    let bad = names { isBad(Self.context($0)) }
    guard isPod || !bad.isEmpty else { return nil }
    var problems: [String] = []
    if !types.isEmpty {
      problems.append("type\(types.count == 1 ? "" : "s") \(Self.quoted(types.sorted()))")
    }
    if hasUser { problems.append("user may not be set") }
    if hasRole { problems.append("role may not be set") }
    return Violation(
      reason: "seLinuxOptions",
      detail: "\(Self.setters(isPod, bad)) set forbidden securityContext.seLinuxOptions: "
        + problems.joined(separator: "; "))
  }

  static func seccompType(_ context: JSONValue?) -> String? {
    context?.at("seccompProfile", "type")?.stringValue
  }

  private static let seccompPod = "seccomp.security.alpha.kubernetes.io/pod"
  private static let seccompContainer = "container.seccomp.security.alpha.kubernetes.io/"

  func seccomp(_ level: SecurityLevel) -> Violation? {
    guard level.has(19) else { return seccompAnnotations() }
    func isBad(_ context: JSONValue?) -> Bool {
      guard let type = Self.seccompType(context) else { return false }
      return !["RuntimeDefault", "Localhost"].contains(type)
    }
    let isPod = isBad(podContext)
    let bad = names { isBad(Self.context($0)) }
    guard isPod || !bad.isEmpty else { return nil }
    let types = Set(
      ([podContext] + containers.map(Self.context)).filter(isBad).compactMap(Self.seccompType))
    return Violation(
      reason: "seccompProfile",
      detail: "\(Self.setters(isPod, bad)) must not set securityContext.seccompProfile.type to "
        + Self.quoted(types.sorted()))
  }

  private func seccompAnnotations() -> Violation? {
    let bad = (metadata?["annotations"]?.objectValue ?? [:]).compactMap { key, value -> String? in
      guard key == Self.seccompPod || key.hasPrefix(Self.seccompContainer) else { return nil }
      let profile = value.stringValue ?? ""
      let isFine =
        ["", "runtime/default", "docker/default"].contains(profile)
        || profile.hasPrefix("localhost/")
      return isFine ? nil : "\(key)=\"\(profile)\""
    }.sorted()
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "seccompProfile",
      detail: "forbidden annotation\(bad.count == 1 ? "" : "s") " + bad.joined(separator: ", "))
  }

  func sysctls(_ level: SecurityLevel) -> Violation? {
    var allowed: Set<String> = [
      "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
      "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
      "net.ipv4.ping_group_range",
    ]
    if level.has(27) { allowed.insert("net.ipv4.ip_local_reserved_ports") }
    if level.has(29) {
      allowed.formUnion([
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
      ])
    }
    if level.has(32) { allowed.formUnion(["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]) }
    let bad = (podContext?["sysctls"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
      .filter { !allowed.contains($0) }
    guard !bad.isEmpty else { return nil }
    return Violation(reason: "forbidden sysctls", detail: bad.joined(separator: ", "))
  }

  func windowsHostProcess() -> Violation? {
    func isBad(_ context: JSONValue?) -> Bool {
      context?.at("windowsOptions", "hostProcess")?.boolValue == true
    }
    let isPod = isBad(podContext)
    let bad = names { isBad(Self.context($0)) }
    guard isPod || !bad.isEmpty else { return nil }
    return Violation(
      reason: "hostProcess",
      detail: "\(Self.setters(isPod, bad)) must not set "
        + "securityContext.windowsOptions.hostProcess=true")
  }
}
