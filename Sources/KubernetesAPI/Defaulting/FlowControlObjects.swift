import JSONDocument

/// The priority levels and flow schemas without which no request would have a place (KEP-1040).
public enum FlowControlObjects {
  /// The annotation that says whether the server keeps an object's spec as it is here.
  public static let autoupdate = "apf.kubernetes.io/autoupdate-spec"

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

  public static func level(_ name: String, _ spec: JSONValue) -> JSONValue {
    object("PriorityLevelConfiguration", name, spec)
  }

  public static func schema(_ name: String, _ spec: JSONValue) -> JSONValue {
    object("FlowSchema", name, spec)
  }

  private static func object(_ kind: String, _ name: String, _ spec: JSONValue) -> JSONValue {
    [
      "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": .string(kind),
      "metadata": [
        "name": .string(name), "annotations": [autoupdate: "true"],
      ],
      "spec": spec,
    ]
  }

  private static func everything(for groups: [String]) -> JSONValue {
    var rule = everything
    rule["subjects"] = .array(
      groups.map { ["kind": "Group", "group": ["name": .string($0)]] })
    return rule
  }

  /// The rules of a schema that takes every request.
  public static let everything: JSONValue = [
    "resourceRules": [
      [
        "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true,
        "namespaces": ["*"],
      ]
    ],
    "nonResourceRules": [["verbs": ["*"], "nonResourceURLs": ["*"]]],
  ]
}
