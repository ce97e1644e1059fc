import ContainerRuntime
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging

/// Registers the node and keeps its Lease and its status fresh.
struct NodeReporter: Sendable {
  var configuration: KubeletConfiguration
  var client: any KubernetesClient
  var runtime: any RuntimeService
  var facts: MachineFacts
  var logger: Logger

  /// A Lease is renewed at a quarter of its duration; upstream's figures.
  static let leaseSeconds: Int64 = 40
  static let renewSeconds: Int64 = 10
  /// A status that does not change is written this often.
  static let statusSeconds: Int64 = 300
  static let leaseNamespace = "kube-node-lease"

  private func node() async -> NodeObject {
    var node = NodeObject(
      configuration: configuration, facts: facts, runtimeVersion: "", problem: nil, now: .now)
    do {
      let version = try await runtime.version()
      node.runtimeVersion = "\(version.name)://\(version.version)"
      node.problem = try await runtime.readiness()
    } catch {
      node.problem = "the container runtime does not answer: \(error)"
    }
    return node
  }

  /// Tries until the node is in the API and Ready is written.
  func register() async {
    var backoff = Backoff(initialMilliseconds: 50, maximumMilliseconds: 3_000)
    while !Task.isCancelled {
      do {
        try await registerOnce()
        return
      } catch {
        logger.info("the node can't be registered yet: \(error)")
        try? await Task.sleep(for: .milliseconds(backoff.next(jitter: .random(in: 0..<1))))
      }
    }
  }

  private func registerOnce() async throws {
    let node = await node()
    do {
      _ = try await client.create(.nodes, namespace: nil, object: node.object)
    } catch let status as APIStatus where status.code == 409 {
      // Known from a run before; labels may have changed since.
      _ = try await client.patch(
        .nodes, namespace: nil, name: configuration.nodeName,
        patch: ["metadata": ["labels": node.labels]], type: .merge, subresource: nil)
    }
    try await writeStatus(node)
    try await renewLease()
  }

  private func writeStatus(_ node: NodeObject) async throws {
    let old = try await client.get(.nodes, namespace: nil, name: configuration.nodeName)
    _ = try await client.patch(
      .nodes, namespace: nil, name: configuration.nodeName,
      patch: ["status": node.status(old: old["status"])], type: .merge, subresource: "status")
  }

  private func renewLease() async throws {
    let time = JSONValue.string(Timestamp.now.rfc3339Micro())
    let patch: JSONValue = [
      "spec": [
        "holderIdentity": .string(configuration.nodeName),
        "leaseDurationSeconds": .int(Self.leaseSeconds), "renewTime": time,
      ]
    ]
    do {
      _ = try await client.patch(
        .leases, namespace: Self.leaseNamespace, name: configuration.nodeName, patch: patch,
        type: .merge, subresource: nil)
    } catch let status as APIStatus where status.code == 404 {
      var lease = patch
      lease["apiVersion"] = "coordination.k8s.io/v1"
      lease["kind"] = "Lease"
      lease["metadata"] = [
        "name": .string(configuration.nodeName), "namespace": .string(Self.leaseNamespace),
      ]
      _ = try await client.create(.leases, namespace: Self.leaseNamespace, object: lease)
    }
  }

  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.keepLease() }
      group.addTask { await self.keepStatus() }
    }
  }

  private func keepLease() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(Self.renewSeconds))
      if Task.isCancelled { return }
      do {
        try await renewLease()
      } catch {
        logger.warning("the node's lease can't be renewed: \(error)")
      }
    }
  }

  private func keepStatus() async {
    var written: (problem: String?, time: ContinuousClock.Instant)?
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(2))
      if Task.isCancelled { return }
      let node = await node()
      if let written, written.problem == node.problem,
        ContinuousClock.now - written.time < .seconds(Self.statusSeconds)
      {
        continue
      }
      do {
        try await writeStatus(node)
        written = (node.problem, .now)
      } catch let status as APIStatus where status.code == 404 {
        await register()
      } catch {
        logger.warning("the node's status can't be written: \(error)")
      }
    }
  }
}
