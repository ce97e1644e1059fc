import JSONDocument
import KubernetesAPI
import KubernetesClient
import NIOConcurrencyHelpers

/// Deletes what has lost its owners, and carries out foreground and orphaning deletes.
///
/// Follows the metadata of every resource of the catalogue that can be deleted. That an owner is
/// gone is believed only from the server, never from an informer that may lag.
struct GarbageCollector: Sendable {
  private let context: ControllerContext
  private let graph = NIOLockedValueBox(OwnershipGraph())
  private let queue = WorkQueue<String>()
  private let informers: [Informer]

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let collector = GarbageCollector(context)
    return { await collector.run() }
  }

  /// Events and leases own nothing, are owned by nothing that counts, and change all the time.
  static let resources: [ResourceInfo] = {
    var seen: Set<GroupVersionResource> = []
    return Catalogue.shared.resources.filter { resource in
      resource.resource != "events" && resource.gvr != .leases
        && ["list", "watch", "delete"].allSatisfy(resource.verbs.contains)
        && seen.insert(resource.storageGVR).inserted
    }
  }()

  private init(_ context: ControllerContext) {
    self.context = context
    let (graph, queue) = (graph, queue)
    informers = Self.resources.map { resource in
      // Metadata only: the graph needs no more.
      let informer = Informer(client: context.client, resource: resource.gvr) { object in
        var metadata: JSONValue = [:]
        for key in [
          "namespace", "name", "uid", "resourceVersion", "ownerReferences", "finalizers",
          "deletionTimestamp",
        ] {
          metadata[key] = object.at("metadata", key)
        }
        return ["metadata": metadata]
      }
      informer.addHandler { delta in
        let affected = graph.withLockedValue { graph in
          guard let new = delta.new else { return graph.remove(delta.object.meta.uid) }
          return graph.observe(new, of: resource.gvr, revision: delta.revision)
        }
        for uid in affected { queue.add(uid, cause: delta.revision) }
      }
      return informer
    }
  }

  private func run() async {
    await withTaskGroup(of: Void.self) { group in
      for informer in informers { group.addTask { await informer.run() } }
      group.addTask {
        await Controller(
          name: context.name, queue: queue, workers: 2 * context.options.workers,
          reconcile: reconcile
        ).run()
      }
    }
  }

  @Sendable private func reconcile(_ uid: String) async throws -> Requeue? {
    let (found, dependents) = graph.withLockedValue { ($0.nodes[uid], $0.dependents(of: uid)) }
    guard let node = found else { return nil }
    var owners: [String: GarbagePlanner.OwnerState] = [:]
    for owner in node.owners {
      owners[owner.uid] = try await state(of: owner, namespace: node.key.namespace)
    }
    for action in GarbagePlanner.plan(node, owners: owners, dependents: dependents) {
      try await carryOut(action, on: node)
    }
    return nil
  }

  private func state(of owner: OwnerReference, namespace: String) async throws
    -> GarbagePlanner.OwnerState
  {
    if let known = graph.withLockedValue({ $0.nodes[owner.uid] }) {
      return known.deletesDependents ? .waiting : .solid
    }
    // Of a kind that is not known nothing is known.
    guard
      let resource = Catalogue.shared.resource(
        group: owner.group, version: owner.version, kind: owner.kind)
    else { return .solid }
    let found = try await ignoringNotFound {
      try await context.client.get(
        resource.gvr, namespace: resource.namespaced ? namespace : nil, name: owner.name)
    }
    guard let found, found.meta.uid == owner.uid else { return .absent }
    let isWaiting =
      found.meta.isBeingDeleted
      && found.meta.finalizers.contains(OwnershipGraph.foregroundFinalizer)
    return isWaiting ? .waiting : .solid
  }

  private func namespace(_ node: OwnershipGraph.Node) -> String? {
    node.key.namespace.isEmpty ? nil : node.key.namespace
  }

  private func carryOut(_ action: GarbagePlanner.Action, on node: OwnershipGraph.Node) async throws
  {
    switch action {
    case .visit(let uids):
      for uid in uids { queue.add(uid, cause: WriteContext.cause) }
    case .delete(let policy):
      _ = try await ignoringNotFound {
        try await context.client.delete(
          node.resource, namespace: namespace(node), name: node.key.name,
          options: DeleteOptions(propagationPolicy: policy, preconditionUID: node.uid))
      }
    case .removeOwners(let uids): try await removeOwners(uids, of: node)
    case .removeFinalizer(let finalizer): try await removeFinalizer(finalizer, of: node)
    case .orphan(let dependents):
      for dependent in dependents { try await removeOwners([node.uid], of: dependent) }
      try await removeFinalizer(OwnershipGraph.orphanFinalizer, of: node)
    }
  }

  /// Reads the object first: a list in a merge patch replaces the whole list.
  private func change(
    _ node: OwnershipGraph.Node, _ key: String, _ body: ([JSONValue]) -> [JSONValue]
  ) async throws {
    let found = try await ignoringNotFound {
      try await context.client.get(
        node.resource, namespace: namespace(node), name: node.key.name)
    }
    guard let found, found.meta.uid == node.uid else { return }
    let old = found.at("metadata", key)?.arrayValue ?? []
    let new = body(old)
    guard new != old else { return }
    let patch: JSONValue = [
      "metadata": [
        "resourceVersion": .string(found.meta.resourceVersion),
        key: new.isEmpty ? .null : .array(new),
      ]
    ]
    _ = try await ignoringNotFound {
      try await context.client.patch(
        node.resource, namespace: namespace(node), name: node.key.name, patch: patch,
        type: .merge, subresource: nil)
    }
  }

  private func removeOwners(_ uids: [String], of node: OwnershipGraph.Node) async throws {
    try await change(node, "ownerReferences") { references in
      references.filter { !uids.contains($0["uid"]?.stringValue ?? "") }
    }
  }

  private func removeFinalizer(_ finalizer: String, of node: OwnershipGraph.Node) async throws {
    try await change(node, "finalizers") { finalizers in
      finalizers.filter { $0.stringValue != finalizer }
    }
  }
}
