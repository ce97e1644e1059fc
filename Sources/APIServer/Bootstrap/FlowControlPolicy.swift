import JSONDocument
import KubernetesAPI

/// The priority levels and flow schemas that every cluster begins with (KEP-1040): the mandatory
/// ones, without which a request might have no place, and those that upstream suggests. Pure.
enum FlowControlPolicy {
  /// Whether the server keeps an object's spec as it is here.
  static let autoupdate = FlowControlObjects.autoupdate

  struct Entry: Sendable {
    var object: JSONValue
    /// Mandatory objects are as they are whatever their annotation says.
    var isMandatory: Bool
  }

  /// Levels before the schemas that name them.
  static let entries: [Entry] =
    FlowControlObjects.mandatory.map { Entry(object: $0, isMandatory: true) }
    + ([
      level("system", shares: 30, lendable: 33, queues: (64, 6)),
      level("node-high", shares: 40, lendable: 25, queues: (64, 6)),
      level("leader-election", shares: 10, lendable: 0, queues: (16, 4)),
      level("workload-high", shares: 40, lendable: 50, queues: (128, 6)),
      level("workload-low", shares: 100, lendable: 90, queues: (128, 6)),
      level("global-default", shares: 20, lendable: 50, queues: (128, 6)),
    ] + schemas).map { Entry(object: $0, isMandatory: false) }

  // MARK: Levels

  /// - Parameter queues: how many, and how many of them one flow is dealt.
  private static func level(
    _ name: String, shares: Int64, lendable: Int64, queues: (count: Int64, hand: Int64)
  ) -> JSONValue {
    FlowControlObjects.level(
      name,
      [
        "type": "Limited",
        "limited": [
          "nominalConcurrencyShares": .int(shares),
          "limitResponse": [
            "type": "Queue",
            "queuing": [
              "queues": .int(queues.count), "handSize": .int(queues.hand), "queueLengthLimit": 50,
            ],
          ],
          "lendablePercent": .int(lendable),
        ],
      ])
  }

  // MARK: Schemas

  private static let everybody = groups("system:unauthenticated", "system:authenticated")
  private static let systemAccounts = [account("*")]

  private static let schemas: [JSONValue] = [
    schema(
      "probes", "exempt", 2, nil, everybody,
      [
        "nonResourceRules": [
          ["verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]]
        ]
      ]),
    schema(
      "system-leader-election", "leader-election", 100, "ByUser",
      [user("system:kube-controller-manager"), user("system:kube-scheduler")] + systemAccounts,
      resources([(lock, "coordination.k8s.io", ["leases"], false)])),
    // Ahead of elections, whose rules would take its Endpoints for locks.
    schema(
      "endpoint-controller", "workload-high", 150, "ByUser",
      [
        user("system:kube-controller-manager"), account("endpoint-controller"),
        account("endpointslicemirroring-controller"),
      ], resources([(lock, "", ["endpoints"], false)])),
    schema(
      "workload-leader-election", "leader-election", 200, "ByUser", systemAccounts,
      resources([
        (lock, "", ["endpoints", "configmaps"], false),
        (lock, "coordination.k8s.io", ["leases"], false),
      ])),
    schema(
      "system-node-high", "node-high", 400, "ByUser", groups("system:nodes"),
      resources([
        (["*"], "", ["nodes", "nodes/status"], true),
        (["*"], "coordination.k8s.io", ["leases"], false),
      ])),
    schema("system-nodes", "system", 500, "ByUser", groups("system:nodes"), everything),
    schema(
      "kube-controller-manager", "workload-high", 800, "ByNamespace",
      [user("system:kube-controller-manager")], everything),
    schema(
      "kube-scheduler", "workload-high", 800, "ByNamespace", [user("system:kube-scheduler")],
      everything),
    schema(
      "kube-system-service-accounts", "workload-high", 900, "ByNamespace", systemAccounts,
      everything),
    schema(
      "service-accounts", "workload-low", 9000, "ByUser", groups("system:serviceaccounts"),
      everything),
    schema("global-default", "global-default", 9900, "ByUser", everybody, everything),
  ]

  /// What holding a lock takes.
  private static let lock = ["get", "create", "update"]

  private static func schema(
    _ name: String, _ level: String, _ precedence: Int64, _ distinguisher: String?,
    _ subjects: [JSONValue], _ rules: JSONValue
  ) -> JSONValue {
    var rule = rules
    rule["subjects"] = .array(subjects)
    var spec: JSONValue = [
      "priorityLevelConfiguration": ["name": .string(level)],
      "matchingPrecedence": .int(precedence), "rules": [rule],
    ]
    if let distinguisher { spec["distinguisherMethod"] = ["type": .string(distinguisher)] }
    return FlowControlObjects.schema(name, spec)
  }

  private static let everything = FlowControlObjects.everything

  private static func resources(
    _ rules: [(verbs: [String], group: String, resources: [String], isClusterWide: Bool)]
  ) -> JSONValue {
    func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
    return [
      "resourceRules": .array(
        rules.map { rule in
          var value: JSONValue = [
            "verbs": strings(rule.verbs), "apiGroups": [.string(rule.group)],
            "resources": strings(rule.resources), "namespaces": ["*"],
          ]
          if rule.isClusterWide { value["clusterScope"] = true }
          return value
        })
    ]
  }

  private static func groups(_ names: String...) -> [JSONValue] {
    names.map { ["kind": "Group", "group": ["name": .string($0)]] }
  }

  private static func user(_ name: String) -> JSONValue {
    ["kind": "User", "user": ["name": .string(name)]]
  }

  /// A service account of kube-system; `*` for all of them.
  private static func account(_ name: String) -> JSONValue {
    [
      "kind": "ServiceAccount",
      "serviceAccount": ["name": .string(name), "namespace": "kube-system"],
    ]
  }

  // MARK: Objects that are there already

  /// What becomes of an object that is there already; `nil` where it is as it should be.
  ///
  /// The annotation decides whether the spec is the server's to keep. Where it is missing, the spec
  /// is as long as nobody has changed it; afterwards the annotation says which it was.
  static func change(of present: JSONValue, to entry: Entry) -> JSONValue? {
    let isKept: Bool
    switch present.annotations[autoupdate] {
    case _ where entry.isMandatory: isKept = true
    case "true"?: isKept = true
    case "false"?: isKept = false
    default: isKept = (present.at("metadata", "generation")?.intValue ?? 1) <= 1
    }
    var mended = present
    mended.set(isKept ? "true" : "false", at: "metadata", "annotations", autoupdate)
    if isKept {
      var spec = entry.object["spec"] ?? [:]
      // How much the exempt level lends is the administrator's choice.
      if entry.object.name == "exempt", let chosen = present.at("spec", "exempt") {
        spec["exempt"] = chosen
      }
      if present["spec"] != spec { mended["spec"] = spec }
    }
    return mended == present ? nil : mended
  }
}
