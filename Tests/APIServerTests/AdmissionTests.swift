import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

/// Admission as clients see it.
@Suite struct AdmissionTests {
  private static let namespace = "/api/v1/namespaces/default"

  private func pod(_ name: String, spec: JSONValue = [:]) -> JSONValue {
    var value: JSONValue = [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)], "spec": spec,
    ]
    if value.at("spec", "containers") == nil {
      value.set([["name": "c", "image": "x:1"]], at: "spec", "containers")
    }
    return value
  }

  private func quota(_ hard: JSONValue) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "ResourceQuota", "metadata": ["name": "q"],
      "spec": ["hard": hard],
    ]
  }

  private func counted(_ hard: JSONValue, _ used: JSONValue) -> JSONValue {
    ["status": ["hard": hard, "used": used]]
  }

  @Test func aQuotaIsNeverOversubscribedByServersThatWriteAtOnce() async throws {
    try await TestServer.run { server in
      let others = [
        try await TestServer.start(keys: server.keys, store: server.replica),
        try await TestServer.start(keys: server.keys, store: server.replica),
      ]
      let ports = [server.port] + others.map { $0.boundAddresses.first?.port ?? 0 }
      let admin = server.admin
      let path = Self.namespace + "/resourcequotas"
      let hard: JSONValue = ["pods": "7", "requests.cpu": "10"]
      #expect(try await admin.send(.POST, path, quota(hard)).status == 201)
      #expect(
        try await admin.send(
          .PATCH, path + "/q/status", counted(hard, ["pods": "0", "requests.cpu": "0"]),
          contentType: "application/merge-patch+json"
        ).status == 200)
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<30 {
          var client = admin
          client.port = ports[index % ports.count]
          let object = pod(
            "p\(index)",
            spec: [
              "containers": [
                ["name": "c", "image": "x:1", "resources": ["requests": ["cpu": "1"]]]
              ]
            ])
          let sender = client
          group.addTask {
            try await sender.send(.POST, Self.namespace + "/pods", object).status
          }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
      #expect(statuses.filter { $0 == 201 }.count == 7)
      #expect(statuses.filter { $0 == 403 }.count == 23)
      let pods = try await admin.get(Self.namespace + "/pods")
      #expect(pods.json["items"]?.arrayValue?.count == 7)
      let status = try await admin.get(path + "/q").json["status"]
      #expect(status?["used"] == ["pods": "7", "requests.cpu": "7"])
      for other in others { await other.shutdown() }
    }
  }

  @Test func aDryRunAndARefusalCountNothing() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = Self.namespace + "/resourcequotas"
      let hard: JSONValue = ["pods": "1", "services.nodeports": "0"]
      _ = try await admin.send(.POST, path, quota(hard))
      _ = try await admin.send(
        .PATCH, path + "/q/status", counted(hard, ["pods": "0", "services.nodeports": "0"]),
        contentType: "application/merge-patch+json")
      let dry = try await admin.send(.POST, Self.namespace + "/pods?dryRun=All", pod("a"))
      #expect(dry.status == 201)
      #expect(try await admin.send(.POST, Self.namespace + "/pods", pod("a")).status == 201)
      let refused = try await admin.send(.POST, Self.namespace + "/pods", pod("b"))
      #expect(refused.status == 403)
      #expect(
        refused.message
          == "pods \"b\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, "
          + "limited: pods=1")
      let dryRefused = try await admin.send(
        .POST, Self.namespace + "/pods?dryRun=All", pod("b"))
      #expect(dryRefused.status == 403)
      let service: JSONValue = [
        "apiVersion": "v1", "kind": "Service", "metadata": ["name": "s"],
        "spec": ["ports": [["port": 80]]],
      ]
      #expect(
        try await admin.send(.POST, Self.namespace + "/services", service).status == 201)
      let exposed = try await admin.send(
        .PATCH, Self.namespace + "/services/s", ["spec": ["type": "NodePort"]],
        contentType: "application/merge-patch+json")
      #expect(exposed.status == 403)
      let used = try await admin.get(path + "/q").json.at("status", "used")
      #expect(used == ["pods": "1", "services.nodeports": "0"])
    }
  }

  @Test func nothingComesIntoANamespaceThatGoes() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(
        .POST, "/api/v1/namespaces",
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "n"]])
      _ = try await admin.send(.DELETE, "/api/v1/namespaces/n")
      let refused = try await admin.send(
        .POST, "/api/v1/namespaces/n/configmaps",
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"]])
      #expect(refused.status == 403)
      #expect(
        refused.json.at("details", "causes")?[0]?["reason"]?.stringValue
          == "NamespaceTerminating")
      for name in ["default", "kube-system", "kube-public"] {
        let kept = try await admin.send(.DELETE, "/api/v1/namespaces/\(name)")
        #expect(kept.status == 403)
      }
    }
  }

  @Test func namespacesHoldPodsToTheirLevel() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let labelled = try await admin.send(
        .PATCH, "/api/v1/namespaces/default",
        [
          "metadata": [
            "labels": [
              "pod-security.kubernetes.io/enforce": "baseline",
              "pod-security.kubernetes.io/warn": "restricted",
            ]
          ]
        ], contentType: "application/merge-patch+json")
      #expect(labelled.status == 200)
      let refused = try await admin.send(
        .POST, Self.namespace + "/pods", pod("a", spec: ["hostNetwork": true]))
      #expect(refused.status == 403)
      #expect(
        refused.message
          == "pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces "
          + "(hostNetwork=true)")
      let warned = try await admin.send(.POST, Self.namespace + "/pods", pod("b"))
      #expect(warned.status == 201)
      #expect(
        warned.headers["warning"].contains {
          $0.contains("would violate PodSecurity \\\"restricted:latest\\\"")
        })
      let wrong = try await admin.send(
        .PATCH, "/api/v1/namespaces/default",
        ["metadata": ["labels": ["pod-security.kubernetes.io/enforce": "bogus"]]],
        contentType: "application/merge-patch+json")
      #expect(wrong.status == 422)
    }
  }

  @Test func classesAndFinalizersAreFilledIn() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(
        .POST, "/apis/storage.k8s.io/v1/storageclasses",
        [
          "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "p.example",
          "metadata": [
            "name": "fast",
            "annotations": ["storageclass.kubernetes.io/is-default-class": "true"],
          ],
        ])
      let claim = try await admin.send(
        .POST, Self.namespace + "/persistentvolumeclaims",
        [
          "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": ["name": "c"],
          "spec": [
            "accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]],
          ],
        ])
      #expect(claim.json.at("spec", "storageClassName") == "fast")
      #expect(claim.json.finalizers == ["kubernetes.io/pvc-protection"])
      _ = try await admin.send(
        .POST, "/apis/node.k8s.io/v1/runtimeclasses",
        [
          "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "h",
          "metadata": ["name": "sandbox"], "overhead": ["podFixed": ["cpu": "100m"]],
          "scheduling": ["nodeSelector": ["a": "b"]],
        ])
      let sandboxed = try await admin.send(
        .POST, Self.namespace + "/pods", pod("s", spec: ["runtimeClassName": "sandbox"]))
      #expect(sandboxed.json.at("spec", "overhead") == ["cpu": "100m"])
      #expect(sandboxed.json.at("spec", "nodeSelector") == ["a": "b"])
      let unknown = try await admin.send(
        .POST, Self.namespace + "/pods", pod("u", spec: ["runtimeClassName": "none"]))
      #expect(unknown.status == 403)
    }
  }

  private func signingRequest(_ name: String, _ pem: String, signer: String) -> JSONValue {
    [
      "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
      "metadata": ["name": .string(name)],
      "spec": [
        "request": .string(Base64.encode(Array(pem.utf8))), "signerName": .string(signer),
        "usages": ["client auth"],
      ],
    ]
  }

  private func approve(_ client: TestClient, _ conditions: JSONValue) async throws
    -> TestResponse
  {
    try await client.send(
      .PATCH, "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/approval",
      ["status": ["conditions": conditions]], contentType: "application/merge-patch+json")
  }

  @Test func conditionsOfSigningRequestsStay() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
      let request = try TestKeys.request(commonName: "ann", organization: "devs")
      let made = try await admin.send(
        .POST, path, signingRequest("a", request, signer: "example.com/signer"))
      #expect(made.status == 201)
      #expect(made.json.at("spec", "username") == "kubernetes-admin")
      #expect(try await approve(admin, [["type": "Approved", "status": "True"]]).status == 200)
      #expect(try await approve(admin, []).status == 422)
      #expect(
        try await approve(
          admin,
          [
            ["type": "Approved", "status": "True"], ["type": "Denied", "status": "True"],
          ]
        ).status == 422)
      let masters = try TestKeys.request(commonName: "x", organization: "system:masters")
      let refused = try await admin.send(
        .POST, path, signingRequest("m", masters, signer: "kubernetes.io/kube-apiserver-client"))
      #expect(refused.status == 403)
      let junk = try await admin.send(
        .POST, path, signingRequest("j", "junk", signer: "example.com/signer"))
      #expect(junk.status == 422)
    }
  }
}
