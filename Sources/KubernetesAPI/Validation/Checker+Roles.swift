import JSONDocument

extension Validation.Checker {
  private static let roleGroup = "rbac.authorization.k8s.io"

  mutating func role() {
    let cluster = resource.kind == "ClusterRole"
    for (index, rule) in (object["rules"]?.arrayValue ?? []).enumerated() {
      let field = "rules[\(index)]"
      _ = required(rule["verbs"], "\(field).verbs", "verbs must contain at least one value")
      let paths = rule["nonResourceURLs"]?.arrayValue ?? []
      let groups = rule["apiGroups"]?.arrayValue ?? []
      let resources = rule["resources"]?.arrayValue ?? []
      if !paths.isEmpty {
        if !cluster {
          add(
            .invalid(
              "\(field).nonResourceURLs", .array(paths),
              "namespaced rules cannot apply to non-resource URLs"))
        }
        if !groups.isEmpty || !resources.isEmpty
          || !(rule["resourceNames"]?.arrayValue ?? []).isEmpty
        {
          add(
            .invalid(
              "\(field).nonResourceURLs", .array(paths),
              "rules cannot apply to both regular resources and non-resource URLs"))
        }
        continue
      }
      if groups.isEmpty {
        add(.required("\(field).apiGroups", "resource rules must supply at least one api group"))
      }
      if resources.isEmpty {
        add(.required("\(field).resources", "resource rules must supply at least one resource"))
      }
    }
    guard let aggregation = object["aggregationRule"] else { return }
    let selectors = aggregation["clusterRoleSelectors"]?.arrayValue ?? []
    if selectors.isEmpty {
      add(
        .required(
          "aggregationRule.clusterRoleSelectors",
          "at least one clusterRoleSelector required if aggregationRule is non-nil"))
    }
    for (index, entry) in selectors.enumerated() {
      let field = "aggregationRule.clusterRoleSelectors[\(index)]"
      let before = errors.count
      selector(entry, field)
      if errors.count > before { add(.invalid(field, nil, "invalid label selector.")) }
    }
  }

  mutating func roleBinding() {
    let cluster = resource.kind == "ClusterRoleBinding"
    let reference = object["roleRef"]
    let group = reference?["apiGroup"]?.stringValue ?? ""
    if group != Self.roleGroup {
      add(.notSupported("roleRef.apiGroup", .string(group), [Self.roleGroup]))
    }
    let kinds = cluster ? ["ClusterRole"] : ["Role", "ClusterRole"]
    let kind = reference?["kind"]?.stringValue ?? ""
    if !kinds.contains(kind) { add(.notSupported("roleRef.kind", .string(kind), kinds)) }
    let name = reference?["name"]?.stringValue ?? ""
    if name.isEmpty {
      add(.required("roleRef.name"))
    } else {
      add(NameRules.pathSegment(name), "roleRef.name", .string(name))
    }
    for (index, subject) in (object["subjects"]?.arrayValue ?? []).enumerated() {
      let field = "subjects[\(index)]"
      let subjectName = subject["name"]?.stringValue ?? ""
      if subjectName.isEmpty { add(.required("\(field).name")) }
      let group = subject["apiGroup"]?.stringValue ?? ""
      switch subject["kind"]?.stringValue {
      case "ServiceAccount":
        if !subjectName.isEmpty {
          add(NameRules.dns1123Subdomain(subjectName), "\(field).name", .string(subjectName))
        }
        if !group.isEmpty { add(.notSupported("\(field).apiGroup", .string(group), [""])) }
        if cluster { _ = required(subject["namespace"], "\(field).namespace") }
      case "User", "Group":
        if group != Self.roleGroup {
          add(.notSupported("\(field).apiGroup", .string(group), [Self.roleGroup]))
        }
      default:
        add(
          .notSupported(
            "\(field).kind", subject["kind"] ?? "", ["ServiceAccount", "User", "Group"]))
      }
    }
  }

  mutating func roleReferenceUpdate(_ old: JSONValue) {
    guard object["roleRef"] != old["roleRef"] else { return }
    add(.invalid("roleRef", object["roleRef"], "cannot change roleRef"))
  }
}
