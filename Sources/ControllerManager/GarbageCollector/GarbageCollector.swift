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
  private let definitions: Informer
  /// An element when a definition has changed.
  private let definitionChanges: AsyncStream<Void>

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
    informers = Self.resources.map {
      Self.informer(of: $0.gvr, context, graph: graph, queue: queue)
    }
    definitions = context.informers.informer(ServedDefinition.definitions)
    let (changes, continuation) = AsyncStream<Void>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    definitionChanges = changes
    definitions.addHandler { _ in continuation.yield() }
    continuation.yield()
  }

  private static func informer(
    of resource: GroupVersionResource, _ context: ControllerContext,
    graph: NIOLockedValueBox<OwnershipGraph>, queue: WorkQueue<String>
  ) -> Informer {
    // Metadata only: the graph needs no more.
    let informer = Informer(client: context.client, resource: resource) { object in
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
        return graph.observe(new, of: resource, revision: delta.revision)
      }
      for uid in affected { queue.add(uid, cause: delta.revision) }
    }
    return informer
  }

  /// Follows the objects of each definition as long as it is served.
  private func followDefinitions() async {
    var followed: [GroupVersionResource: Task<Void, Never>] = [:]
    for await _ in definitionChanges {
      let served = Set(definitions.list().compactMap { ServedDefinition($0)?.resource })
      for resource in served where followed[resource] == nil {
        let informer = Self.informer(of: resource, context, graph: graph, queue: queue)
        followed[resource] = Task { await informer.run() }
      }
      for (resource, task) in followed where !served.contains(resource) {
        task.cancel()
        followed[resource] = nil
        let affected = graph.withLockedValue { $0.remove(all: resource) }
        for uid in affected { queue.add(uid, cause: 0) }
      }
      if Task.isCancelled { break }
    }
    for task in followed.values { task.cancel() }
  }

  private func run() async {
    await withTaskGroup(of: Void.self) { group in
      for informer in informers { group.addTask { await informer.run() } }
      group.addTask { await followDefinitions() }
      group.addTask {
        await context.run(queue, workers: 2 * context.options.workers, reconcile: reconcile)
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
    var target: (resource: GroupVersionResource, isNamespaced: Bool)?
    if let resource = Catalogue.shared.resource(
      group: owner.group, version: owner.version, kind: owner.kind)
    {
      target = (resource.gvr, resource.namespaced)
    } else if let served = definitions.list().compactMap({ ServedDefinition($0) })
      .first(where: { $0.resource.group == owner.group && $0.kind == owner.kind })
    {
      target = (served.resource, served.isNamespaced)
    }
    // Of a kind that is not known nothing is known.
    guard let target else { return .solid }
    let found = try await ignoringNotFound {
      try await context.client.get(
        target.resource, namespace: target.isNamespaced ? namespace : nil, name: owner.name)
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
