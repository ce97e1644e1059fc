import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Empties namespaces that are being deleted, then lets them go.
struct NamespaceController: Sendable {
  private let context: ControllerContext
  private let namespaces: Informer
  private let queue = WorkQueue<String>()

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = NamespaceController(context)
    return { await context.run(controller.queue, reconcile: controller.reconcile) }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    namespaces = context.informers.informer(.namespaces)
    let queue = queue
    namespaces.addHandler { delta in
      guard let namespace = delta.new, namespace.meta.isBeingDeleted else { return }
      queue.add(delta.key.name, cause: delta.revision)
    }
  }

  /// What may stand in a namespace: each kind of stored object once.
  static let contents: [ResourceInfo] = {
    var seen: Set<GroupVersionResource> = []
    return Catalogue.shared.resources.filter { resource in
      resource.namespaced && resource.verbs.contains("list") && resource.verbs.contains("delete")
        && seen.insert(resource.storageGVR).inserted
    }
  }()

  /// What may stand in a namespace beside what every cluster has.
  private func customContents() async throws -> [GroupVersionResource] {
    let list = try await context.client.list(
      ServedDefinition.definitions, namespace: nil, options: ListOptions())
    return list.items.compactMap { ServedDefinition($0) }.filter(\.isNamespaced).map(\.resource)
  }

  /// What is left of a namespace, by resource; the pods' grace periods say how long they need.
  struct Remaining: Equatable {
    var counts: [String: Int] = [:]
    var finalizers: [String: Int] = [:]
    var failures: [String] = []

    var isEmpty: Bool { counts.isEmpty && failures.isEmpty }
  }

  @Sendable private func reconcile(_ name: String) async throws -> Requeue? {
    guard let namespace = namespaces.get(name: name), namespace.meta.isBeingDeleted else {
      return nil
    }
    let finalizers = namespace.at("spec", "finalizers")?.arrayValue ?? []
    guard finalizers.contains("kubernetes") else { return nil }
    let remaining = await empty(name)
    let conditions = NamespacePlanner.conditions(
      of: namespace, remaining: remaining, now: Timestamp.now.rfc3339())
    if let conditions {
      var object = namespace
      object.set(.string("Terminating"), at: "status", "phase")
      object.set(.array(conditions), at: "status", "conditions")
      _ = try await ignoringNotFound {
        try await context.client.update(
          .namespaces, namespace: nil, name: name, object: object, subresource: "status")
      }
    }
    guard remaining.isEmpty else { return .after(milliseconds: 500) }
    guard
      var fresh = try await ignoringNotFound({
        try await context.client.get(.namespaces, namespace: nil, name: name)
      }), fresh.meta.uid == namespace.meta.uid
    else { return nil }
    let others = (fresh.at("spec", "finalizers")?.arrayValue ?? []).filter { $0 != "kubernetes" }
    fresh.set(.array(others), at: "spec", "finalizers")
    let object = fresh
    _ = try await ignoringNotFound {
      try await context.client.update(
        .namespaces, namespace: nil, name: name, object: object, subresource: "finalize")
    }
    return nil
  }

  /// Deletes what is there and tells what was found.
  private func empty(_ namespace: String) async -> Remaining {
    var remaining = Remaining()
    var contents = Self.contents.map(\.gvr)
    do {
      contents += try await customContents()
    } catch {
      // What can't be looked at may hold something.
      remaining.failures.append("\(ServedDefinition.definitions): \(error)")
    }
    for resource in contents {
      do {
        let list = try await context.client.list(
          resource, namespace: namespace, options: ListOptions())
        guard !list.items.isEmpty else { continue }
        remaining.counts["\(resource)"] = list.items.count
        for finalizer in list.items.flatMap(\.meta.finalizers) {
          remaining.finalizers[finalizer, default: 0] += 1
        }
        for item in list.items where !item.meta.isBeingDeleted {
          _ = try await ignoringNotFound {
            try await context.client.delete(
              resource, namespace: namespace, name: item.meta.name,
              options: DeleteOptions(
                propagationPolicy: "Background", preconditionUID: item.meta.uid))
          }
        }
      } catch let status as APIStatus where status.code == 404 || status.code == 405 {
        // The server does not serve it.
      } catch {
        remaining.failures.append("\(resource): \(error)")
      }
    }
    return remaining
  }
}

/// What a namespace's status says while it is emptied. Pure.
enum NamespacePlanner {
  /// Nil: the conditions say so already.
  static func conditions(
    of namespace: JSONValue, remaining: NamespaceController.Remaining, now: String
  ) -> [JSONValue]? {
    let old = namespace.at("status", "conditions")?.arrayValue ?? []
    var new = old
    func set(
      _ type: String, _ isTrue: Bool, _ reason: (String, String), _ message: (String, String)
    ) {
      Conditions.set(
        [
          "type": .string(type), "status": isTrue ? "True" : "False",
          "reason": .string(isTrue ? reason.0 : reason.1),
          "message": .string(isTrue ? message.0 : message.1),
        ], in: &new, now: now)
    }
    let counts = remaining.counts.sorted { $0.key < $1.key }
      .map { "\($0.key) has \($0.value) resource instances" }.joined(separator: ", ")
    let finalizers = remaining.finalizers.sorted { $0.key < $1.key }
      .map { "\($0.key) in \($0.value) resource instances" }.joined(separator: ", ")
    set(
      "NamespaceDeletionContentFailure", !remaining.failures.isEmpty,
      ("ContentDeletionFailed", "ContentDeleted"),
      (
        "Failed to delete all resource types, \(remaining.failures.count) remaining: "
          + remaining.failures.joined(separator: ", "),
        "All content successfully deleted, may be waiting on finalization"
      ))
    set(
      "NamespaceContentRemaining", !remaining.counts.isEmpty,
      ("SomeResourcesRemain", "ContentRemoved"),
      ("Some resources are remaining: \(counts)", "All content successfully removed"))
    set(
      "NamespaceFinalizersRemaining", !remaining.finalizers.isEmpty,
      ("SomeFinalizersRemain", "ContentHasNoFinalizers"),
      (
        "Some content in the namespace has finalizers remaining: \(finalizers)",
        "All content-preserving finalizers finished"
      ))
    return new == old && namespace.at("status", "phase") == "Terminating" ? nil : new
  }
}
