import Foundation
import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct WebhookTests {
  private static let group = "/apis/admissionregistration.k8s.io/v1/"

  private static func configuration(
    _ kind: String, _ webhook: TestWebhook?, _ server: TestServer, _ changes: JSONValue = [:]
  ) throws -> JSONValue {
    let authority = try Data(contentsOf: URL(fileURLWithPath: server.keys.authority))
    var hook: JSONValue = [
      "name": "w.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
      "timeoutSeconds": 2,
      "clientConfig": [
        "url": .string("https://127.0.0.1:\(webhook?.port ?? 1)/hook"),
        "caBundle": .string(authority.base64EncodedString()),
      ],
      "rules": [
        [
          "apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"],
          "resources": ["configmaps"],
        ]
      ],
    ]
    for (name, value) in changes.objectValue ?? [:] { hook[name] = value }
    return [
      "apiVersion": "admissionregistration.k8s.io/v1", "kind": .string(kind),
      "metadata": ["name": "w"], "webhooks": [hook],
    ]
  }

  private static func register(
    _ kind: String, _ webhook: TestWebhook?, _ server: TestServer, _ changes: JSONValue = [:]
  ) async throws {
    let answer = try await server.admin.send(
      .POST, group + kind.lowercased() + "s",
      try configuration(kind, webhook, server, changes))
    try #require(answer.status == 201, "\(answer.json.text)")
  }

  private static func patch(_ operations: String) -> JSONValue {
    [
      "allowed": true, "patchType": "JSONPatch",
      "patch": .string(Data(operations.utf8).base64EncodedString()),
    ]
  }

  @Test func aValidatingWebhookSeesWritesAndRefuses() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(
        on: server,
        { request in
          let object = request["object"].flatMap { $0.isNull ? nil : $0 } ?? request["oldObject"]
          let name = object?.at("metadata", "name")
          if name == "bad" {
            return ["allowed": false, "status": ["message": "not this one", "code": 403]]
          }
          return ["allowed": true, "warnings": ["looked at"]]
        }
      ) { webhook in
        try await Self.register("ValidatingWebhookConfiguration", webhook, server)
        let admin = server.admin
        let refused = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("bad"))
        #expect(refused.status == 403)
        #expect(
          refused.message
            == "admission webhook \"w.example.com\" denied the request: not this one")
        let created = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
        #expect(created.status == 201)
        #expect(created.headers["Warning"] == ["299 - \"looked at\""])
        let path = ObjectTests.path + "/a"
        _ = try await admin.send(
          .PATCH, path, ["data": ["k": "new"]], contentType: "application/merge-patch+json")
        #expect(try await admin.send(.DELETE, path).status == 200)
        // Other kinds are none of its business.
        #expect(
          try await admin.send(
            .POST, "/api/v1/namespaces/default/secrets",
            ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"]]
          ).status == 201)
        let requests = webhook.requests
        #expect(
          requests.map { $0["operation"]?.stringValue } == ["CREATE", "CREATE", "UPDATE", "DELETE"])
        #expect(requests[2].at("object", "data") == ["k": "new"])
        #expect(requests[2].at("oldObject", "data")?.objectValue?["k"] != "new")
        #expect(requests[3]["object"] == .null)
        #expect(requests.allSatisfy { $0["namespace"] == "default" && $0["dryRun"] == false })
      }
    }
  }

  @Test func ofADeletionMutatingWebhooksHearBeforePoliciesJudge() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(on: server, { _ in ["allowed": true] }) { webhook in
        try await Self.register("MutatingWebhookConfiguration", webhook, server)
        let admin = server.admin
        let objects: [(String, JSONValue)] = [
          (ObjectTests.path, ObjectTests.configMap("a")),
          (
            Self.group + "validatingadmissionpolicies",
            [
              "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
              "metadata": ["name": "p"],
              "spec": [
                "matchConstraints": [
                  "resourceRules": [
                    [
                      "apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"],
                      "resources": ["configmaps"],
                    ]
                  ]
                ], "validations": [["expression": "false", "message": "stays"]],
              ],
            ]
          ),
          (
            Self.group + "validatingadmissionpolicybindings",
            [
              "apiVersion": "admissionregistration.k8s.io/v1",
              "kind": "ValidatingAdmissionPolicyBinding", "metadata": ["name": "b"],
              "spec": ["policyName": "p", "validationActions": ["Deny"]],
            ]
          ),
        ]
        for (path, object) in objects {
          #expect(try await admin.send(.POST, path, object).status == 201)
        }
        #expect(try await admin.send(.DELETE, ObjectTests.path + "/a").status == 422)
        #expect(
          webhook.requests.map { $0["operation"]?.stringValue } == ["CREATE", "DELETE"])
      }
    }
  }

  @Test func aMutatingWebhookChangesWhatIsStored() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(
        on: server,
        { request in
          request["operation"] == "DELETE"
            ? ["allowed": true]
            : Self.patch(
              #"[{"op":"add","path":"/metadata/labels","value":{"by":"webhook"}},"#
                + #"{"op":"add","path":"/unknown","value":1}]"#)
        }
      ) { webhook in
        try await Self.register("MutatingWebhookConfiguration", webhook, server)
        let admin = server.admin
        var object = ObjectTests.configMap("a")
        object["data"] = ["k": "v"]
        let created = try await admin.send(
          .POST, ObjectTests.path + "?fieldManager=tester", object)
        #expect(created.status == 201)
        #expect(created.json.at("metadata", "labels") == ["by": "webhook"])
        #expect(created.json["unknown"] == nil)
        let changed = try await admin.send(
          .PATCH, ObjectTests.path + "/a", ["metadata": ["labels": .null]],
          contentType: "application/merge-patch+json")
        #expect(changed.json.at("metadata", "labels") == ["by": "webhook"])
        // Nobody owns what a webhook adds.
        #expect(
          created.json.at("metadata", "managedFields")?.text.contains("f:by") == false)
        #expect(try await admin.send(.DELETE, ObjectTests.path + "/a").status == 200)
      }
    }
  }

  /// The patch it answers with, or none, and what the client is told.
  static let badAnswers: [(JSONValue, String)] = [
    (
      ["uid": "other", "allowed": true],
      "received invalid webhook response: expected response.uid="
    ),
    (
      ["allowed": true, "patchType": "JSONPatch"],
      "received invalid webhook response: webhook returned response.patchType but not"
    ),
  ]

  @Test(arguments: badAnswers)
  func badAnswersFailTheWrite(answer: JSONValue, message: String) async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(on: server, { _ in answer }) { webhook in
        try await Self.register("MutatingWebhookConfiguration", webhook, server)
        let failed = try await server.admin.send(
          .POST, ObjectTests.path, ObjectTests.configMap("a"))
        #expect(failed.status == 500)
        #expect(failed.reason == "InternalError")
        #expect(
          failed.message.hasPrefix(
            "Internal error occurred: failed calling webhook \"w.example.com\": \(message)"),
          "\(failed.message)")
      }
    }
  }

  @Test func oneThatIsNotThereFailsTheWriteUnlessItMayBeIgnored() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.register("ValidatingWebhookConfiguration", nil, server)
      let failed = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
      #expect(failed.status == 500)
      #expect(
        failed.message
          == "Internal error occurred: failed calling webhook \"w.example.com\": failed to call "
          + "webhook: Post \"https://127.0.0.1:1/hook?timeout=2s\": dial tcp 127.0.0.1:1: connect: "
          + "connection refused")
      let path = Self.group + "validatingwebhookconfigurations/w"
      let configuration = try Self.configuration(
        "ValidatingWebhookConfiguration", nil, server, ["failurePolicy": "Ignore"])
      #expect(
        try await admin.send(
          .PATCH, path, configuration, contentType: "application/merge-patch+json"
        ).status == 200)
      #expect(
        try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a")).status == 201)
    }
  }

  @Test func oneThatSaysNothingIsNotWaitedForForever() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(on: server, { _ in nil }) { webhook in
        try await Self.register(
          "ValidatingWebhookConfiguration", webhook, server, ["timeoutSeconds": 1])
        let failed = try await server.admin.send(
          .POST, ObjectTests.path, ObjectTests.configMap("a"))
        #expect(failed.status == 500)
        #expect(failed.message.hasSuffix("?timeout=1s\": context deadline exceeded"))
      }
    }
  }

  @Test func oneThatTheAuthorityDoesNotVouchForIsNotTrusted() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(on: server, { _ in ["allowed": true] }) { webhook in
        // Without a bundle, the system's authorities count.
        try await Self.register(
          "ValidatingWebhookConfiguration", webhook, server,
          ["clientConfig": ["url": .string("https://127.0.0.1:\(webhook.port)/")]])
        let failed = try await server.admin.send(
          .POST, ObjectTests.path, ObjectTests.configMap("a"))
        #expect(failed.status == 500)
        #expect(failed.message.contains("failed to verify certificate"), "\(failed.message)")
        #expect(webhook.requests.isEmpty)
      }
    }
  }

  @Test func aServiceIsLookedUp() async throws {
    try await TestServer.run { server in
      try await Self.register(
        "ValidatingWebhookConfiguration", nil, server,
        ["clientConfig": ["service": ["namespace": "default", "name": "none"]]])
      let failed = try await server.admin.send(
        .POST, ObjectTests.path, ObjectTests.configMap("a"))
      #expect(
        failed.message.hasSuffix(
          "Post \"https://none.default.svc:443/?timeout=2s\": service \"none\" not found"))
    }
  }

  @Test func oneThatChangesThingsElsewhereIsNotAskedOnTrial() async throws {
    try await TestServer.run { server in
      try await TestWebhook.run(on: server, { _ in ["allowed": true] }) { webhook in
        try await Self.register(
          "ValidatingWebhookConfiguration", webhook, server,
          ["sideEffects": "NoneOnDryRun"])
        let path = ObjectTests.path + "?dryRun=All"
        let tried = try await server.admin.send(.POST, path, ObjectTests.configMap("a"))
        #expect(tried.status == 201)
        #expect(webhook.requests.first?["dryRun"] == true)
      }
    }
  }

  @Test func addressesAreReadFromServicesAndURLs() throws {
    func address(_ client: JSONValue, clusterIP: String?) -> String {
      let webhook = AdmissionWebhook([
        "name": "w", "clientConfig": client, "timeoutSeconds": 5,
      ])
      do throws(WebhookAddress.Problem) {
        let address = try WebhookAddress(webhook) { _, _ in clusterIP }
        return "\(address.host) \(address.port) \(address.serverName) \(address.url)"
      } catch {
        return "\(error.url) \(error.message)"
      }
    }
    let service: JSONValue = ["service": ["namespace": "n", "name": "s", "path": "/p"]]
    #expect(
      address(service, clusterIP: "10.96.0.9")
        == "10.96.0.9 443 s.n.svc https://s.n.svc:443/p?timeout=5s")
    #expect(
      address(service, clusterIP: "None")
        == "https://s.n.svc:443/p?timeout=5s cannot route to service with ClusterIP \"None\"")
    #expect(
      address(["url": "https://h.example.com"], clusterIP: nil)
        == "h.example.com 443 h.example.com https://h.example.com/?timeout=5s")
    #expect(
      address(["url": "https://[::1]:8443/a"], clusterIP: nil)
        == "::1 8443 ::1 https://[::1]:8443/a?timeout=5s")
  }
}
