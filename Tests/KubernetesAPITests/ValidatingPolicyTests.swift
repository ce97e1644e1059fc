import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct ValidatingPolicyTests {
  private static func attributes(
    _ object: JSONValue?, old: JSONValue? = nil, operation: AdmissionAttributes.Operation = .create,
    group: String = "", resource: String = "configmaps", subresource: String = "",
    namespace: String = "n"
  ) -> AdmissionAttributes {
    AdmissionAttributes(
      operation: operation,
      resource: GroupVersionResource(group: group, version: "v1", resource: resource),
      kind: TypeInfo.GroupVersionKind(group: group, version: "v1", kind: "ConfigMap"),
      subresource: subresource, namespace: namespace,
      name: (object ?? old)?.at("metadata", "name")?.stringValue ?? "",
      user: ["username": "me", "groups": ["g"]], object: object, oldObject: old,
      namespaceObject: namespace.isEmpty
        ? nil : ["metadata": ["name": .string(namespace), "labels": ["team": "a"]]])
  }

  private static func policy(_ spec: String) throws -> ValidatingPolicy {
    ValidatingPolicy(["metadata": ["name": "p"], "spec": try JSONValue(parsing: spec)])
  }

  static let policies: [(String, [String])] = [
    (#"{"validations":[{"expression":"has(object.data)","message":"no data"}]}"#, ["no data"]),
    (
      #"{"validations":[{"expression":"false"},{"expression":"true"},{"expression":"1 > 2"}]}"#,
      ["failed expression: false", "failed expression: 1 > 2"]
    ),
    (
      #"{"variables":[{"name":"n","expression":"object.metadata.name"},{"name":"l","expression":"variables.n.size()"}],"validations":[{"expression":"variables.l < 3","messageExpression":"variables.n + ' is ' + string(variables.l) + ' long'"}]}"#,
      ["long is 4 long"]
    ),
    (
      #"{"matchConditions":[{"name":"c","expression":"object.metadata.name != 'long'"}],"validations":[{"expression":"false"}]}"#,
      []
    ),
    (
      #"{"matchConditions":[{"name":"c","expression":"object.none == 1"}],"validations":[{"expression":"true"}]}"#,
      ["match condition 'c' resulted in error: no such key: none"]
    ),
    (
      #"{"validations":[{"expression":"object.data.x == '1'"}]}"#,
      ["expression 'object.data.x == '1'' resulted in error: no such key: data"]
    ),
    (#"{"failurePolicy":"Ignore","validations":[{"expression":"object.data.x == '1'"}]}"#, []),
    (
      #"{"variables":[{"name":"v","expression":"object.none"}],"validations":[{"expression":"variables.v == 1"},{"expression":"true"}]}"#,
      [
        "expression 'variables.v == 1' resulted in error: composited variable \"v\" fails to "
          + "evaluate: no such key: none"
      ]
    ),
    (
      #"{"validations":[{"expression":"request.operation == 'CREATE' && request.userInfo.username == 'me' && namespaceObject.metadata.labels.team == 'a' && oldObject == null"}]}"#,
      []
    ),
    (#"{"validations":[{"expression":"params.max > 3","message":"too few"}]}"#, ["too few"]),
  ]

  @Test(arguments: policies)
  func findings(spec: String, messages: [String]) throws {
    let found = try Self.policy(spec).evaluate(
      Self.attributes(["metadata": ["name": "long"]]), parameters: ["max": 2])
    #expect(found.map(\.message) == messages)
    #expect(found.allSatisfy { $0.reason == "Invalid" })
  }

  @Test func expressionsThatNeverEndAreStopped() throws {
    let list = "[" + Array(repeating: "1", count: 100).joined(separator: ",") + "]"
    let expression =
      "\(list).all(a, \(list).all(b, \(list).all(c, \(list).all(d, a+b+c+d > 0))))"
    let spec: JSONValue = ["validations": [["expression": .string(expression)]]]
    let policy = ValidatingPolicy(["metadata": ["name": "p"], "spec": spec])
    let found = policy.evaluate(Self.attributes([:]), parameters: nil)
    #expect(found.count == 1)
    #expect(found.first?.message.contains("cost limit exceeded") == true)
  }

  private static let rules =
    #""resourceRules":[{"apiGroups":["","apps"],"apiVersions":["v1"],"operations":["CREATE","UPDATE"],"resources":["configmaps","deployments/scale","pods/*"]}]"#

  static let constraints: [(String, String, String, String, Bool)] = [
    ("{\(rules)}", "", "configmaps", "", true), ("{\(rules)}", "", "secrets", "", false),
    ("{\(rules)}", "apps", "deployments", "", false),
    ("{\(rules)}", "apps", "deployments", "scale", true),
    ("{\(rules)}", "", "pods", "status", true),
    ("{\(rules)}", "batch", "configmaps", "", false), ("{}", "x", "y", "z", true),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}"#,
      "a", "b", "", true
    ),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}]}"#,
      "a", "b", "c", false
    ),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*/*"]}]}"#,
      "a", "b", "c", true
    ),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"],"scope":"Cluster"}]}"#,
      "", "configmaps", "", false
    ),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"],"resourceNames":["b"]}]}"#,
      "", "configmaps", "", false
    ),
    (
      #"{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["DELETE"],"resources":["*"]}]}"#,
      "", "configmaps", "", false
    ),
    (#"{"namespaceSelector":{"matchLabels":{"team":"a"}}}"#, "", "configmaps", "", true),
    (#"{"namespaceSelector":{"matchLabels":{"team":"b"}}}"#, "", "configmaps", "", false),
    (#"{"objectSelector":{"matchLabels":{"app":"x"}}}"#, "", "configmaps", "", true),
    (#"{"objectSelector":{"matchLabels":{"app":"y"}}}"#, "", "configmaps", "", false),
    (
      #"{"excludeResourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],"resources":["configmaps"]}]}"#,
      "", "configmaps", "", false
    ),
  ]

  @Test(arguments: constraints)
  func matches(
    constraints: String, group: String, resource: String, subresource: String, isMatch: Bool
  )
    throws
  {
    let policy = try Self.policy(#"{"matchConstraints":\#(constraints)}"#)
    let attributes = Self.attributes(
      ["metadata": ["name": "a", "labels": ["app": "x"]]], group: group, resource: resource,
      subresource: subresource)
    #expect(policy.head.matches(attributes) == isMatch)
  }

  @Test func aNamespaceIsSelectedByItsOwnLabels() throws {
    let policy = try Self.policy(
      #"{"matchConstraints":{"namespaceSelector":{"matchLabels":{"team":"b"}}}}"#)
    func matches(_ labels: JSONValue, _ resource: String) -> Bool {
      policy.head.matches(
        Self.attributes(
          ["metadata": ["name": "a", "labels": labels]], resource: resource, namespace: ""))
    }
    #expect(matches(["team": "b"], "namespaces"))
    #expect(!matches(["team": "a"], "namespaces"))
    #expect(matches([:], "nodes"))
  }
}
