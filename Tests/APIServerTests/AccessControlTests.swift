import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

/// Who may do what, asked over HTTPS.
@Suite struct AccessControlTests {
  private static let roles = "/apis/rbac.authorization.k8s.io/v1"

  private func role(_ name: String, _ rules: JSONValue) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
      "metadata": ["name": .string(name)], "rules": rules,
    ]
  }

  private func binding(_ name: String, role: String, user: String) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
      "metadata": ["name": .string(name)],
      "roleRef": [
        "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": .string(role),
      ],
      "subjects": [
        ["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": .string(user)]
      ],
    ]
  }

  @Test func nobodyHandsOutMoreThanTheyHold() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = Self.roles + "/namespaces/default"
      let rules: JSONValue = [
        [
          "verbs": ["create", "update", "patch", "get"],
          "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"],
        ],
        ["verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]],
      ]
      #expect(try await admin.send(.POST, path + "/roles", role("r", rules)).status == 201)
      #expect(
        try await admin.send(.POST, path + "/rolebindings", binding("r", role: "r", user: "bob"))
          .status == 201)
      let bob = admin.with("Impersonate-User", "bob")
      let held: JSONValue = [["verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]]]
      let more: JSONValue = [["verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]]]
      #expect(try await bob.send(.POST, path + "/roles", role("held", held)).status == 201)
      let refused = try await bob.send(.POST, path + "/roles", role("more", more))
      #expect(refused.status == 403)
      #expect(
        refused.message.hasSuffix("{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"))
      let patch = try await bob.send(
        .PATCH, path + "/roles/held", ["rules": more],
        contentType: "application/merge-patch+json")
      #expect(patch.status == 403)
      #expect(try await admin.send(.POST, path + "/roles", role("more", more)).status == 201)
      let bound = try await bob.send(
        .POST, path + "/rolebindings", binding("more", role: "more", user: "bob"))
      #expect(bound.status == 403)
      let missing = try await bob.send(
        .POST, path + "/rolebindings", binding("none", role: "none", user: "bob"))
      #expect(missing.status == 404)
      // The verbs that stand for these rights.
      let verbs: JSONValue = [
        [
          "verbs": ["escalate", "bind"], "apiGroups": ["rbac.authorization.k8s.io"],
          "resources": ["roles"],
        ]
      ]
      #expect(try await admin.send(.POST, path + "/roles", role("v", verbs)).status == 201)
      #expect(
        try await admin.send(.POST, path + "/rolebindings", binding("v", role: "v", user: "bob"))
          .status == 201)
      #expect(try await bob.send(.POST, path + "/roles", role("again", more)).status == 201)
      #expect(
        try await bob.send(
          .POST, path + "/rolebindings", binding("more", role: "more", user: "bob")
        ).status == 201)
      let changed = try await admin.send(
        .PATCH, path + "/rolebindings/more", ["roleRef": ["name": "held"]],
        contentType: "application/merge-patch+json")
      #expect(changed.status == 422)
    }
  }

  @Test func rolesThatWereDamagedComeBackWithTheNextServer() async throws {
    try await TestServer.run { server in
      let path = Self.roles + "/clusterroles/system:basic-user"
      let damaged = try await server.admin.send(
        .PATCH, path, ["rules": []], contentType: "application/merge-patch+json")
      #expect(damaged.status == 200)
      let second = try await TestServer.start(keys: server.keys, store: server.replica)
      let restored = try await server.admin.get(path)
      let rules = PolicyRule.rules(of: restored.json)
      let create = PolicyRule(
        verbs: ["create"], groups: ["authentication.k8s.io"],
        resources: ["selfsubjectreviews"])
      #expect(RuleCoverage.missing([create], from: rules).isEmpty)
      await second.shutdown()
    }
  }

  @Test func aNodeReadsWhatItsPodsNeed() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let node = admin.with("Impersonate-User", "system:node:one")
        .with("Impersonate-Group", "system:nodes")
      let path = "/api/v1/namespaces/default"
      let refused = try await node.get(path + "/configmaps/c")
      #expect(refused.status == 403)
      #expect(
        refused.message.hasSuffix(
          "no relationship found between node 'one' and this object"))
      _ = try await admin.send(
        .POST, path + "/configmaps",
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"]])
      let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
        "spec": [
          "nodeName": "one", "containers": [["name": "c", "image": "x"]],
          "volumes": [["name": "v", "configMap": ["name": "c"]]],
        ],
      ]
      #expect(try await admin.send(.POST, path + "/pods", pod).status == 201)
      #expect(try await node.get(path + "/configmaps/c").status == 200)
      #expect(try await node.get(path + "/pods/p").status == 200)
      #expect(try await node.get("/api/v1/pods?fieldSelector=spec.nodeName%3Done").status == 200)
      #expect(try await node.get("/api/v1/pods").status == 403)
      #expect(try await node.get("/api/v1/nodes/two").status == 403)
      let other = admin.with("Impersonate-User", "system:node:two")
        .with("Impersonate-Group", "system:nodes")
      #expect(try await other.get(path + "/pods/p").status == 403)
      let foreign = try await other.send(
        .PATCH, path + "/pods/p/status", ["status": ["phase": "Failed"]],
        contentType: "application/merge-patch+json")
      #expect(foreign.status == 403)
      _ = try await admin.send(.DELETE, path + "/pods/p?gracePeriodSeconds=0")
      #expect(try await node.get(path + "/configmaps/c").status == 403)
    }
  }

  private func tokenSecret(_ id: String, expiration: String) -> JSONValue {
    func encoded(_ text: String) -> JSONValue { .string(Base64.encode(Array(text.utf8))) }
    return [
      "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
      "metadata": ["name": .string("bootstrap-token-\(id)")],
      "data": [
        "token-id": encoded(id), "token-secret": encoded("0123456789abcdef"),
        "usage-bootstrap-authentication": encoded("true"),
        "expiration": encoded(expiration),
      ],
    ]
  }

  @Test func aBootstrapTokenJoinsAndExpires() async throws {
    try await TestServer.run { server in
      let path = "/api/v1/namespaces/kube-system/secrets"
      let good = tokenSecret("abcdef", expiration: "2099-01-01T00:00:00Z")
      let made = try await server.admin.send(.POST, path, good)
      #expect(made.status == 201)
      let old = tokenSecret("fedcba", expiration: "2001-01-01T00:00:00Z")
      #expect(try await server.admin.send(.POST, path, old).status == 201)
      let joining = server.nobody.with("Authorization", "Bearer abcdef.0123456789abcdef")
      let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
      #expect(try await joining.get(requests).status == 200)
      #expect(try await joining.get("/api/v1/secrets").status == 403)
      let late = server.nobody.with("Authorization", "Bearer fedcba.0123456789abcdef")
      #expect(try await late.get(requests).status == 401)
    }
  }

  @Test func tokensOfAnOlderKeyStayGood() async throws {
    let first = TokenKeysTests.pem()
    let second = TokenKeysTests.pem()
    let text = LockedBox(first)
    let keys = try TokenKeys { text.value }
    let before = try #require(keys.signing?.id)
    text.value = first + second
    // A token of an unknown key has the file read again.
    let id = try #require(try TokenKeys.parse(second).first?.id)
    try await Task.sleep(for: .milliseconds(1_100))
    #expect(keys.verifying(id: id).map(\.id) == [id])
    #expect(keys.signing?.id == id)
    #expect(keys.verifying(id: before).map(\.id) == [before])
    #expect(keys.keySet["keys"]?.arrayValue?.count == 2)
  }

  @Test func theLogSaysWhoActedAsWhom() async throws {
    try await TestServer.run { server in
      let sink = RecordingSink()
      let handle = try server.replica.watch(
        prefix: Key("configmaps/"), after: server.replica.current().revision, sink: sink)
      let boss = server.admin.with("Impersonate-User", "boss")
        .with("Impersonate-Group", "system:masters")
      _ = try await boss.send(
        .POST, "/api/v1/namespaces/default/configmaps",
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"]])
      let event = try #require(await sink.wait(count: 1).first)
      #expect(event.provenance.user == "boss")
      #expect(event.provenance.impersonator == "kubernetes-admin")
      handle.cancel()
    }
  }
}

@Suite struct TokenKeysTests {
  /// A new private key.
  static func pem() -> String { TestKeys.pem() }

  @Test func onlyPrivateKeysSign() throws {
    let text = Self.pem()
    let keys = try TokenKeys.parse(text)
    #expect(keys.count == 1)
    #expect(throws: APIServerError.self) { try TokenKeys.parse("") }
    #expect(throws: APIServerError.self) {
      try TokenKeys.parse(keys[0].publicKey.pemRepresentation)
    }
  }
}
