import JSONDocument

extension Validation.Checker {
  mutating func pod() {
    if isCreate, !(value("spec.ephemeralContainers")?.arrayValue ?? []).isEmpty {
      add(.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    }
    podSpec(object["spec"], "spec")
  }

  mutating func podTemplate(at field: String, _ template: JSONValue?) {
    labels(template?.at("metadata", "labels"), "\(field).labels")
    annotations(template?.at("metadata", "annotations"), "\(field).annotations")
    podSpec(template?["spec"], "\(field).spec")
    if !(template?.at("spec", "ephemeralContainers")?.arrayValue ?? []).isEmpty {
      add(
        .forbidden(
          "\(field).spec.ephemeralContainers",
          "ephemeral containers not allowed in pod template"))
    }
  }

  private mutating func podSpec(_ spec: JSONValue?, _ field: String) {
    guard let spec else { return }
    let volumeNames = volumes(spec["volumes"], "\(field).volumes", spec: spec, claims: claimNames)
    containers(spec, field, volumeNames: volumeNames)
    oneOf(spec["restartPolicy"], "\(field).restartPolicy", ["Always", "OnFailure", "Never"])
    oneOf(
      spec["dnsPolicy"], "\(field).dnsPolicy",
      ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])
    if spec["dnsPolicy"] == "None", spec["dnsConfig"] == nil {
      add(.required("\(field).dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None"))
    }
    if spec["dnsPolicy"] == "None", let servers = spec["dnsConfig"],
      (servers["nameservers"]?.arrayValue ?? []).isEmpty
    {
      add(
        .required(
          "\(field).dnsConfig.nameservers",
          "must provide at least one DNS nameserver when `dnsPolicy` is None"))
    }
    for key in ["priorityClassName", "runtimeClassName"] {
      if let name = spec[key]?.stringValue, !name.isEmpty {
        add(NameRules.dns1123Subdomain(name), "\(field).\(key)", .string(name))
      }
    }
    oneOf(
      spec["preemptionPolicy"], "\(field).preemptionPolicy", ["PreemptLowerPriority", "Never"])
    if let system = spec["os"] {
      let name = system["name"]?.stringValue ?? ""
      if required(.string(name), "\(field).os.name", "cannot be empty") {
        oneOf(.string(name), "\(field).os.name", ["linux", "windows"])
      }
      operatingSystem(name, spec, field)
    }
    podClaims(spec["resourceClaims"], "\(field).resourceClaims")
    labels(spec["nodeSelector"], "\(field).nodeSelector")
    if let account = spec["serviceAccountName"]?.stringValue {
      add(
        NameRules.dns1123Subdomain(account), "\(field).serviceAccountName", .string(account))
    }
    if let node = spec["nodeName"]?.stringValue {
      add(NameRules.dns1123Subdomain(node), "\(field).nodeName", .string(node))
    }
    for key in ["hostname", "subdomain"] {
      if let name = spec[key]?.stringValue {
        add(NameRules.dns1123Label(name), "\(field).\(key)", .string(name))
      }
    }
    if let deadline = spec["activeDeadlineSeconds"]?.intValue,
      !(1...Int64(Int32.max)).contains(deadline)
    {
      add(
        .invalid(
          "\(field).activeDeadlineSeconds", .int(deadline),
          "must be between 1 and 2147483647, inclusive"))
    }
    for (index, alias) in (spec["hostAliases"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).hostAliases[\(index)]"
      address(alias["ip"], "\(place).ip")
      for (position, host) in (alias["hostnames"]?.arrayValue ?? []).enumerated() {
        add(
          NameRules.dns1123Subdomain(host.stringValue ?? ""), "\(place).hostnames[\(position)]",
          host)
      }
    }
    tolerations(spec["tolerations"], "\(field).tolerations")
    podSecurityContext(spec["securityContext"], "\(field).securityContext")
    hostNamespaces(spec, field)
    affinity(spec["affinity"], "\(field).affinity")
    for (index, gate) in (spec["readinessGates"]?.arrayValue ?? []).enumerated() {
      let type = gate["conditionType"]?.stringValue ?? ""
      add(
        NameRules.qualifiedName(type), "\(field).readinessGates[\(index)].conditionType",
        .string(type))
    }
    topologySpread(spec["topologySpreadConstraints"], "\(field).topologySpreadConstraints")
    dnsConfiguration(spec["dnsConfig"], "\(field).dnsConfig")
    if let host = spec["hostnameOverride"]?.stringValue {
      let place = "\(field).hostnameOverride"
      if spec["setHostnameAsFQDN"] == true {
        add(.forbidden(place, "may not be specified when setHostnameAsFQDN is true"))
      }
      if spec["hostNetwork"] == true {
        add(.forbidden(place, "may not be specified when hostNetwork is true"))
      }
      if host.utf8.count > 64 { add(FieldError(.tooLong, place, "may not be more than 64 bytes")) }
      add(NameRules.dns1123Subdomain(host), place, .string(host))
    }
    var gates: Set<String> = []
    for (index, gate) in (spec["schedulingGates"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).schedulingGates[\(index)]"
      let name = gate["name"]?.stringValue ?? ""
      add(NameRules.qualifiedName(name), place, .string(name))
      if !gates.insert(name).inserted { add(.duplicate(place, .string(name))) }
    }
  }

