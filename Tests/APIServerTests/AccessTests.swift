import ClusterConfiguration
import Foundation
import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct AccessTests {
  @Test func withoutCredentialsOnlyTheHealthIsTold() async throws {
    try await TestServer.run { server in
      let nobody = server.nobody
      let refused = try await nobody.get("/api/v1/pods")
      #expect(refused.status == 401)
      #expect(refused.reason == "Unauthorized")
      #expect(refused.json["kind"]?.stringValue == "Status")
      for path in ["/healthz", "/livez", "/readyz", "/version"] {
        #expect(try await nobody.get(path).status == 200, "\(path)")
      }
      let wrongToken = try await nobody.with("Authorization", "Bearer no.such.token")
        .get("/api/v1/pods")
      #expect(wrongToken.status == 401)
    }
  }

  @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
    try await TestServer.run { server in
      let others = try StandalonePKI.ensure(
        directory: server.folder + "/others", hosts: ["127.0.0.1"])
      let stranger = TestClient(
        port: server.port, authority: server.keys.authority,
        certificate: others.admin.certificate, key: others.admin.key)
      let refused = try await stranger.get("/api/v1/pods")
      #expect(refused.status == 401)
      #expect(try await server.admin.get("/api/v1/pods").status == 200)
    }
  }

  @Test func rolesGrantAndTheirRemovalTakesAway() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let bob = admin.with("Impersonate-User", "bob")
      let path = "/api/v1/namespaces/default/configmaps"
      let refused = try await bob.get(path)
      #expect(refused.status == 403)
      #expect(
        refused.message
          == "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API "
          + "group \"\" in the namespace \"default\"")
      let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
      let binding: JSONValue = [
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": ["name": "bob"],
        "roleRef": [
          "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        ],
        "subjects": [
          ["kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"]
        ],
      ]
      #expect(try await admin.send(.POST, roles + "/rolebindings", binding).status == 201)
      #expect(try await bob.get(path).status == 200)
      #expect(try await bob.get("/api/v1/namespaces/kube-system/configmaps").status == 403)
      #expect(try await bob.send(.DELETE, path + "/x").status == 403)
      let review = try await bob.send(
        .POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        [
          "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
          "spec": [
            "resourceAttributes": [
              "namespace": "default", "verb": "list", "resource": "configmaps",
            ]
          ],
        ])
      #expect(review.status == 201)
      #expect(review.json.at("status", "allowed") == true)
      _ = try await admin.send(.DELETE, roles + "/rolebindings/bob")
      #expect(try await bob.get(path).status == 403)
      let sneaky = try await bob.with("Impersonate-Group", "system:masters").get(path)
      #expect(sneaky.status == 200, "the administrator may impersonate any group")
    }
  }

  @Test func aServiceAccountsTokenLastsAsLongAsTheAccount() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let accounts = "/api/v1/namespaces/default/serviceaccounts"
      let account: JSONValue = [
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "robot"],
      ]
      #expect(try await admin.send(.POST, accounts, account).status == 201)
      let request: JSONValue = [
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": ["expirationSeconds": 3600],
      ]
      let made = try await admin.send(.POST, accounts + "/robot/token", request)
      #expect(made.status == 201)
      let token = made.json.at("status", "token")?.stringValue ?? ""
      let robot = server.nobody.with("Authorization", "Bearer \(token)")
      let who = try await robot.send(
        .POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        ["apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"])
      #expect(who.status == 201)
      #expect(
        who.json.at("status", "userInfo", "username")
          == "system:serviceaccount:default:robot")
      let other = try await admin.send(
        .POST, accounts + "/robot/token",
        [
          "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
          "spec": ["audiences": ["elsewhere"]],
        ])
      let foreign = server.nobody.with(
        "Authorization", "Bearer \(other.json.at("status", "token")?.stringValue ?? "")")
      #expect(try await foreign.get("/api").status == 401)
      let tampered = server.nobody.with("Authorization", "Bearer \(token)x")
      #expect(try await tampered.get("/api").status == 401)
      _ = try await admin.send(.DELETE, accounts + "/robot")
      #expect(try await robot.get("/api").status == 401)
    }
  }

  @Test func discoveryNamesWhatIsThere() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let plain = try await admin.get("/api/v1")
      let names = plain.json["resources"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
      #expect(names?.contains("pods/log") == true)
      let aggregated = try await admin.with(
        "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
      ).get("/apis")
      #expect(aggregated.json["kind"] == "APIGroupDiscoveryList")
      #expect(try await admin.get("/apis/apps").json["kind"] == "APIGroup")
      #expect(try await admin.get("/version").json["minor"] == "36")
      #expect(try await admin.get("/nope").status == 404)
      let unknown = try await admin.get("/api/v1/nopes")
      #expect(unknown.status == 404)
      #expect(unknown.message == "the server could not find the requested resource")
      let ready = try await admin.get("/readyz?verbose")
      #expect(ready.text.contains("[+]store ok"))
      #expect(ready.text.contains("readyz check passed"))
      #expect(try await admin.get("/metrics").text.contains("apiserver_request_total"))
      #expect(try await admin.get("/taffrail/status").json == ["replicas": []])
      let table = try await admin.with(
        "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"
      ).get("/api/v1/namespaces")
      #expect(table.json["kind"] == "Table")
      let partial = try await admin.with(
        "Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
      ).get("/api/v1/namespaces")
      #expect(partial.json["kind"] == "PartialObjectMetadataList")
      let protobuf = try await admin.with("Accept", "application/vnd.kubernetes.protobuf")
        .get("/api/v1/namespaces")
      #expect(protobuf.status == 200)
      #expect(
        try await admin.with("Accept", "text/html").get("/api/v1/namespaces").status == 406)
    }
  }
}
