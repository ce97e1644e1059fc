import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Lets go of claims, volumes and classes of volume attributes that are to be deleted once nobody
/// uses them.
struct StorageProtectionController: Sendable {
  enum Kind: Sendable, Hashable { case claim, volume, attributesClass }

  struct Item: Sendable, Hashable {
    var kind: Kind
    var key: ObjectKey
  }

  static let claims = GroupVersionResource(resource: "persistentvolumeclaims")
  static let volumes = GroupVersionResource(resource: "persistentvolumes")
  static let classes = GroupVersionResource(
    group: "storage.k8s.io", resource: "volumeattributesclasses")

  private let context: ControllerContext
  private let queue = WorkQueue<Item>()

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = StorageProtectionController(context)
    return { await context.run(controller.queue, workers: 2, reconcile: controller.reconcile) }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    let queue = queue
    for (kind, resource) in [
      (Kind.claim, Self.claims), (.volume, Self.volumes), (.attributesClass, Self.classes),
    ] {
      context.informers.informer(resource).addHandler { delta in
        guard let new = delta.new, new.meta.isBeingDeleted else { return }
        queue.add(Item(kind: kind, key: delta.key), cause: delta.revision)
      }
    }
    context.informers.informer(.pods).addHandler { delta in
      guard let old = delta.old, delta.new.map(StorageProtection.isFinished) ?? true else { return }
      for name in StorageProtection.claims(of: old) {
        let key = ObjectKey(namespace: delta.key.namespace, name: name)
        queue.add(Item(kind: .claim, key: key), cause: delta.revision)
      }
    }
  }

  @Sendable private func reconcile(_ item: Item) async throws -> Requeue? {
    let (resource, finalizer) =
      switch item.kind {
      case .claim: (Self.claims, "kubernetes.io/pvc-protection")
      case .volume: (Self.volumes, "kubernetes.io/pv-protection")
      case .attributesClass: (Self.classes, "kubernetes.io/vac-protection")
      }
    let namespace = item.kind == .claim ? item.key.namespace : nil
    let found = try await ignoringNotFound {
      try await context.client.get(resource, namespace: namespace, name: item.key.name)
    }
    guard var object = found, object.meta.isBeingDeleted,
      object.meta.finalizers.contains(finalizer)
    else { return nil }
    // Only the latest state tells that nobody uses it.
    if try await isUsed(object, item) {
      return item.kind == .attributesClass ? .after(milliseconds: 5_000) : nil
    }
    let others = object.meta.finalizers.filter { $0 != finalizer }
    object.set(.array(others.map { .string($0) }), at: "metadata", "finalizers")
    let released = object
    do {
      _ = try await ignoringNotFound {
        try await context.client.update(
          resource, namespace: namespace, name: item.key.name, object: released)
      }
    } catch let status as APIStatus where status.code == 409 {
      return .after(milliseconds: 50)
    }
    return nil
  }

  private func isUsed(_ object: JSONValue, _ item: Item) async throws -> Bool {
    switch item.kind {
    case .claim:
      let pods = try await context.client.list(
        .pods, namespace: item.key.namespace, options: ListOptions())
      return pods.items.contains { StorageProtection.uses($0, claim: item.key.name) }
    case .volume: return object.at("status", "phase")?.stringValue == "Bound"
    case .attributesClass:
      for resource in [Self.claims, Self.volumes] {
        let all = try await context.client.list(resource, namespace: nil, options: ListOptions())
        if all.items.contains(where: { StorageProtection.names($0, class: item.key.name) }) {
          return true
        }
      }
      return false
    }
  }
}

/// Who uses what. Pure.
enum StorageProtection {
  static func isFinished(_ pod: JSONValue) -> Bool {
    ["Succeeded", "Failed"].contains(pod.at("status", "phase")?.stringValue ?? "")
  }

  /// The claims that a pod names, those of its ephemeral volumes too.
  static func claims(of pod: JSONValue) -> [String] {
    (pod.at("spec", "volumes")?.arrayValue ?? []).compactMap { volume in
      if let name = volume.at("persistentVolumeClaim", "claimName")?.stringValue { return name }
      guard volume["ephemeral"] != nil, let name = volume["name"]?.stringValue else { return nil }
      return "\(pod.meta.name)-\(name)"
    }
  }

  /// A pod that no node has yet will not be started with a claim that goes.
  static func uses(_ pod: JSONValue, claim: String) -> Bool {
    !(pod.at("spec", "nodeName")?.stringValue ?? "").isEmpty && !isFinished(pod)
      && claims(of: pod).contains(claim)
  }

  static func names(_ object: JSONValue, class name: String) -> Bool {
    [
      object.at("spec", "volumeAttributesClassName"),
      object.at("status", "currentVolumeAttributesClassName"),
      object.at("status", "modifyVolumeStatus", "targetVolumeAttributesClassName"),
    ].contains { $0?.stringValue == name }
  }
}
