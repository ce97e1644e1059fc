import JSONDocument

/// The roles and bindings that every cluster begins with, as objects. Pure.
enum BootstrapPolicy {
  static let autoupdate = "rbac.authorization.kubernetes.io/autoupdate"
  private static let group = "rbac.authorization.k8s.io"
  private static let aggregation = "rbac.authorization.k8s.io/aggregate-to-"
  private static let controllerPrefix = "system:controller:"

  /// Roles before the bindings that name them.
  static let objects: [JSONValue] = {
    let clusterRoles = parse(BootstrapRoles.cluster)
    let controllers = parse(BootstrapRoles.controllers)
    let namespaced = parse(BootstrapRoles.namespaced)
    var objects = withUnions(clusterRoles).map { clusterRole($0, name: $0.words[0]) }
    objects += controllers.map { clusterRole($0, name: controllerPrefix + $0.words[0]) }
    objects += namespaced.map { role in
      var object = header("Role", role.words[1])
      object.set(.string(role.words[0]), at: "metadata", "namespace")
      object["rules"] = .array(role.rules.map(\.json))
      return object
    }
    objects += clusterBindings.map { name, role, subjects in
      binding("ClusterRoleBinding", name, ("ClusterRole", role), subjects)
    }
    objects += controllers.map { role in
      let name = controllerPrefix + role.words[0]
      return binding(
        "ClusterRoleBinding", name, ("ClusterRole", name), [.account(role.words[0])])
    }
    objects += roleBindings.map { namespace, name, role, subjects in
      var object = binding("RoleBinding", name, ("Role", role), subjects)
      object.set(.string(namespace), at: "metadata", "namespace")
      return object
    }
    return objects
  }()

  /// What a node may do by rules alone, whatever its pods.
  static let nodeRules: [PolicyRule] =
    parse(BootstrapRoles.cluster).first { $0.words == ["system:node"] }?.rules ?? []

  // MARK: Bindings

  enum Subject {
    case user(String)
    case group(String)
    /// A service account of kube-system.
    case account(String)

    var json: JSONValue {
      switch self {
      case .user(let name):
        ["kind": "User", "apiGroup": .string(BootstrapPolicy.group), "name": .string(name)]
      case .group(let name):
        ["kind": "Group", "apiGroup": .string(BootstrapPolicy.group), "name": .string(name)]
      case .account(let name):
        ["kind": "ServiceAccount", "name": .string(name), "namespace": "kube-system"]
      }
    }
  }

  private static let clusterBindings: [(name: String, role: String, subjects: [Subject])] = [
    ("cluster-admin", "cluster-admin", [.group("system:masters")]),
    ("system:monitoring", "system:monitoring", [.group("system:monitoring")]),
    ("system:discovery", "system:discovery", [.group("system:authenticated")]),
    ("system:basic-user", "system:basic-user", [.group("system:authenticated")]),
    (
      "system:public-info-viewer", "system:public-info-viewer",
      [.group("system:authenticated"), .group("system:unauthenticated")]
    ),
    ("system:node-proxier", "system:node-proxier", [.user("system:kube-proxy")]),
    (
      "system:kube-controller-manager", "system:kube-controller-manager",
      [.user("system:kube-controller-manager")]
    ),
    ("system:kube-dns", "system:kube-dns", [.account("kube-dns")]),
    ("system:kube-scheduler", "system:kube-scheduler", [.user("system:kube-scheduler")]),
    ("system:volume-scheduler", "system:volume-scheduler", [.user("system:kube-scheduler")]),
    // The node authorizer says what a node may do.
    ("system:node", "system:node", []),
    (
      "system:service-account-issuer-discovery", "system:service-account-issuer-discovery",
      [.group("system:serviceaccounts")]
    ),
    // A node's agent is its service proxy too, but sees no other nodes.
    ("taffrail:node-proxier", "taffrail:node-proxier", [.group(NodeIdentity.group)]),
    // What kubelets join with: a bootstrap token, later the certificate they got.
    (
      "taffrail:node-bootstrapper", "system:node-bootstrapper", [.group("system:bootstrappers")]
    ),
    (
      "taffrail:node-autoapprove-bootstrap",
      "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
      [.group("system:bootstrappers")]
    ),
    (
      "taffrail:node-autoapprove-certificate-rotation",
      "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
      [.group(NodeIdentity.group)]
    ),
  ]

