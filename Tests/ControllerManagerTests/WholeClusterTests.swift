import ControlPlane
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging
import Scheduler
import Testing

@testable import ControllerManager

/// The controllers and the scheduler at work on a real API server, with a kubelet that only says
/// what a kubelet would say.
@Suite(.serialized) struct WholeClusterTests {
  /// Runs `body` beside a server, the controllers, the scheduler and two pretended nodes.
  func withCluster(_ body: @escaping @Sendable (HTTPSClient) async throws -> Void) async throws {
    let folder = NSTemporaryDirectory() + "controllers-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let server = try await StandaloneServer(
      dataDirectory: folder, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ).start()
    let client = try HTTPSClient(
      configuration: KubeConfiguration.load(path: server.kubeconfig),
      options: .init(userAgent: "controllers-test"))
    for name in ["node-a", "node-b"] { try await Self.register(name, client) }
    let manager = ControllerManager(
      client: client, options: .init(rootCertificate: "the root", nodeGracePeriodSeconds: 3_600))
    let scheduler = Scheduler(client: client)
    let pods = Informer(client: client, resource: .pods)
    let kubelet = Self.kubelet(pods, client)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await manager.run() }
      group.addTask { try await scheduler.run() }
      group.addTask { await pods.run() }
      group.addTask { await kubelet.run() }
      group.addTask { try await body(client) }
      // The body is the only one that ends by itself.
      let result = await group.nextResult()
      group.cancelAll()
      while await group.nextResult() != nil {}
      try result?.get()
    }
    client.shutDown()
    await server.shutdown()
  }

  static func register(_ name: String, _ client: HTTPSClient) async throws {
    let made = try await client.create(
      .nodes, namespace: nil,
      object: [
        "apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(name)], "spec": [:],
      ])
    var node = made
    node["status"] = [
      "allocatable": ["cpu": "8", "memory": "16Gi", "pods": "110"],
      "capacity": ["cpu": "8", "memory": "16Gi", "pods": "110"],
      "conditions": [["type": "Ready", "status": "True", "reason": "KubeletReady"]],
    ]
    _ = try await client.update(
      .nodes, namespace: nil, name: name, object: node, subresource: "status")
  }

  static func kubelet(_ pods: Informer, _ client: HTTPSClient) -> Controller<ObjectKey> {
    let queue = WorkQueue<ObjectKey>()
    pods.addHandler { queue.add($0.key, cause: $0.revision) }
    return Controller(name: "pretended-kubelet", queue: queue) { key in
      guard var pod = pods[key], !PodFacts(pod).nodeName.isEmpty else { return nil }
      if pod.meta.isBeingDeleted {
        _ = try await ignoringNotFound {
          try await client.delete(
            .pods, namespace: key.namespace, name: key.name,
            options: DeleteOptions(gracePeriodSeconds: 0, preconditionUID: pod.meta.uid))
        }
        return nil
      }
      guard PodFacts(pod).phase != "Running" else { return nil }
      let address = "10.0.0.\(abs(pod.meta.uid.hashValue % 250) + 1)"
      pod.set("Running", at: "status", "phase")
      pod.set(.string(address), at: "status", "podIP")
      pod.set([["ip": .string(address)]], at: "status", "podIPs")
      var conditions = pod.at("status", "conditions")?.arrayValue ?? []
      Conditions.set(
        ["type": "Ready", "status": "True"], in: &conditions, now: Timestamp.now.rfc3339())
      pod.set(.array(conditions), at: "status", "conditions")
      let running = pod
      _ = try await ignoringNotFound {
        try await client.update(
          .pods, namespace: key.namespace, name: key.name, object: running, subresource: "status")
      }
      return nil
    }
  }

  struct Timeout: Error, CustomStringConvertible {
    var description: String
  }

  /// Looks until `check` holds. The last thing seen tells why it did not.
  static func eventually(
    _ what: String, seconds: Int = 120, _ check: () async throws -> (Bool, seen: String)
  ) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      let (holds, seen) = try await check()
      if holds { return }
      if ContinuousClock.now > end { throw Timeout(description: "\(what): \(seen)") }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  static func web(_ namespace: String, replicas: Int64, image: String) -> JSONValue {
    [
      "apiVersion": "apps/v1", "kind": "Deployment",
      "metadata": ["name": "web", "namespace": .string(namespace)],
      "spec": [
        "replicas": .int(replicas), "selector": ["matchLabels": ["app": "web"]],
        "template": [
          "metadata": ["labels": ["app": "web"]],
          "spec": [
            "terminationGracePeriodSeconds": 1,
            "containers": [["name": "c", "image": .string(image)]],
          ],
        ],
      ],
    ]
  }

  static func isRolledOut(_ client: HTTPSClient, _ namespace: String, replicas: Int64) async throws
    -> (Bool, seen: String)
  {
    let deployment = try await client.get(.deployments, namespace: namespace, name: "web")
    let status = deployment["status"] ?? [:]
    let keys = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
    let holds =
      keys.allSatisfy { status[$0]?.intValue ?? 0 == replicas }
      && status["observedGeneration"]?.intValue == deployment.meta.generation
    return (holds, status.text)
  }

  @Test(.timeLimit(.minutes(10))) func aDeploymentLivesAndDies() async throws {
    try await withCluster { client in
      let namespace = "shop"
      _ = try await client.create(
        .namespaces, namespace: nil,
        object: ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "shop"]])
      _ = try await client.create(
        .services, namespace: namespace,
        object: [
          "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web"],
          "spec": ["selector": ["app": "web"], "ports": [["port": 80, "targetPort": 8080]]],
        ])
      _ = try await client.create(
        .deployments, namespace: namespace, object: Self.web(namespace, replicas: 4, image: "v1"))
      try await Self.eventually("four pods run") {
        try await Self.isRolledOut(client, namespace, replicas: 4)
      }
      let placed = try await client.list(.pods, namespace: namespace, options: ListOptions())
      let nodes = placed.items.map { PodFacts($0).nodeName }
      #expect(nodes.count { $0 == "node-a" } == 2)
      #expect(nodes.count { $0 == "node-b" } == 2)
      try await Self.eventually("the service has its endpoints") {
        let slices = try await client.list(
          .endpointSlices, namespace: namespace,
          options: ListOptions(labelSelector: "kubernetes.io/service-name=web"))
        let endpoints = slices.items.flatMap { $0["endpoints"]?.arrayValue ?? [] }
        let ready = endpoints.filter { $0.at("conditions", "ready") == true }
        let plain = try await client.get(.endpoints, namespace: namespace, name: "web")
        return (
          ready.count == 4 && plain["subsets"]?[0]?["addresses"]?.arrayValue?.count == 4
            && plain["subsets"]?[0]?["ports"]?[0]?["port"] == 8080,
          "\(slices.items.map(\.text)) \(plain.text)"
        )
      }
      let account = try await client.get(
        .serviceAccounts, namespace: namespace, name: "default")
      #expect(account.meta.name == "default")
      let root = try await client.get(
        .configMaps, namespace: namespace, name: "kube-root-ca.crt")
      #expect(root.at("data", "ca.crt") == "the root")
      _ = try await client.patch(
        .deployments, namespace: namespace, name: "web",
        patch: [
          "spec": [
            "replicas": 6,
            "template": ["spec": ["containers": [["name": "c", "image": "v2"]]]],
          ]
        ], type: .strategicMerge, subresource: nil)
      try await Self.eventually("six new pods run") {
        try await Self.isRolledOut(client, namespace, replicas: 6)
      }
      let sets = try await client.list(.replicaSets, namespace: namespace, options: ListOptions())
      #expect(sets.items.map { $0.at("spec", "replicas")?.intValue ?? -1 }.sorted() == [0, 6])
      try await client.delete(
        .namespaces, namespace: nil, name: namespace, options: DeleteOptions())
      try await Self.eventually("the namespace is gone") {
        do {
          let left = try await client.get(.namespaces, namespace: nil, name: namespace)
          return (false, left.text)
        } catch let status as APIStatus where status.code == 404 { return (true, "") }
      }
      let left = try await client.list(.pods, namespace: namespace, options: ListOptions())
      #expect(left.items.isEmpty)
    }
  }

  @Test(.timeLimit(.minutes(10)), arguments: ["Background", "Foreground", "Orphan"])
  func deletingADeployment(policy: String) async throws {
    try await withCluster { client in
      _ = try await client.create(
        .deployments, namespace: "default",
        object: Self.web("default", replicas: 2, image: "v1"))
      try await Self.eventually("two pods run") {
        try await Self.isRolledOut(client, "default", replicas: 2)
      }
      try await client.delete(
        .deployments, namespace: "default", name: "web",
        options: DeleteOptions(propagationPolicy: policy))
      try await Self.eventually("the deployment is gone") {
        let left = try await client.list(.deployments, namespace: "default", options: .init())
        return (left.items.isEmpty, left.items.map(\.text).joined())
      }
      if policy == "Orphan" {
        let sets = try await client.list(.replicaSets, namespace: "default", options: .init())
        #expect(sets.items.count == 1)
        #expect(sets.items.first?.meta.ownerReferences.isEmpty == true)
        let pods = try await client.list(.pods, namespace: "default", options: .init())
        #expect(pods.items.count { PodFacts($0).isActive } == 2)
        return
      }
      try await Self.eventually("replica sets and pods are gone") {
        let sets = try await client.list(.replicaSets, namespace: "default", options: .init())
        let pods = try await client.list(.pods, namespace: "default", options: .init())
        return (
          sets.items.isEmpty && pods.items.isEmpty,
          (sets.items + pods.items).map { $0["metadata"]?.text ?? "" }.joined()
        )
      }
    }
  }
}
