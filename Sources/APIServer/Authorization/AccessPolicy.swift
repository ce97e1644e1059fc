import JSONDocument

/// All roles and bindings of a cluster in the form in which they are asked: by who asks. Pure.
struct AccessPolicy: Sendable {
  /// Where a role is.
  struct RoleReference: Sendable, Hashable {
    /// Role or ClusterRole.
    var kind: String
    /// Empty for cluster roles.
    var namespace: String
    var name: String

    /// What upstream says of a role that a binding names and that is not there.
    var missing: String { "\(kind.lowercased()).rbac.authorization.k8s.io \"\(name)\" not found" }
  }

  enum Subject: Sendable, Hashable {
    case user(String)
    case group(String)
  }

  /// One subject of one binding.
  struct Grant: Sendable {
    var bindingNamespace: String
    var bindingName: String
    var role: RoleReference
    /// The subject as the binding names it, e.g. `ServiceAccount "b/a"`.
    var subject: String
    /// Its place in `rules`; `nil` where the role is missing.
    var rules: Int?

    var reason: String {
      let binding =
        bindingNamespace.isEmpty
        ? "ClusterRoleBinding \"\(bindingName)\""
        : "RoleBinding \"\(bindingName)/\(bindingNamespace)\""
      return "RBAC: allowed by \(binding) of \(role.kind) \"\(role.name)\" to \(subject)"
    }
  }

  private var rules: [[PolicyRule]] = []
  private var places: [RoleReference: Int] = [:]
  private var clusterGrants: [Subject: [Grant]] = [:]
  private var grants: [String: [Subject: [Grant]]] = [:]

  init() {}

  mutating func add(role value: JSONValue, isCluster: Bool) {
    let role = RoleReference(
      kind: isCluster ? "ClusterRole" : "Role", namespace: isCluster ? "" : value.namespace,
      name: value.name)
    places[role] = rules.count
    rules.append(PolicyRule.rules(of: value))
  }

  /// Bindings are added after the roles.
  mutating func add(binding value: JSONValue) {
    let namespace = value.namespace
    let role = Self.role(of: value)
    for subject in value["subjects"]?.arrayValue ?? [] {
      guard let (key, text) = Self.subject(subject, bindingNamespace: namespace) else { continue }
      let grant = Grant(
        bindingNamespace: namespace, bindingName: value.name, role: role, subject: text,
        rules: places[role])
      if namespace.isEmpty {
        clusterGrants[key, default: []].append(grant)
      } else {
        grants[namespace, default: [:]][key, default: []].append(grant)
      }
    }
  }

  /// The role that a binding binds.
  static func role(of binding: JSONValue) -> RoleReference {
    let reference = binding["roleRef"]
    let kind = reference?["kind"]?.stringValue ?? ""
    return RoleReference(
      kind: kind, namespace: kind == "ClusterRole" ? "" : binding.namespace,
      name: reference?["name"]?.stringValue ?? "")
  }

  private static func subject(_ value: JSONValue, bindingNamespace: String) -> (Subject, String)? {
    let name = value["name"]?.stringValue ?? ""
    switch value["kind"]?.stringValue {
    case "User": return (.user(name), "User \"\(name)\"")
    case "Group": return (.group(name), "Group \"\(name)\"")
    case "ServiceAccount":
      let own = value["namespace"]?.stringValue ?? ""
      let namespace = own.isEmpty ? bindingNamespace : own
      guard !namespace.isEmpty else { return nil }
      return (
        .user("system:serviceaccount:\(namespace):\(name)"),
        "ServiceAccount \"\(name)/\(namespace)\""
      )
    default: return nil
    }
  }

  /// Calls `body` with each grant that a user has in a namespace until it returns true.
  private func visit(_ user: UserInfo, namespace: String, _ body: (Grant) -> Bool) {
    let local = namespace.isEmpty ? nil : grants[namespace]
    for table in [clusterGrants, local] {
      guard let table else { continue }
      for grant in table[.user(user.name)] ?? [] where body(grant) { return }
      for group in user.groups {
        for grant in table[.group(group)] ?? [] where body(grant) { return }
      }
    }
  }

  func decide(_ access: AccessAttributes) -> AccessDecision {
    var decision: AccessDecision?
    var missing: [String] = []
    visit(access.user, namespace: access.isResource ? access.namespace : "") { grant in
      guard let place = grant.rules else {
        let text = grant.role.missing
        if !missing.contains(text) { missing.append(text) }
        return false
      }
      guard rules[place].contains(where: { $0.allows(access) }) else { return false }
      decision = .allowed(grant.reason)
      return true
    }
    if let decision { return decision }
    switch missing.count {
    case 0: return .refused()
    case 1: return .refused("RBAC: \(missing[0])")
    default: return .refused("RBAC: [\(missing.joined(separator: ", "))]")
    }
  }

  func allows(_ access: AccessAttributes) -> Bool {
    var isAllowed = false
    visit(access.user, namespace: access.isResource ? access.namespace : "") { grant in
      guard let place = grant.rules else { return false }
      isAllowed = rules[place].contains { $0.allows(access) }
      return isAllowed
    }
    return isAllowed
  }

  /// The rules that apply to a user in a namespace; at the cluster scope where it is empty.
  func rules(for user: UserInfo, namespace: String) -> [PolicyRule] {
    var result: [PolicyRule] = []
    visit(user, namespace: namespace) { grant in
      if let place = grant.rules { result += rules[place] }
      return false
    }
    return result
  }

  /// `nil` where there is no such role.
  func rules(of role: RoleReference) -> [PolicyRule]? { places[role].map { rules[$0] } }
}
