import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct BoundPolicyTests {
  private static let policies =
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
  private static let bindings =
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"

  private static func policy(_ validations: JSONValue, parameters: JSONValue? = nil) -> JSONValue {
    var policy: JSONValue = [
      "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
      "metadata": ["name": "p"],
      "spec": [
        "matchConstraints": [
          "resourceRules": [
            [
              "apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"],
              "resources": ["configmaps"],
            ]
          ]
        ], "validations": validations,
      ],
    ]
    policy.set(parameters, at: "spec", "paramKind")
    return policy
  }

  private static func binding(_ actions: JSONValue, parameters: JSONValue? = nil) -> JSONValue {
    var binding: JSONValue = [
      "apiVersion": "admissionregistration.k8s.io/v1",
      "kind": "ValidatingAdmissionPolicyBinding", "metadata": ["name": "b"],
      "spec": ["policyName": "p", "validationActions": actions],
    ]
    binding.set(parameters, at: "spec", "paramRef")
    return binding
  }

  @Test func aPolicyDeniesWhileItIsBound() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let rule: JSONValue = [
        ["expression": "object == null || has(object.data)", "message": "no data"],
        ["expression": "object != null", "reason": "Forbidden", "message": "stays"],
      ]
      #expect(try await admin.send(.POST, Self.policies, Self.policy(rule)).status == 201)
      let path = ObjectTests.path
      let bare: JSONValue = [
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "bare"],
      ]
      var full = bare
      full["data"] = ["k": "v"]
      #expect(try await admin.send(.POST, path + "?dryRun=All", bare).status == 201)
      #expect(try await admin.send(.POST, Self.bindings, Self.binding(["Deny"])).status == 201)
      let denied = try await admin.send(.POST, path, bare)
      #expect(denied.status == 422)
      #expect(denied.reason == "Invalid")
      let message =
        "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no data"
      #expect(denied.message == "configmaps \"bare\" is forbidden: \(message)")
      #expect(denied.json.at("details", "causes") == [["message": .string(message)]])
      #expect(try await admin.send(.POST, path, full).status == 201)
      let emptied = try await admin.send(
        .PATCH, path + "/bare", ["data": .null], contentType: "application/merge-patch+json")
      #expect(emptied.status == 422)
      #expect(try await admin.send(.DELETE, path + "/bare").status == 403)
      let unbound = try await admin.send(.DELETE, Self.bindings + "/b")
      #expect(unbound.status == 200)
      #expect(try await admin.send(.DELETE, path + "/bare").status == 200)
    }
  }

  @Test func aWarningIsOne() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let rule: JSONValue = [["expression": "false", "message": "never"]]
      _ = try await admin.send(.POST, Self.policies, Self.policy(rule))
      _ = try await admin.send(.POST, Self.bindings, Self.binding(["Warn", "Audit"]))
      let created = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
      #expect(created.status == 201)
      #expect(
        created.headers["Warning"]
          == [
            "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': never\""
          ])
    }
  }

  @Test func parametersAreLookedUp() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let rule: JSONValue = [
        [
          "expression": "object.metadata.name.size() <= int(params.data.max)",
          "messageExpression": "'at most ' + params.data.max",
        ]
      ]
      var limits = ObjectTests.configMap("limits")
      limits["data"] = ["max": "6"]
      _ = try await admin.send(.POST, ObjectTests.path, limits)
      _ = try await admin.send(
        .POST, Self.policies,
        Self.policy(rule, parameters: ["apiVersion": "v1", "kind": "ConfigMap"]))
      _ = try await admin.send(
        .POST, Self.bindings,
        Self.binding(
          ["Deny"], parameters: ["name": "limits", "parameterNotFoundAction": "Deny"]))
      let path = ObjectTests.path + "?dryRun=All"
      let long = try await admin.send(.POST, path, ObjectTests.configMap("toolong"))
      #expect(long.message.hasSuffix("denied request: at most 6"))
      #expect(try await admin.send(.POST, path, ObjectTests.configMap("ok")).status == 201)
      _ = try await admin.send(
        .PATCH, ObjectTests.path + "/limits", ["data": ["max": "9"]],
        contentType: "application/merge-patch+json")
      #expect(try await admin.send(.POST, path, ObjectTests.configMap("toolong")).status == 201)
      _ = try await admin.send(
        .PATCH, Self.bindings + "/b", ["spec": ["paramRef": ["name": "none"]]],
        contentType: "application/merge-patch+json")
      let missing = try await admin.send(.POST, path, ObjectTests.configMap("ok"))
      #expect(
        missing.message.hasSuffix(
          "denied request: failed to configure binding: no params found for policy binding with "
            + "`Deny` parameterNotFoundAction"))
    }
  }

  private static func mutating(_ name: String, _ expression: String, _ changes: JSONValue = [:])
    -> JSONValue
  {
    var spec: JSONValue = [
      "reinvocationPolicy": "Never",
      "matchConstraints": [
        "resourceRules": [
          [
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
          ]
        ]
      ],
      "mutations": [
        [
          "patchType": "ApplyConfiguration",
          "applyConfiguration": ["expression": .string(expression)],
        ]
      ],
    ]
    for (name, value) in changes.objectValue ?? [:] { spec[name] = value }
    return [
      "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
      "metadata": ["name": .string(name)], "spec": spec,
    ]
  }

  private static func bind(_ policy: JSONValue, _ client: TestClient) async throws {
    let group = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
    let made = try await client.send(.POST, group + "ies", policy)
    try #require(made.status == 201, "\(made.json.text)")
    let bound = try await client.send(
      .POST, group + "ybindings",
      [
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": ["name": .string(policy.name)],
        "spec": ["policyName": .string(policy.name)],
      ])
    try #require(bound.status == 201, "\(bound.json.text)")
  }

  private static func label(_ key: String, _ value: String) -> String {
    "Object{metadata: Object.metadata{labels: {'\(key)': \(value)}}}"
  }

  @Test func aMutatingPolicyChangesWhatIsStored() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.bind(Self.mutating("m", Self.label("added", "'yes'")), admin)
      var object = ObjectTests.configMap("a")
      object["data"] = ["k": "v"]
      let created = try await admin.send(
        .POST, ObjectTests.path + "?fieldManager=tester", object)
      #expect(created.json.at("metadata", "labels") == ["added": "yes"])
      // It is nobody's field, and nobody else's change lasts.
      #expect(created.json.at("metadata", "managedFields")?.text.contains("f:added") == false)
      let path = ObjectTests.path + "/a"
      let changed = try await admin.send(
        .PATCH, path + "?fieldManager=other", ["metadata": ["labels": ["added": "no"]]],
        contentType: "application/merge-patch+json")
      #expect(changed.json.at("metadata", "labels") == ["added": "yes"])
      #expect(changed.json.at("data") == created.json.at("data"))
    }
  }

  @Test func laterPoliciesAreSeenByThoseThatLookAgain() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let count = "string(has(object.metadata.labels) ? object.metadata.labels.size() : 0)"
      try await Self.bind(
        Self.mutating("a", Self.label("again", count), ["reinvocationPolicy": "IfNeeded"]), admin)
      try await Self.bind(Self.mutating("b", Self.label("late", "'x'")), admin)
      let created = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
      #expect(created.json.at("metadata", "labels") == ["again": "2", "late": "x"])
    }
  }

  @Test func aPolicyThatFailsRefusesUnlessItMayBeIgnored() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.bind(
        Self.mutating("i", Self.label("n", "object.none"), ["failurePolicy": "Ignore"]), admin)
      let path = ObjectTests.path + "?dryRun=All"
      #expect(try await admin.send(.POST, path, ObjectTests.configMap("a")).status == 201)
      try await Self.bind(Self.mutating("m", Self.label("n", "object.none")), admin)
      let refused = try await admin.send(.POST, path, ObjectTests.configMap("a"))
      #expect(refused.status == 403)
      #expect(refused.reason == "Invalid")
      #expect(
        refused.message.hasPrefix("policy 'm' with binding 'm' denied request: "),
        "\(refused.message)")
      #expect(refused.message.hasSuffix("no such key: none"))
    }
  }

  @Test func expressionsAskWhatCallersMayDo() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let allowed = "string(authorizer.group('').resource('secrets').check('get').allowed())"
      let account =
        "string(authorizer.serviceAccount('default', 'none').group('').resource('secrets')"
        + ".check('get').allowed())"
      try await Self.bind(Self.mutating("m", Self.label("me", allowed)), admin)
      try await Self.bind(Self.mutating("n", Self.label("it", account)), admin)
      let created = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
      #expect(created.json.at("metadata", "labels") == ["me": "true", "it": "false"])
    }
  }
}
