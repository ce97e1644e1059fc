import JSONDocument

/// The roles and bindings that every cluster begins with.
enum BootstrapPolicy {
  static var objects: [JSONValue] {
    clusterRoles.map { name, rules, labels in
      var role = header("ClusterRole", name)
      for (key, value) in labels { role.set(.string(value), at: "metadata", "labels", key) }
      role["rules"] = .array(rules)
      return role
    } + clusterBindings.map { name, role, subjects in binding(name, role, subjects) }
  }

  private static func header(_ kind: String, _ name: String) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": .string(kind),
      "metadata": [
        "name": .string(name),
        "labels": ["kubernetes.io/bootstrapping": "rbac-defaults"],
        "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
      ],
    ]
  }

  private static func binding(_ name: String, _ role: String, _ subjects: [(String, String)])
    -> JSONValue
  {
    var value = header("ClusterRoleBinding", name)
    value["roleRef"] = [
      "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role),
    ]
    value["subjects"] = .array(
      subjects.map { kind, name in
        [
          "kind": .string(kind), "apiGroup": "rbac.authorization.k8s.io", "name": .string(name),
        ]
      })
    return value
  }

  private static func rule(
    _ verbs: [String], _ groups: [String], _ resources: [String], names: [String] = []
  ) -> JSONValue {
    var value: JSONValue = [
      "verbs": .array(verbs.map { .string($0) }),
      "apiGroups": .array(groups.map { .string($0) }),
      "resources": .array(resources.map { .string($0) }),
    ]
    if !names.isEmpty { value["resourceNames"] = .array(names.map { .string($0) }) }
    return value
  }

  private static func paths(_ paths: [String], verbs: [String] = ["get"]) -> JSONValue {
    [
      "verbs": .array(verbs.map { .string($0) }),
      "nonResourceURLs": .array(paths.map { .string($0) }),
    ]
  }

  private static let read = ["get", "list", "watch"]
  private static let write = [
    "create", "delete", "deletecollection", "patch", "update",
  ]
  private static let everything = rule(["*"], ["*"], ["*"])
  private static let healthPaths = ["/healthz", "/livez", "/readyz", "/version", "/version/"]

  private static let discoveryPaths = [
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
    "/readyz", "/version", "/version/",
  ]

  /// What users of a namespace may see; secrets are not among it, since they hold credentials.
  private static let viewRules: [JSONValue] = [
    rule(
      read, [""],
      [
        "configmaps", "endpoints", "events", "limitranges", "namespaces", "namespaces/status",
        "persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log",
        "pods/status", "replicationcontrollers", "replicationcontrollers/scale",
        "replicationcontrollers/status", "resourcequotas", "resourcequotas/status",
        "serviceaccounts", "services", "services/status", "bindings",
      ]),
    rule(
      read, ["apps"],
      [
        "controllerrevisions", "daemonsets", "daemonsets/status", "deployments",
        "deployments/scale", "deployments/status", "replicasets", "replicasets/scale",
        "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status",
      ]),
    rule(
      read, ["autoscaling"],
      ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    rule(read, ["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    rule(read, ["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    rule(
      read, ["networking.k8s.io"], ["ingresses", "ingresses/status", "networkpolicies"]),
    rule(read, ["discovery.k8s.io"], ["endpointslices"]),
    rule(read, ["events.k8s.io"], ["events"]),
  ]

  private static let editRules: [JSONValue] = [
    rule(
      read, [""],
      ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]
    ),
    rule(["impersonate"], [""], ["serviceaccounts"]),
    rule(
      write, [""],
      [
        "configmaps", "events", "persistentvolumeclaims", "pods", "pods/attach", "pods/exec",
        "pods/portforward", "pods/proxy", "replicationcontrollers",
        "replicationcontrollers/scale", "secrets", "serviceaccounts", "services",
        "services/proxy",
      ]),
    rule(["create"], [""], ["pods/eviction", "serviceaccounts/token"]),
    rule(
      write, ["apps"],
      [
        "daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets",
        "replicasets/scale", "statefulsets", "statefulsets/scale",
      ]),
    rule(write, ["autoscaling"], ["horizontalpodautoscalers"]),
    rule(write, ["batch"], ["cronjobs", "jobs"]),
    rule(write, ["policy"], ["poddisruptionbudgets"]),
    rule(write, ["networking.k8s.io"], ["ingresses", "networkpolicies"]),
    rule(
      write + read, ["coordination.k8s.io"], ["leases"]),
  ]

  private static let adminRules: [JSONValue] = [
    rule(
      write + read, ["rbac.authorization.k8s.io"], ["rolebindings", "roles"]),
    rule(["create"], ["authorization.k8s.io"], ["localsubjectaccessreviews"]),
  ]

  private static let schedulerRules: [JSONValue] = [
    rule(["create", "patch", "update"], ["", "events.k8s.io"], ["events"]),
    rule(read + ["create", "update", "patch", "delete"], ["coordination.k8s.io"], ["leases"]),
    rule(read, [""], ["nodes", "namespaces", "services", "replicationcontrollers"]),
    rule(read + ["delete"], [""], ["pods"]),
    rule(["create"], [""], ["bindings", "pods/binding"]),
    rule(["patch", "update"], [""], ["pods/status"]),
    rule(read, ["apps"], ["replicasets", "statefulsets"]),
    rule(read, ["policy"], ["poddisruptionbudgets"]),
    rule(read, ["scheduling.k8s.io"], ["priorityclasses"]),
    rule(read, ["storage.k8s.io"], ["*"]),
    rule(read, [""], ["persistentvolumeclaims", "persistentvolumes"]),
    rule(["patch", "update"], [""], ["persistentvolumeclaims", "persistentvolumes"]),
    rule(["create"], ["authentication.k8s.io"], ["tokenreviews"]),
    rule(["create"], ["authorization.k8s.io"], ["subjectaccessreviews"]),
  ]

  /// All that a node's agent and its service proxy need. There is no authorizer yet that narrows
  /// a node to its own objects.
  private static let nodeRules: [JSONValue] = [
    rule(["create"], ["authentication.k8s.io"], ["tokenreviews"]),
    rule(
      ["create"], ["authorization.k8s.io"],
      ["localsubjectaccessreviews", "subjectaccessreviews"]),
    rule(read, [""], ["services", "endpoints", "namespaces"]),
    rule(read, ["discovery.k8s.io"], ["endpointslices"]),
    rule(read + ["create", "update", "patch", "delete"], [""], ["nodes"]),
    rule(["patch", "update"], [""], ["nodes/status"]),
    rule(["create", "patch", "update"], ["", "events.k8s.io"], ["events"]),
    rule(read + ["create", "delete"], [""], ["pods"]),
    rule(["get", "patch", "update"], [""], ["pods/status"]),
    rule(["create"], [""], ["pods/eviction", "serviceaccounts/token"]),
    rule(read, [""], ["configmaps", "secrets", "serviceaccounts"]),
    rule(["get"], [""], ["persistentvolumeclaims", "persistentvolumes"]),
    rule(read, ["storage.k8s.io"], ["csidrivers", "csinodes", "volumeattachments"]),
    rule(read, ["node.k8s.io"], ["runtimeclasses"]),
    rule(
      ["create", "get", "update", "patch", "delete"], ["coordination.k8s.io"], ["leases"]),
    rule(
      ["create", "get", "list", "watch"], ["certificates.k8s.io"],
      ["certificatesigningrequests"]),
  ]

  private static let controllerManagerRules: [JSONValue] = [
    everything, paths(["*"], verbs: ["*"]),
  ]

  private static let basicUserRules: [JSONValue] = [
    rule(
      ["create"], ["authorization.k8s.io"],
      ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
    rule(["create"], ["authentication.k8s.io"], ["selfsubjectreviews"]),
  ]

  private static let clusterRoles: [(name: String, rules: [JSONValue], labels: [String: String])] =
    [
      ("cluster-admin", [everything, paths(["*"], verbs: ["*"])], [:]),
      ("admin", adminRules + editRules + viewRules, [:]),
      (
        "edit", editRules + viewRules,
        ["rbac.authorization.k8s.io/aggregate-to-admin": "true"]
      ),
      ("view", viewRules, ["rbac.authorization.k8s.io/aggregate-to-edit": "true"]),
      ("system:discovery", [paths(discoveryPaths)], [:]),
      ("system:basic-user", basicUserRules, [:]),
      ("system:public-info-viewer", [paths(healthPaths)], [:]),
      (
        "system:monitoring",
        [
          paths([
            "/metrics", "/metrics/slis", "/livez", "/readyz", "/healthz", "/livez/*",
            "/readyz/*", "/healthz/*",
          ])
        ], [:]
      ),
      ("system:node", nodeRules, [:]),
      (
        "system:node-proxier",
        [
          rule(["list", "watch"], [""], ["services", "endpoints"]),
          rule(["get", "list", "watch"], [""], ["nodes"]),
          rule(["create", "patch", "update"], ["", "events.k8s.io"], ["events"]),
          rule(["list", "watch"], ["discovery.k8s.io"], ["endpointslices"]),
        ], [:]
      ),
      ("system:kube-scheduler", schedulerRules, [:]),
      ("system:kube-controller-manager", controllerManagerRules, [:]),
      (
        "system:service-account-issuer-discovery",
        [
          paths([
            "/.well-known/openid-configuration", "/.well-known/openid-configuration/",
            "/openid/v1/jwks", "/openid/v1/jwks/",
          ])
        ], [:]
      ),
      (
        "system:auth-delegator",
        [
          rule(["create"], ["authentication.k8s.io"], ["tokenreviews"]),
          rule(["create"], ["authorization.k8s.io"], ["subjectaccessreviews"]),
        ], [:]
      ),
    ]

  private static let clusterBindings: [(name: String, role: String, subjects: [(String, String)])] =
    [
      ("cluster-admin", "cluster-admin", [("Group", "system:masters")]),
      ("system:monitoring", "system:monitoring", [("Group", "system:monitoring")]),
      ("system:discovery", "system:discovery", [("Group", "system:authenticated")]),
      ("system:basic-user", "system:basic-user", [("Group", "system:authenticated")]),
      (
        "system:public-info-viewer", "system:public-info-viewer",
        [("Group", "system:authenticated"), ("Group", "system:unauthenticated")]
      ),
      ("system:node", "system:node", [("Group", "system:nodes")]),
      ("system:node-proxier", "system:node-proxier", [("User", "system:kube-proxy")]),
      (
        "system:kube-scheduler", "system:kube-scheduler", [("User", "system:kube-scheduler")]
      ),
      (
        "system:kube-controller-manager", "system:kube-controller-manager",
        [("User", "system:kube-controller-manager")]
      ),
      (
        "system:service-account-issuer-discovery", "system:service-account-issuer-discovery",
        [("Group", "system:serviceaccounts")]
      ),
    ]
}
