import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Counts what quotas have counted wrong or not yet: after deletions, for new quotas, and when
/// their limits change. Whatever takes room is counted by the server that admits it.
///
/// The count is exact: the quota is read first, the objects after it, both from the latest state,
/// and the result is written on the condition that the quota did not change meanwhile. A server
/// that admits something in between changes the quota, and the count is repeated.
struct ResourceQuotaController: Sendable {
  /// Kinds without a watch of their own here are counted anew from time to time.
  static let pollMilliseconds: Int64 = 5_000
  static let quotas = GroupVersionResource(resource: "resourcequotas")
  static let claims = GroupVersionResource(resource: "persistentvolumeclaims")
  /// Kinds whose changes are watched.
  static let watched: [GroupVersionResource] = [.pods, .services, claims]

  private let context: ControllerContext
  private let quotas: Informer
  private let definitions: Informer
  private let queue = WorkQueue<ObjectKey>()

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = ResourceQuotaController(context)
    return { await context.run(controller.queue, reconcile: controller.reconcile) }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    let quotas = context.informers.informer(Self.quotas)
    quotas.addIndex(SharedIndex.namespace, StandardIndex.namespace)
    self.quotas = quotas
    definitions = context.informers.informer(ServedDefinition.definitions)
    let queue = queue
    quotas.addHandler { delta in
      if delta.new != nil { queue.add(delta.key, cause: delta.revision) }
    }
    // A quota may be older than the definition of what it counts.
    definitions.addHandler { delta in
      guard let definition = delta.new.flatMap(ServedDefinition.init) else { return }
      for quota in quotas.list() where QuotaPlanner.counts(quota, definition.resource) {
        queue.add(
          ObjectKey(namespace: quota.meta.namespace, name: quota.meta.name), cause: delta.revision)
      }
    }
    for resource in Self.watched {
      context.informers.informer(resource).addHandler { delta in
        guard QuotaPlanner.freesRoom(delta.old, delta.new, resource) else { return }
        for quota in quotas.list(index: SharedIndex.namespace, value: delta.key.namespace) {
          queue.add(
            ObjectKey(namespace: delta.key.namespace, name: quota.meta.name),
            cause: delta.revision)
        }
      }
    }
  }

  @Sendable private func reconcile(_ key: ObjectKey) async throws -> Requeue? {
    let found = try await ignoringNotFound {
      try await context.client.get(Self.quotas, namespace: key.namespace, name: key.name)
    }
    guard let quota = found, !quota.meta.isBeingDeleted else { return nil }
    let resources = QuotaPlanner.resources(
      countedBy: quota, definitions: definitions.list().compactMap(ServedDefinition.init))
    var objects: [(resource: GroupVersionResource, objects: [JSONValue])] = []
    for resource in resources {
      let list = try await context.client.list(
        resource, namespace: key.namespace, options: ListOptions())
      objects.append((resource, list.items))
    }
    let updated = QuotaPlanner.counted(
      quota, objects: objects, nowSeconds: Timestamp.now.seconds)
    if let updated {
      do {
        _ = try await ignoringNotFound {
          try await context.client.update(
            Self.quotas, namespace: key.namespace, name: key.name, object: updated,
            subresource: "status")
        }
      } catch let status as APIStatus where status.code == 409 {
        // Something was admitted meanwhile.
        return .after(milliseconds: 10)
      }
    }
    let isWatched = resources.allSatisfy { Self.watched.contains($0) }
    return isWatched ? nil : .after(milliseconds: Self.pollMilliseconds)
  }
}

/// What a quota counts and what it says then. Pure.
enum QuotaPlanner {
  /// Whether a limit of the quota is one of objects of `resource`, whatever its version.
  static func counts(_ quota: JSONValue, _ resource: GroupVersionResource) -> Bool {
    (quota.at("spec", "hard")?.objectValue ?? [:]).contains {
      QuotaUsage.tracks($0.0, resource)
    }
  }

  /// The kinds that a quota counts, by the names of its limits.
  ///
  /// - Parameter definitions: those of the custom resources that are served.
  static func resources(
    countedBy quota: JSONValue, definitions: [ServedDefinition]
  ) -> [GroupVersionResource] {
    var seen: Set<GroupVersionResource> = []
    let resources = Catalogue.shared.resources.compactMap { info -> GroupVersionResource? in
      guard info.namespaced, info.verbs.contains("list"), counts(quota, info.gvr),
        seen.insert(info.storageGVR).inserted
      else { return nil }
      return info.gvr
    }
    return resources
      + definitions.filter { $0.isNamespaced && counts(quota, $0.resource) }.map(\.resource)
  }

  /// The quota with what is used; nil where it says so already.
  static func counted(
    _ quota: JSONValue, objects: [(resource: GroupVersionResource, objects: [JSONValue])],
    nowSeconds: Int64
  ) -> JSONValue? {
    let used = QuotaCheck.count(quota: quota, objects: objects, nowSeconds: nowSeconds)
    var updated = quota
    let hard = quota.at("spec", "hard") ?? [:]
    updated.set(hard, at: "status", "hard")
    var list = JSONObject()
    for (name, amount) in used.sorted(by: { $0.key < $1.key }) {
      list[name] = .string("\(amount)")
    }
    updated.set(.object(list), at: "status", "used")
    let isSame =
      PodResources.amounts(quota.at("status", "hard")) == PodResources.amounts(hard)
      && quota.at("status", "hard") != nil
      && PodResources.amounts(quota.at("status", "used")) == used
    return isSame ? nil : updated
  }

  /// Whether a change of an object may leave a quota with less used than it says.
  static func freesRoom(_ old: JSONValue?, _ new: JSONValue?, _ resource: GroupVersionResource)
    -> Bool
  {
    guard let old else { return false }
    guard let new else { return true }
    func usage(_ object: JSONValue) -> [String: Quantity] {
      QuotaUsage.of(object, resource, nowSeconds: 0)
    }
    if resource == .pods {
      // Pods change their status all the time; only their end matters.
      func isFinished(_ pod: JSONValue) -> Bool {
        ["Succeeded", "Failed"].contains(pod.at("status", "phase")?.stringValue ?? "")
      }
      return !isFinished(old) && isFinished(new) || old["spec"] != new["spec"]
    }
    return usage(old) != usage(new)
  }
}
