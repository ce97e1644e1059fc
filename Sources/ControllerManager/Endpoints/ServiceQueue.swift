import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Queues the services that an event concerns: those that changed, and those whose pods did.
struct ServiceQueue: Sendable {
  static let namespaceIndex = SharedIndex.namespace

  let queue = WorkQueue<ObjectKey>()
  let services: Informer
  let pods: Informer

  init(_ context: ControllerContext) {
    services = context.informers.informer(.services)
    pods = context.informers.informer(.pods)
    services.addIndex(SharedIndex.namespace, StandardIndex.namespace)
    pods.addIndex(SharedIndex.namespace, StandardIndex.namespace)
    let (queue, services) = (queue, services)
    services.addHandler { queue.add($0.key, cause: $0.revision) }
    pods.addHandler { delta in
      let old = delta.old?.meta.labelObject
      let new = delta.new?.meta.labelObject
      if let old = delta.old, let new = delta.new, Self.looksSame(old, new) { return }
      for service in services.list(index: SharedIndex.namespace, value: delta.key.namespace) {
        let selector = ServiceEndpoints.selector(service)
        if selector.matches(old) && delta.old != nil || selector.matches(new) && delta.new != nil {
          queue.add(service.key, cause: delta.revision)
        }
      }
    }
  }

  /// Whether no service can tell the difference.
  private static func looksSame(_ old: JSONValue, _ new: JSONValue) -> Bool {
    let (before, after) = (PodFacts(old), PodFacts(new))
    return old.at("metadata", "labels") == new.at("metadata", "labels")
      && before.isReady == after.isReady && before.phase == after.phase
      && old.meta.isBeingDeleted == new.meta.isBeingDeleted
      && old.at("status", "podIPs") == new.at("status", "podIPs")
      && old.at("status", "podIP") == new.at("status", "podIP")
      && before.nodeName == after.nodeName && old.meta.uid == new.meta.uid
  }

  func pods(of service: JSONValue) -> [JSONValue] {
    pods.list(index: SharedIndex.namespace, value: service.meta.namespace)
  }
}
