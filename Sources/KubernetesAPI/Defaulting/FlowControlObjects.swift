import JSONDocument

/// The priority levels and flow schemas without which no request would have a place (KEP-1040).
public enum FlowControlObjects {
  /// In the order in which they refer to each other, with their defaults.
  public static let mandatory: [JSONValue] = [
    level(
      "exempt",
      ["type": "Exempt", "exempt": ["nominalConcurrencyShares": 0, "lendablePercent": 0]]),
    level(
      "catch-all",
      [
        "type": "Limited",
        "limited": [
          "nominalConcurrencyShares": 5, "limitResponse": ["type": "Reject"], "lendablePercent": 0,
        ],
      ]),
    schema(
      "exempt",
      [
        "priorityLevelConfiguration": ["name": "exempt"], "matchingPrecedence": 1,
        "rules": [everything(for: ["system:masters"])],
      ]),
    schema(
      "catch-all",
      [
        "priorityLevelConfiguration": ["name": "catch-all"], "matchingPrecedence": 10_000,
        "distinguisherMethod": ["type": "ByUser"],
        "rules": [everything(for: ["system:unauthenticated", "system:authenticated"])],
      ]),
  ]

  private static func level(_ name: String, _ spec: JSONValue) -> JSONValue {
    object("PriorityLevelConfiguration", name, spec)
  }

  private static func schema(_ name: String, _ spec: JSONValue) -> JSONValue {
    object("FlowSchema", name, spec)
  }

  private static func object(_ kind: String, _ name: String, _ spec: JSONValue) -> JSONValue {
    [
      "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": .string(kind),
      "metadata": [
        "name": .string(name), "annotations": ["apf.kubernetes.io/autoupdate-spec": "true"],
      ],
      "spec": spec,
    ]
  }

  private static func everything(for groups: [String]) -> JSONValue {
    [
      "subjects": .array(groups.map { ["kind": "Group", "group": ["name": .string($0)]] }),
      "resourceRules": [
        [
          "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true,
          "namespaces": ["*"],
        ]
      ],
      "nonResourceRules": [["verbs": ["*"], "nonResourceURLs": ["*"]]],
    ]
  }
}