  private static let roleBindings:
    [(namespace: String, name: String, role: String, subjects: [Subject])] = [
      (
        "kube-system", "system::extension-apiserver-authentication-reader",
        "extension-apiserver-authentication-reader",
        [.user("system:kube-controller-manager"), .user("system:kube-scheduler")]
      ),
      (
        "kube-system", "system::leader-locking-kube-controller-manager",
        "system::leader-locking-kube-controller-manager",
        [.user("system:kube-controller-manager"), .account("kube-controller-manager")]
      ),
      (
        "kube-system", "system::leader-locking-kube-scheduler",
        "system::leader-locking-kube-scheduler",
        [.user("system:kube-scheduler"), .account("kube-scheduler")]
      ),
      (
        "kube-system", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
        [.account("bootstrap-signer")]
      ),
      (
        "kube-system", "system:controller:cloud-provider", "system:controller:cloud-provider",
        [.account("cloud-provider")]
      ),
      (
        "kube-system", "system:controller:token-cleaner", "system:controller:token-cleaner",
        [.account("token-cleaner")]
      ),
      (
        "kube-public", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
        [.account("bootstrap-signer")]
      ),
    ]

  // MARK: Making objects

  private static func header(_ kind: String, _ name: String) -> JSONValue {
    [
      "apiVersion": .string("\(group)/v1"), "kind": .string(kind),
      "metadata": [
        "name": .string(name),
        "labels": ["kubernetes.io/bootstrapping": "rbac-defaults"],
        "annotations": [autoupdate: "true"],
      ],
    ]
  }

  private static func clusterRole(_ role: Role, name: String) -> JSONValue {
    var object = header("ClusterRole", name)
    if let label = role.label { object.set("true", at: "metadata", "labels", aggregation + label) }
    object["rules"] = .array(role.rules.map(\.json))
    if let selected = role.aggregates {
      object["aggregationRule"] = [
        "clusterRoleSelectors": [["matchLabels": [aggregation + selected: "true"]]]
      ]
    }
    return object
  }

  private static func binding(
    _ kind: String, _ name: String, _ role: (kind: String, name: String), _ subjects: [Subject]
  ) -> JSONValue {
    var value = header(kind, name)
    value["roleRef"] = [
      "apiGroup": .string(group), "kind": .string(role.kind), "name": .string(role.name),
    ]
    if !subjects.isEmpty { value["subjects"] = .array(subjects.map(\.json)) }
    return value
  }

  // MARK: Reading the tables

  struct Role {
    var words: [String]
    var rules: [PolicyRule] = []
    var label: String?
    var aggregates: String?
  }

  static func parse(_ text: String) -> [Role] {
    var roles: [Role] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      switch words.first {
      case "role": roles.append(Role(words: Array(words.dropFirst())))
      case "label": roles[roles.count - 1].label = words.last
      case "aggregate": roles[roles.count - 1].aggregates = words.last
      default: roles[roles.count - 1].rules.append(rule(line))
      }
    }
    return roles
  }

  private static func rule(_ line: Substring) -> PolicyRule {
    if line == "events" { return rule("create patch update | core events.k8s.io | events") }
    let parts = line.split(separator: "|").map { $0.split(separator: " ").map(String.init) }
    let verbs = parts[0].flatMap { word in
      switch word {
      case "read": ["get", "list", "watch"]
      case "write": ["create", "delete", "deletecollection", "patch", "update"]
      default: [word]
      }
    }.sorted()
    if parts[1] == ["paths"] { return PolicyRule(verbs: verbs, paths: parts[2]) }
    return PolicyRule(
      verbs: verbs, groups: parts[1].map { $0 == "core" ? "" : $0 }, resources: parts[2],
      names: parts.count > 3 ? parts[3] : [])
  }

  /// Roles that are unions have what they collect from the start; a controller keeps them so.
  private static func withUnions(_ roles: [Role]) -> [Role] {
    func rules(_ role: Role) -> [PolicyRule] {
      guard let selected = role.aggregates else { return role.rules }
      var union: [PolicyRule] = []
      for member in roles.filter({ $0.label == selected }).sorted(by: { $0.words[0] < $1.words[0] })
      {
        for rule in rules(member) where !union.contains(rule) { union.append(rule) }
      }
      return union
    }
    return roles.map { role in
      var role = role
      role.rules = rules(role)
      return role
    }
  }
}
