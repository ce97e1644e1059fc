import ContainerRuntime
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Synchronization

/// The pods of a node: a runner for each, woken when its object or its containers change.
actor PodManager {
  private let node: NodeServices
  private var runners: [String: PodRunner] = [:]
  private var names: [ObjectKey: String] = [:]
  private var digests: [String: Int] = [:]
  private nonisolated let changes = Mutex<[ObjectKey: JSONValue?]>([:])
  private nonisolated let signal = Signal()

  /// How often the runtime is asked what runs: a container that ended is noticed within this.
  static let pollMilliseconds: Int64 = 500

  init(node: NodeServices) { self.node = node }

  /// The newest state of a pod; nil when it is gone. Of several before the next pass the last
  /// counts.
  nonisolated func enqueue(_ key: ObjectKey, object: JSONValue?) {
    changes.withLock { $0[key] = .some(object) }
    signal.set()
  }

  /// Works until cancelled; call once the pods of the API are known, since what belongs to none
  /// of them is removed.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.poll() }
      while !Task.isCancelled {
        let batch = changes.withLock { changes in
          defer { changes = [:] }
          return changes
        }
        for (key, object) in batch { await apply(key, object, &group) }
        for uid in takeOrphans() { startOrphan(uid, &group) }
        await signal.wait()
      }
    }
  }

  private func apply(_ key: ObjectKey, _ object: JSONValue?, _ group: inout DiscardingTaskGroup)
    async
  {
    let uid = object.map { ObjectView($0).uid }
    // A pod of this name that was replaced before its end was seen.
    if let known = names[key], known != uid {
      await runners[known]?.abandon()
      names[key] = nil
    }
    guard let object, let uid, !uid.isEmpty else { return }
    names[key] = uid
    if let runner = runners[uid] {
      await runner.update(object)
      return
    }
    start(PodRunner(pod: object, node: node), &group)
  }

  private func start(_ runner: PodRunner, _ group: inout DiscardingTaskGroup) {
    runners[runner.uid] = runner
    group.addTask {
      await runner.run()
      if await runner.isFinished { await self.forget(runner.uid) }
    }
  }

  private func forget(_ uid: String) {
    runners[uid] = nil
    digests[uid] = nil
    names = names.filter { $0.value != uid }
  }

  func log(namespace: String, pod: String, container: String, previous: Bool) async
    -> LogLocation?
  {
    guard let uid = names[ObjectKey(namespace: namespace, name: pod)], let runner = runners[uid]
    else { return nil }
    return await runner.logLocation(container: container, previous: previous)
  }

  // MARK: What runs

  private var orphans: [String: JSONValue] = [:]

  private func takeOrphans() -> [JSONValue] {
    defer { orphans = [:] }
    return Array(orphans.values)
  }

  private func startOrphan(_ pod: JSONValue, _ group: inout DiscardingTaskGroup) {
    let runner = PodRunner(pod: pod, isOrphan: true, node: node)
    guard runners[runner.uid] == nil else { return }
    node.logger.info("removing pod \(runner.uid), which the API does not know")
    start(runner, &group)
  }

  private func poll() async {
    while !Task.isCancelled {
      do {
        try await look()
      } catch {
        node.logger.warning("the container runtime: \(error)")
      }
      try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
    }
  }

  private func look() async throws {
    let sandboxes = try await node.runtime.listPodSandboxes(podUID: nil)
    let containers = try await node.runtime.listContainers(podUID: nil)
    var seen: [String: Hasher] = [:]
    var known: [String: JSONValue] = [:]
    for sandbox in sandboxes {
      guard let uid = sandbox.labels[RuntimeLabel.podUID] else { continue }
      seen[uid, default: Hasher()].combine(sandbox.id)
      seen[uid, default: Hasher()].combine(sandbox.state.rawValue)
      known[uid] = [
        "metadata": [
          "uid": .string(uid), "name": .string(sandbox.labels[RuntimeLabel.podName] ?? ""),
          "namespace": .string(sandbox.labels[RuntimeLabel.podNamespace] ?? ""),
        ]
      ]
    }
    for container in containers {
      guard let uid = container.labels[RuntimeLabel.podUID] else { continue }
      seen[uid, default: Hasher()].combine(container.id)
      seen[uid, default: Hasher()].combine(container.state.rawValue)
    }
    for (uid, hasher) in seen {
      let digest = hasher.finalize()
      if let runner = runners[uid] {
        if digests.updateValue(digest, forKey: uid) != digest { runner.signal.set() }
      } else if let pod = known[uid], !isExpected(uid) {
        orphans[uid] = pod
        signal.set()
      }
    }
    for uid in digests.keys where seen[uid] == nil {
      digests[uid] = nil
      runners[uid]?.signal.set()
    }
  }

  /// Whether the pod's object has come but was not applied yet.
  private func isExpected(_ uid: String) -> Bool {
    changes.withLock { changes in
      changes.values.contains { object in
        object.map { ObjectView($0).uid == uid } ?? false
      }
    }
  }
}
