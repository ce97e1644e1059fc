import JSONDocument

// What the restricted level forbids beyond the baseline.
extension SecuredPod {
  func privilegeEscalation(_ level: SecurityLevel) -> Violation? {
    if level.has(25), isWindows { return nil }
    let bad = names { Self.context($0)?["allowPrivilegeEscalation"]?.boolValue != false }
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "allowPrivilegeEscalation != false",
      detail: "\(Self.list("container", bad)) must set "
        + "securityContext.allowPrivilegeEscalation=false")
  }

  func restrictedCapabilities(_ level: SecurityLevel) -> Violation? {
    if level.has(25), isWindows { return nil }
    let undropped = names { container in
      let dropped = Self.context(container)?.at("capabilities", "drop")?.arrayValue ?? []
      return !dropped.contains("ALL")
    }
    var forbidden: Set<String> = []
    let adding = names { container in
      let extra = Set(Self.addedCapabilities(container)).subtracting(["NET_BIND_SERVICE"])
      forbidden.formUnion(extra)
      return !extra.isEmpty
    }
    var details: [String] = []
    if !undropped.isEmpty {
      details.append(
        "\(Self.list("container", undropped)) must set securityContext.capabilities.drop=[\"ALL\"]"
      )
    }
    if !adding.isEmpty {
      details.append(
        "\(Self.list("container", adding)) must not include "
          + "\(Self.quoted(forbidden.sorted())) in securityContext.capabilities.add")
    }
    guard !details.isEmpty else { return nil }
    return Violation(
      reason: "unrestricted capabilities", detail: details.joined(separator: "; "))
  }

  private static let allowedVolumes: Set<String> = [
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
    "projected", "secret",
  ]

  func volumeTypes() -> Violation? {
    var types: Set<String> = []
    var bad: [String] = []
    for volume in spec?["volumes"]?.arrayValue ?? [] {
      let sources = (volume.objectValue ?? [:]).compactMap { key, value in
        key == "name" || value.isNull ? nil : key
      }
      if sources.contains(where: Self.allowedVolumes.contains) { continue }
      bad.append(volume["name"]?.stringValue ?? "")
      types.insert(sources.sorted().first ?? "unknown")
    }
    guard !bad.isEmpty else { return nil }
    return Violation(
      reason: "restricted volume types",
      detail: "\(Self.list("volume", bad)) \(bad.count == 1 ? "uses" : "use") restricted volume "
        + "type\(types.count == 1 ? "" : "s") \(Self.quoted(types.sorted()))")
  }

  func runAsNonRoot() -> Violation? {
    let pod = podContext?["runAsNonRoot"]?.boolValue
    let explicit = names { Self.context($0)?["runAsNonRoot"]?.boolValue == false }
    let implicit =
      pod == true ? [] : names { Self.context($0)?["runAsNonRoot"]?.boolValue == nil }
    // The pod's own word counts where a container leaves it to the pod.
    if pod == false, !implicit.isEmpty || !explicit.isEmpty {
      return Violation(
        reason: "runAsNonRoot != true",
        detail: "\(Self.setters(true, explicit)) must not set securityContext.runAsNonRoot=false")
    }
    if !explicit.isEmpty {
      return Violation(
        reason: "runAsNonRoot != true",
        detail: "\(Self.setters(false, explicit)) must not set securityContext.runAsNonRoot=false")
    }
    guard !implicit.isEmpty, pod != false else { return nil }
    return Violation(
      reason: "runAsNonRoot != true",
      detail: "pod or \(Self.list("container", implicit)) must set "
        + "securityContext.runAsNonRoot=true")
  }

  func runAsUser() -> Violation? {
    if spec?["hostUsers"]?.boolValue == false { return nil }
    let isPod = podContext?["runAsUser"]?.intValue == 0
    let bad = names { Self.context($0)?["runAsUser"]?.intValue == 0 }
    guard isPod || !bad.isEmpty else { return nil }
    return Violation(
      reason: "runAsUser=0", detail: "\(Self.setters(isPod, bad)) must not set runAsUser=0")
  }

  func restrictedSeccomp(_ level: SecurityLevel) -> Violation? {
    if level.has(25), isWindows { return nil }
    func isFine(_ type: String) -> Bool { type == "RuntimeDefault" || type == "Localhost" }
    let pod = Self.seccompType(podContext)
    let explicit = names { container in
      Self.seccompType(Self.context(container)).map { !isFine($0) } ?? false
    }
    let implicit =
      pod != nil ? [] : names { Self.seccompType(Self.context($0)) == nil }
    let isPod = pod.map { !isFine($0) } ?? false
    if isPod || !explicit.isEmpty {
      let types = Set(
        ([podContext] + containers.map(Self.context)).compactMap(Self.seccompType)
          .filter { !isFine($0) })
      return Violation(
        reason: "seccompProfile",
        detail: "\(Self.setters(isPod, explicit)) must not set "
          + "securityContext.seccompProfile.type to \(Self.quoted(types.sorted()))")
    }
    guard !implicit.isEmpty else { return nil }
    return Violation(
      reason: "seccompProfile",
      detail: "pod or \(Self.list("container", implicit)) must set "
        + "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"")
  }
}