  private mutating func dnsConfiguration(_ value: JSONValue?, _ field: String) {
    let servers = value?["nameservers"]?.arrayValue ?? []
    if servers.count > 3 {
      add(
        .invalid(
          "\(field).nameservers", .array(servers), "must not have more than 3 nameservers"))
    }
    for (index, server) in servers.enumerated() {
      address(server, "\(field).nameservers[\(index)]")
    }
    let searches = value?["searches"]?.arrayValue ?? []
    if searches.count > 32 {
      add(
        .invalid(
          "\(field).searches", .array(searches), "must not have more than 32 search paths"))
    }
    let length = searches.reduce(max(0, searches.count - 1)) {
      $0 + ($1.stringValue ?? "").utf8.count
    }
    if length > 2048 {
      add(
        .invalid(
          "\(field).searches", .array(searches),
          "must not have more than 2048 characters (including spaces) in the search list"))
    }
    for (index, search) in searches.enumerated() where search != "." {
      var text = search.stringValue ?? ""
      if text.hasSuffix(".") { text.removeLast() }
      add(
        NameRules.dns1123SubdomainWithUnderscore(text), "\(field).searches[\(index)]",
        .string(text))
    }
    for (index, option) in (value?["options"]?.arrayValue ?? []).enumerated()
    where (option["name"]?.stringValue ?? "").isEmpty {
      add(.required("\(field).options[\(index)]", "must not be empty"))
    }
  }

  /// A StatefulSet's claims count as volumes of its pods.
  var claimNames: Set<String> {
    Set(
      (value("spec.volumeClaimTemplates")?.arrayValue ?? []).compactMap {
        $0.at("metadata", "name")?.stringValue
      })
  }

  mutating func address(_ value: JSONValue?, _ field: String) {
    add(IPAddress.problems(value?.stringValue ?? ""), field, value ?? "")
  }

  mutating func tolerations(_ value: JSONValue?, _ field: String) {
    for (index, toleration) in (value?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let key = toleration["key"]?.stringValue ?? ""
      let word = toleration["operator"]
      if !key.isEmpty { add(NameRules.labelKey(key), "\(place).key", .string(key)) }
      if key.isEmpty, word != "Exists" {
        add(
          .invalid(
            "\(place).operator", word ?? "",
            "operator must be Exists when `key` is empty, which means \"match all values and all "
              + "keys\""))
      }
      if let seconds = toleration["tolerationSeconds"], seconds.intValue != nil,
        toleration["effect"] != "NoExecute"
      {
        add(
          .invalid(
            "\(place).effect", toleration["effect"] ?? "",
            "effect must be 'NoExecute' when `tolerationSeconds` is set"))
      }
      let text = toleration["value"]?.stringValue ?? ""
      switch word {
      case nil, "", "Equal":
        add(NameRules.labelValue(text), "\(place).operator", .string(text))
      case "Exists":
        if !text.isEmpty {
          add(
            .invalid(
              "\(place).operator", .string(text),
              "value must be empty when `operator` is 'Exists'"))
        }
      default: oneOf(word, "\(place).operator", ["Equal", "Exists"])
      }
      if toleration["effect"] != "" {
        oneOf(
          toleration["effect"], "\(place).effect", ["NoSchedule", "PreferNoSchedule", "NoExecute"])
      }
    }
  }

