import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging
import Synchronization

/// Nodes that report Ready and play pods through their phases without running them: for tests
/// of scale, and where there is no container runtime.
public final class HollowNodes: Sendable {
  public struct Configuration: Sendable {
    public var count: Int
    public var namePrefix: String
    /// What the nodes report as their address.
    public var address: String

    public init(count: Int, namePrefix: String = "hollow-", address: String = "127.0.0.1") {
      precondition(count > 0)
      self.count = count
      self.namePrefix = namePrefix
      self.address = address
    }
  }

  private let configuration: Configuration
  private let client: any KubernetesClient
  private let pods: Informer
  private let queue = WorkQueue<ObjectKey>()
  private let nodes: Set<String>
  /// How many addresses each node has given out.
  private let addresses = Addresses()
  private let logger = Logger(label: "taffrail.hollow")

  private final class Addresses: Sendable {
    private let next = Mutex(0)

    /// From the range for carriers' own use (RFC 6598), which no pod or service range overlaps
    /// by accident: four million, then over again.
    func take() -> String {
      let number = next.withLock { number in
        number = (number + 1) % (1 << 22)
        return number
      }
      return "100.\(64 + number >> 16).\(number >> 8 & 255).\(number & 255)"
    }
  }

  public init(client: any KubernetesClient, configuration: Configuration) {
    self.configuration = configuration
    self.client = client
    nodes = Set((1...configuration.count).map { "\(configuration.namePrefix)\($0)" })
    pods = Informer(client: client, resource: .pods)
    pods.addHandler { [queue, nodes] delta in
      guard let new = delta.new, nodes.contains(PodView(new).nodeName) else { return }
      queue.add(delta.key, cause: delta.revision)
    }
  }

  /// Runs until cancelled.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.heartbeat() }
      group.addTask { await self.pods.run() }
      group.addTask {
        await Controller(name: "hollow-pods", queue: self.queue, workers: 16) { key in
          try await self.reconcile(key)
        }.run()
      }
      await group.next()
      group.cancelAll()
      queue.shutDown()
    }
  }

  private func reconcile(_ key: ObjectKey) async throws -> Requeue? {
    guard let object = pods[key] else { return nil }
    let pod = PodView(object)
    let step = HollowPod.step(pod, now: .now, hostIP: configuration.address) { addresses.take() }
    switch step {
    case .nothing: return nil
    case .wait(let milliseconds): return .after(milliseconds: milliseconds)
    case .report(let status):
      do {
        _ = try await client.patch(
          .pods, namespace: key.namespace, name: key.name,
          patch: ["metadata": ["uid": .string(pod.uid)], "status": status], type: .merge,
          subresource: "status")
      } catch let failure as APIStatus where failure.code == 404 || failure.code == 409 {
        return nil
      }
      // A pod that is meant to end comes back by its own change.
      return nil
    case .remove:
      do {
        try await client.delete(
          .pods, namespace: key.namespace, name: key.name,
          options: DeleteOptions(gracePeriodSeconds: 0, preconditionUID: pod.uid))
      } catch let failure as APIStatus where failure.code == 404 || failure.code == 409 {
        return nil
      }
      return nil
    }
  }

  // MARK: Nodes

  static let leaseSeconds: Int64 = 40
  static let renewSeconds: Int64 = 10

  /// Registers all nodes, then renews their Leases, spread over the interval.
  private func heartbeat() async {
    let names = nodes.sorted()
    await each(of: names) { await self.register($0) }
    logger.info("\(names.count) hollow nodes are registered")
    let pause = Duration.milliseconds(max(1, Self.renewSeconds * 1_000 / Int64(names.count)))
    while !Task.isCancelled {
      for name in names {
        let begun = ContinuousClock.now
        await renew(name)
        try? await Task.sleep(until: begun + pause, clock: .continuous)
        if Task.isCancelled { return }
      }
    }
  }

  private func each(of names: [String], _ body: @escaping @Sendable (String) async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      var rest = names[...]
      for _ in 0..<16 {
        guard let name = rest.popFirst() else { break }
        group.addTask { await body(name) }
      }
      while await group.next() != nil {
        guard let name = rest.popFirst() else { continue }
        group.addTask { await body(name) }
      }
    }
  }

  private func register(_ name: String) async {
    var backoff = Backoff(initialMilliseconds: 50, maximumMilliseconds: 2_000)
    while !Task.isCancelled {
      do {
        do {
          _ = try await client.create(
            .nodes, namespace: nil, object: HollowNode.object(name, address: configuration.address))
        } catch let failure as APIStatus where failure.reason == "AlreadyExists" {}
        _ = try await client.patch(
          .nodes, namespace: nil, name: name,
          patch: ["status": HollowNode.status(name, address: configuration.address, now: .now)],
          type: .merge, subresource: "status")
        await renew(name)
        return
      } catch {
        logger.debug("\(name): \(error)")
        try? await Task.sleep(for: .milliseconds(backoff.next(jitter: .random(in: 0..<1))))
      }
    }
  }

  private func renew(_ name: String) async {
    let lease: JSONValue = [
      "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
      "metadata": ["name": .string(name), "namespace": "kube-node-lease"],
      "spec": [
        "holderIdentity": .string(name), "leaseDurationSeconds": .int(Self.leaseSeconds),
        "renewTime": .string(Timestamp.now.rfc3339Micro()),
      ],
    ]
    do {
      do {
        _ = try await client.patch(
          .leases, namespace: "kube-node-lease", name: name, patch: ["spec": lease["spec"] ?? [:]],
          type: .merge, subresource: nil)
      } catch let failure as APIStatus where failure.code == 404 {
        _ = try await client.create(.leases, namespace: "kube-node-lease", object: lease)
      }
    } catch {
      logger.debug("the lease of \(name): \(error)")
    }
  }
}

extension Timestamp {
  /// The wall clock; for shells only.
  static var now: Timestamp {
    let clock = WallClock.now
    return Timestamp(microseconds: clock.seconds * 1_000_000 + clock.nanoseconds / 1_000)
  }
}
