import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct KindTests {
  private static let core = "/api/v1/namespaces/default"

  private static func service(_ name: String, _ spec: JSONValue = [:]) -> JSONValue {
    var spec = spec
    if spec["ports"] == nil { spec["ports"] = [["port": 80]] }
    return [
      "apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name)], "spec": spec,
    ]
  }

  private static func pod(_ name: String, node: String? = nil) -> JSONValue {
    var spec: JSONValue = ["containers": [["name": "c", "image": "example.com/app:1"]]]
    if let node { spec["nodeName"] = .string(node) }
    return [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)], "spec": spec,
    ]
  }

  @Test func noTwoServicesShareAnAddressAlsoAcrossServers() async throws {
    // A range of 14 addresses, of which the kubernetes Service has the first.
    try await TestServer.run(serviceRange: "10.96.0.0/28") { server in
      let second = try await TestServer.start(
        keys: server.keys, store: server.replica, serviceRange: "10.96.0.0/28")
      let clients = [server.admin, server.admin.at(second)]
      let addresses = try await withThrowingTaskGroup(of: JSONValue.self) { group in
        for index in 0..<13 {
          group.addTask {
            try await clients[index % 2].send(
              .POST, Self.core + "/services", Self.service("s\(index)", ["type": "NodePort"])
            ).json
          }
        }
        var found: [JSONValue] = []
        for try await service in group { found.append(service) }
        return found
      }
      let ips = addresses.compactMap { $0.at("spec", "clusterIP")?.stringValue }
      #expect(ips.count == 13)
      #expect(Set(ips).count == 13)
      let ports = addresses.compactMap { $0.at("spec", "ports")?[0]?["nodePort"]?.intValue }
      #expect(Set(ports).count == 13)
      #expect(ports.allSatisfy { (30000...32767).contains($0) })
      let full = try await server.admin.send(
        .POST, Self.core + "/services", Self.service("more"))
      #expect(full.status == 500)
      #expect(full.message.contains("range is full"))
      _ = try await server.admin.send(.DELETE, Self.core + "/services/s0")
      let next = try await server.admin.send(
        .POST, Self.core + "/services", Self.service("more"))
      #expect(next.status == 201)
      let taken = try await server.admin.send(
        .POST, Self.core + "/services",
        Self.service("again", ["clusterIP": .string(ips.first ?? "")]))
      #expect(taken.status == 422)
      await second.shutdown()
    }
  }

  @Test func aBoundPodEndsGracefully() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let free = try await admin.send(.POST, Self.core + "/pods", Self.pod("free"))
      #expect(free.status == 201)
      #expect(free.json.at("status", "phase") == "Pending")
      _ = try await admin.send(.DELETE, Self.core + "/pods/free")
      #expect(try await admin.get(Self.core + "/pods/free").status == 404)

      _ = try await admin.send(.POST, Self.core + "/pods", Self.pod("bound"))
      let binding: JSONValue = [
        "apiVersion": "v1", "kind": "Binding", "metadata": ["name": "bound"],
        "target": ["kind": "Node", "name": "n1"],
      ]
      let bound = try await admin.send(.POST, Self.core + "/pods/bound/binding", binding)
      #expect(bound.status == 201)
      #expect(
        try await admin.send(.POST, Self.core + "/pods/bound/binding", binding).status == 409)
      let deleted = try await admin.send(.DELETE, Self.core + "/pods/bound")
      #expect(deleted.json.isBeingDeleted)
      #expect(deleted.json.at("metadata", "deletionGracePeriodSeconds") == 30)
      #expect(try await admin.get(Self.core + "/pods/bound").status == 200)
      _ = try await admin.send(
        .DELETE, Self.core + "/pods/bound", ["gracePeriodSeconds": 0])
      #expect(try await admin.get(Self.core + "/pods/bound").status == 404)
    }
  }

  @Test func anExecSaysThatItIsNotThere() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(.POST, Self.core + "/pods", Self.pod("a"))
      let exec = try await admin.send(.POST, Self.core + "/pods/a/exec?command=ls")
      #expect(exec.status == 501)
      #expect(exec.message == "pods/exec is not available yet")
      let logs = try await admin.get(Self.core + "/pods/a/log")
      #expect(logs.status == 204 && logs.body.isEmpty)
      let wrong = try await admin.get(Self.core + "/pods/a/log?container=nope")
      #expect(wrong.status == 400)
    }
  }

  @Test func aNamespaceTakesNothingNewWhileItGoes() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let missing = try await admin.send(
        .POST, "/api/v1/namespaces/none/configmaps", ObjectTests.configMap("a"))
      #expect(missing.status == 404)
      #expect(missing.message == "namespaces \"none\" not found")
      let made = try await admin.send(
        .POST, "/api/v1/namespaces",
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "n"]])
      #expect(made.json.at("spec", "finalizers") == ["kubernetes"])
      #expect(made.json.labels == ["kubernetes.io/metadata.name": "n"])
      let going = try await admin.send(.DELETE, "/api/v1/namespaces/n")
      #expect(going.json.at("status", "phase") == "Terminating")
      let refused = try await admin.send(
        .POST, "/api/v1/namespaces/n/configmaps", ObjectTests.configMap("a"))
      #expect(refused.status == 403)
      #expect(refused.message.contains("because it is being terminated"))
      var last = going.json
      last["spec"] = [:]
      let finalized = try await admin.send(.PUT, "/api/v1/namespaces/n/finalize", last)
      #expect(finalized.status == 200)
      #expect(try await admin.get("/api/v1/namespaces/n").status == 404)
      let kept = try await admin.send(.DELETE, "/api/v1/namespaces/default")
      #expect(kept.status == 403)
    }
  }

  @Test func podsGetATokenOfTheirAccount() async throws {
    try await TestServer.run(disabledAdmissionPlugins: []) { server in
      let admin = server.admin
      let refused = try await admin.send(.POST, Self.core + "/pods", Self.pod("early"))
      #expect(refused.status == 403)
      _ = try await admin.send(
        .POST, Self.core + "/serviceaccounts",
        ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "default"]])
      let pod = try await admin.send(.POST, Self.core + "/pods", Self.pod("a"))
      #expect(pod.status == 201)
      #expect(pod.json.at("spec", "serviceAccountName") == "default")
      let volume = pod.json.at("spec", "volumes")?[0]
      #expect(volume?["name"]?.stringValue?.hasPrefix("kube-api-access-") == true)
      let mount = pod.json.at("spec", "containers")?[0]?["volumeMounts"]?[0]
      #expect(mount?["name"] == volume?["name"])
      let keys = pod.json.at("spec", "tolerations")?.arrayValue?.compactMap {
        $0["key"]?.stringValue
      }
      #expect(keys == ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"])
    }
  }

  @Test func scaleChangesTheReplicasOnly() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = "/apis/apps/v1/namespaces/default/deployments"
      let created = try await admin.send(
        .POST, path,
        [
          "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "d"],
          "spec": [
            "replicas": 3, "selector": ["matchLabels": ["a": "b"]],
            "template": [
              "metadata": ["labels": ["a": "b"]],
              "spec": ["containers": [["name": "c", "image": "example.com/app:1"]]],
            ],
          ],
        ])
      #expect(created.status == 201)
      let scale = try await admin.get(path + "/d/scale")
      #expect(scale.json["kind"] == "Scale")
      #expect(scale.json.at("spec", "replicas") == 3)
      #expect(scale.json.at("status", "selector") == "a=b")
      let patched = try await admin.send(
        .PATCH, path + "/d/scale", ["spec": ["replicas": 5]],
        contentType: "application/merge-patch+json")
      #expect(patched.status == 200)
      let read = try await admin.get(path + "/d")
      #expect(read.json.at("spec", "replicas") == 5)
      #expect(read.json.at("metadata", "generation") == 2)
      let status = try await admin.send(
        .PATCH, path + "/d/status", ["status": ["replicas": 5], "spec": ["replicas": 9]],
        contentType: "application/merge-patch+json")
      #expect(status.json.at("spec", "replicas") == 5)
      #expect(status.json.at("status", "replicas") == 5)
      #expect(status.json.at("metadata", "generation") == 2)
    }
  }

  @Test func bodiesOfSubresourcesMayLeaveOutTheirKind() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let web: JSONValue = [
        "metadata": ["name": "web"],
        "spec": [
          "replicas": 1, "selector": ["matchLabels": ["a": "b"]],
          "template": [
            "metadata": ["labels": ["a": "b"]],
            "spec": ["containers": [["name": "c", "image": "example.com/app:1"]]],
          ],
        ],
      ]
      let deployments = "/apis/apps/v1/namespaces/default/deployments"
      for name in ["a", "b", "c"] {
        #expect(try await admin.send(.POST, Self.core + "/pods", Self.pod(name)).status == 201)
      }
      #expect(try await admin.send(.POST, deployments, web).status == 201)
      let account: JSONValue = ["metadata": ["name": "robot"]]
      #expect(
        try await admin.send(.POST, Self.core + "/serviceaccounts", account).status == 201)
      let target: JSONValue = ["name": "n", "kind": "Node"]
      let cases: [(HTTPMethod, String, JSONValue, version: String, kind: String)] = [
        (
          .PUT, deployments + "/web/scale",
          ["metadata": ["name": "web"], "spec": ["replicas": 4]], "autoscaling/v1", "Scale"
        ),
        (
          .POST, Self.core + "/serviceaccounts/robot/token",
          ["spec": ["expirationSeconds": 900]], "authentication.k8s.io/v1", "TokenRequest"
        ),
        (
          .POST, Self.core + "/pods/a/binding",
          ["metadata": ["name": "a"], "target": target], "v1", "Binding"
        ),
        (
          .POST, Self.core + "/bindings", ["metadata": ["name": "b"], "target": target], "v1",
          "Binding"
        ),
        (
          .POST, Self.core + "/pods/c/eviction", ["metadata": ["name": "c"]], "policy/v1",
          "Eviction"
        ),
      ]
      for (method, path, body, version, kind) in cases {
        for (wrongVersion, wrongKind) in [(version, "Pod"), ("example.com/v1", kind)] {
          var wrong = body
          wrong["apiVersion"] = .string(wrongVersion)
          wrong["kind"] = .string(wrongKind)
          let refused = try await admin.send(method, path, wrong)
          #expect(refused.status == 400, "\(path): \(refused.text)")
          #expect(refused.message.contains("cannot be handled as a \(kind)"), "\(refused.text)")
        }
        let notAnObject = try await admin.send(method, path, ["a"])
        #expect(notAnObject.status == 400, "\(path): \(notAnObject.text)")
        let taken = try await admin.send(method, path, body)
        #expect(taken.status == (method == .PUT ? 200 : 201), "\(path): \(taken.text)")
        if kind == "Scale" || kind == "TokenRequest" {
          #expect(taken.json["kind"] == .string(kind))
          #expect(taken.json["apiVersion"] == .string(version))
        }
      }
      #expect(try await admin.get(deployments + "/web").json.at("spec", "replicas") == 4)
      for name in ["a", "b"] {
        #expect(try await admin.get(Self.core + "/pods/" + name).json.at("spec", "nodeName") == "n")
      }
      #expect(try await admin.get(Self.core + "/pods/c").status == 404)
    }
  }

  @Test func addressRangesAreRead() {
    let range = AddressRange("10.96.0.0/28")
    #expect(range?.usableCount == 14)
    #expect(range?.address(at: 1) == "10.96.0.1")
    #expect(AddressRange("10.96.0.0") == nil)
    #expect(AddressRange("10.96.0.0/33") == nil)
    #expect(AddressRange("10.96.0.256/16") == nil)
    #expect(AddressRange.address("1.2.3.4") == 0x0102_0304)
    #expect(AddressRange.address("1.2.3") == nil)
    #expect(AddressRange.address("01.2.3.4") == nil)
  }
}
