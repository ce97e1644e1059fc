import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Removes pods that no kubelet will ever remove. Pure part: which.
struct PodGarbagePlanner {
  /// Upstream's quarantine: a node may come back under its name.
  static let quarantineMilliseconds: Int64 = 40_000
  /// Upstream's terminated-pod-gc-threshold.
  static let maximumFinished = 12_500

  /// When each node was first missed, in milliseconds of a monotonic clock.
  private var missedSince: [String: Int64] = [:]

  /// Pods to delete without grace. `gone` tells of nodes that were missed long enough whether
  /// they are really gone.
  mutating func missing(pods: [JSONValue], nodes: Set<String>, now: Int64) -> Set<String> {
    var missed: [String: Int64] = [:]
    for pod in pods {
      let node = PodFacts(pod).nodeName
      guard !node.isEmpty, !nodes.contains(node) else { continue }
      missed[node] = missedSince[node] ?? now
    }
    missedSince = missed
    return Set(
      missed.filter { now &- $0.value >= Self.quarantineMilliseconds }.map(\.key))
  }

  static func garbage(pods: [JSONValue], goneNodes: Set<String>) -> [JSONValue] {
    var garbage = pods.filter { pod in
      let facts = PodFacts(pod)
      if goneNodes.contains(facts.nodeName) { return true }
      // Deleted before it was bound: no kubelet knows it.
      return facts.nodeName.isEmpty && pod.meta.isBeingDeleted
    }
    let finished = pods.filter { PodFacts($0).isTerminal && !$0.meta.isBeingDeleted }
    if finished.count > maximumFinished {
      garbage += finished.sorted { $0.meta.creationTimestamp < $1.meta.creationTimestamp }
        .prefix(finished.count - maximumFinished)
    }
    return garbage
  }
}

struct PodGarbageController: Sendable {
  static let periodMilliseconds: Int64 = 5_000

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let pods = context.informers.informer(.pods)
    let nodes = context.informers.informer(.nodes)
    return {
      var planner = PodGarbagePlanner()
      while (try? await Task.sleep(for: .milliseconds(periodMilliseconds))) != nil {
        let all = pods.list()
        let missing = planner.missing(
          pods: all, nodes: Set(nodes.list().map(\.meta.name)),
          now: MonotonicClock.nowNanoseconds / 1_000_000)
        var gone: Set<String> = []
        for node in missing where await isGone(node, context) { gone.insert(node) }
        for pod in PodGarbagePlanner.garbage(pods: all, goneNodes: gone) {
          await remove(pod, context)
        }
      }
    }
  }

  /// The informer may lag: only the server's word counts.
  private static func isGone(_ node: String, _ context: ControllerContext) async -> Bool {
    do {
      _ = try await context.client.get(.nodes, namespace: nil, name: node)
      return false
    } catch {
      return (error as? APIStatus)?.code == 404
    }
  }

  private static func remove(_ pod: JSONValue, _ context: ControllerContext) async {
    let revision = UInt64(pod.meta.resourceVersion) ?? 0
    do {
      _ = try await ignoringNotFound {
        try await WriteContext.$cause.withValue(revision) {
          try await context.client.delete(
            .pods, namespace: pod.meta.namespace, name: pod.meta.name,
            options: DeleteOptions(gracePeriodSeconds: 0, preconditionUID: pod.meta.uid))
        }
      }
    } catch {
      context.logger.warning("\(pod.key): \(error)")
    }
  }
}