  private mutating func identifier(_ value: JSONValue?, _ field: String) {
    if let number = value?.intValue, !(0...Int64(Int32.max)).contains(number) {
      add(.invalid(field, value, "must be between 0 and 2147483647, inclusive"))
    }
  }

  private mutating func podSecurityContext(_ context: JSONValue?, _ field: String) {
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
      identifier(context?[key], "\(field).\(key)")
    }
    for (index, group) in (context?["supplementalGroups"]?.arrayValue ?? []).enumerated() {
      identifier(group, "\(field).supplementalGroups[\(index)]")
    }
    var parameters: Set<String> = []
    for (index, sysctl) in (context?["sysctls"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).sysctls[\(index)].name"
      let name = sysctl["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required(place))
      } else if !Self.isSysctl(name) {
        add(
          .invalid(
            place, .string(name),
            "must have at most 253 characters and match regex "
              + "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"))
      } else if !parameters.insert(name.map { $0 == "/" ? "." : String($0) }.joined()).inserted {
        add(.duplicate(place, .string(name)))
      }
    }
    oneOf(
      context?["fsGroupChangePolicy"], "\(field).fsGroupChangePolicy",
      ["Always", "OnRootMismatch"])
    oneOf(
      context?["supplementalGroupsPolicy"], "\(field).supplementalGroupsPolicy",
      ["Merge", "Strict"])
    oneOf(
      context?["seLinuxChangePolicy"], "\(field).seLinuxChangePolicy", ["MountOption", "Recursive"])
    profiles(of: context, field)
  }

  private static func isSysctl(_ name: String) -> Bool {
    name.utf8.count <= 253
      && name.split(
        omittingEmptySubsequences: false, whereSeparator: { $0 == "." || $0 == "/" }
      ).allSatisfy { part in
        NameRules.isLabelSyntax(part.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 })
      }
  }

  /// A pod's own label, which was written into the selector when the pod was made.
  private func isOwnLabel(_ rule: JSONValue) -> Bool {
    guard resource.kind == "Pod", rule["operator"] == "In", let key = rule["key"]?.stringValue,
      let label = object.at("metadata", "labels", key)
    else { return false }
    return rule["values"] == .array([label])
  }

  private mutating func topologySpread(_ value: JSONValue?, _ field: String) {
    let constraints = value?.arrayValue ?? []
    for (index, constraint) in constraints.enumerated() {
      let place = "\(field)[\(index)]"
      if (constraint["maxSkew"]?.intValue ?? 0) <= 0 {
        add(.invalid("\(place).maxSkew", constraint["maxSkew"], "must be greater than zero"))
      }
      let key = constraint["topologyKey"]?.stringValue ?? ""
      if key.isEmpty {
        add(.required("\(place).topologyKey", "can not be empty"))
      } else {
        add(NameRules.labelKey(key), "\(place).topologyKey", .string(key))
      }
      let action = constraint["whenUnsatisfiable"]?.stringValue ?? ""
      oneOf(
        .string(action), "\(place).whenUnsatisfiable", ["DoNotSchedule", "ScheduleAnyway"])
      if constraints[(index + 1)...].contains(where: {
        $0["topologyKey"]?.stringValue ?? "" == key
          && $0["whenUnsatisfiable"]?.stringValue ?? "" == action
      }) {
        add(
          .duplicate(
            "\(place).{topologyKey, whenUnsatisfiable}", .string("{\(key), \(action)}")))
      }
      if let domains = constraint["minDomains"]?.intValue, domains <= 0 {
        add(.invalid("\(place).minDomains", .int(domains), "must be greater than zero"))
      }
      if let domains = constraint["minDomains"], action != "DoNotSchedule" {
        add(
          .invalid(
            "\(place).minDomains", domains,
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)"))
      }
      let keys = constraint["matchLabelKeys"]?.arrayValue ?? []
      if !keys.isEmpty, constraint["labelSelector"] == nil {
        add(
          .forbidden(
            "\(place).matchLabelKeys", "must not be specified when labelSelector is not set"))
      } else {
        let selected = Set(
          (constraint.at("labelSelector", "matchExpressions")?.arrayValue ?? [])
            .filter { !isOwnLabel($0) }.compactMap { $0["key"]?.stringValue }
            + (constraint.at("labelSelector", "matchLabels")?.objectValue.map { Array($0.keys) }
              ?? []))
        for (position, key) in keys.enumerated() {
          let text = key.stringValue ?? ""
          add(NameRules.labelKey(text), "\(place).matchLabelKeys[\(position)]", key)
          if selected.contains(text) {
            add(
              .invalid(
                "\(place).matchLabelKeys[\(position)]", key,
                "exists in both matchLabelKeys and labelSelector"))
          }
        }
      }
      for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        oneOf(constraint[key], "\(place).\(key)", ["Honor", "Ignore"])
      }
      selector(constraint["labelSelector"], "\(place).labelSelector")
    }
  }

  /// Of a running pod only images, deadlines, the grace period and further tolerations change.
  mutating func podUpdate(_ old: JSONValue) {
    let now = comparableSpec(object["spec"])
    let before = comparableSpec(old["spec"])
    if let wanted = value("spec.activeDeadlineSeconds")?.intValue,
      let given = old.at("spec", "activeDeadlineSeconds")?.intValue, wanted > given
    {
      add(
        .invalid(
          "spec.activeDeadlineSeconds", .int(wanted),
          "must be less than or equal to previous value"))
    }
    for (index, container) in (value("spec.containers")?.arrayValue ?? []).enumerated() {
      let image = container["image"]?.stringValue ?? ""
      if image.isEmpty { add(.required("spec.containers[\(index)].image")) }
    }
    gateUpdate(old)
    let kept = old.at("spec", "tolerations")?.arrayValue ?? []
    let tolerations = value("spec.tolerations")?.arrayValue ?? []
    let onlyAdds = kept.allSatisfy { toleration in
      tolerations.contains { candidate in
        var candidate = candidate
        candidate["tolerationSeconds"] = toleration["tolerationSeconds"]
        return candidate == toleration
      }
    }
    guard now != before || !onlyAdds else { return }
    add(
      .forbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,"
          + "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
          + "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
          + "be set to 1 if it was previously negative)"))
  }

  /// Gates only go; while there are some, where the pod may run can only be narrowed.
  private mutating func gateUpdate(_ old: JSONValue) {
    let gates = Set(
      (old.at("spec", "schedulingGates")?.arrayValue ?? []).compactMap { $0["name"]?.stringValue })
    for (index, gate) in (value("spec.schedulingGates")?.arrayValue ?? []).enumerated() {
      let name = gate["name"]?.stringValue ?? ""
      if !gates.contains(name) {
        add(
          .forbidden(
            "spec.schedulingGates[\(index)].name",
            "only deletion is allowed, but found new scheduling gate '\(name)'"))
      }
    }
    guard !gates.isEmpty else { return }
    let now = value("spec.nodeSelector")?.objectValue ?? [:]
    for (key, label) in old.at("spec", "nodeSelector")?.objectValue ?? [:]
    where now[key] != label {
      add(
        .invalid(
          "spec.nodeSelector", value("spec.nodeSelector") ?? .null,
          "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
      break
    }
  }

  private func comparableSpec(_ spec: JSONValue?) -> JSONValue {
    var spec = spec ?? .null
    for key in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] { spec[key] = nil }
    let grace = spec["terminationGracePeriodSeconds"]?.intValue ?? 0
    if grace < 0 { spec["terminationGracePeriodSeconds"] = 1 }
    let gated = !(old?.at("spec", "schedulingGates")?.arrayValue ?? []).isEmpty
    if gated {
      for key in ["schedulingGates", "nodeSelector", "affinity"] { spec[key] = nil }
    }
    for list in ["containers", "initContainers"] {
      guard case .array(var containers) = spec[list] else { continue }
      for index in containers.indices { containers[index]["image"] = nil }
      spec[list] = .array(containers)
    }
    return spec
  }
}
