import JSONDocument
import Keyspace
import KubernetesAPI
import Logging

/// Accepts the names of definitions, establishes them, and removes the objects of those that are
/// being deleted.
///
/// Every API server runs one. They come to the same results, and whoever writes first is right: a
/// write holds only if the definitions of its group are still those that it was decided upon.
final class DefinitionController: Sendable {
  private let registry: Registry
  private let logger: Logger
  private let context: RequestContext

  /// How long until definitions that wait for their objects are looked at again, in nanoseconds.
  private static let retryNanoseconds: UInt64 = 200_000_000

  init(registry: Registry, logger: Logger) {
    self.registry = registry
    self.logger = logger
    context = RequestContext(
      user: UserInfo(name: "system:apiserver", groups: ["system:masters"]),
      agent: "kube-apiserver", fieldManager: "kube-apiserver")
  }

  /// Works until the task is cancelled or the server stops.
  func run() async {
    for await _ in registry.customResources.changes {
      if Task.isCancelled { return }
      _ = registry.customResources.current()
      guard await reconcile() else { continue }
      let resources = registry.customResources
      Task {
        try? await Task.sleep(nanoseconds: Self.retryNanoseconds)
        resources.wake()
      }
    }
  }

  /// - Returns: whether something is left to do.
  private func reconcile() async -> Bool {
    var isWaiting = false
    for entry in registry.store.current().entries(prefix: CustomResources.prefix) {
      guard let object = try? JSONValue(parsing: entry.value) else { continue }
      do throws(APIStatus) {
        if object.isBeingDeleted {
          if object.finalizers.contains(DefinitionPlanner.finalizer) {
            isWaiting = try await !finalize(object, entry) || isWaiting
          }
        } else {
          isWaiting = try await !accept(object, entry) || isWaiting
        }
      } catch {
        logger.debug("the definition \(object.name) waits: \(error)")
        isWaiting = true
      }
    }
    return isWaiting
  }

  /// - Returns: false where something changed meanwhile.
  private func write(
    _ new: JSONValue, old: JSONValue, _ entry: Entry, others: [Entry] = [], verb: String = "update",
    subresource: String = "status"
  ) async throws(APIStatus) -> Bool {
    var new = new
    let info = try registry.resource(CustomResources.definitions)
    registry.trackUpdate(
      &new, old: old, sent: nil, info, subresource: subresource, context)
    let encoded = ObjectCodec.encode(new)
    let compares = ([entry] + others).map { Compare(key: $0.key, revision: $0.modRevision) }
    let result = try await registry.commit(
      registry.transaction(
        compares: compares,
        mutations: [
          .put(key: entry.key, value: encoded.bytes, revisionOffset: encoded.revisionOffset)
        ], context: context, verb: verb, subresource: subresource))
    if case .committed = result { return true }
    return false
  }

  private func accept(_ object: JSONValue, _ entry: Entry) async throws(APIStatus) -> Bool {
    let group = object.at("spec", "group")?.stringValue
    var others: [Entry] = []
    var all: [JSONValue] = []
    for other in registry.store.current().entries(prefix: CustomResources.prefix)
    where other.key != entry.key {
      guard let value = try? JSONValue(parsing: other.value),
        value.at("spec", "group")?.stringValue == group
      else { continue }
      others.append(other)
      all.append(value)
    }
    guard
      let status = DefinitionPlanner.status(of: object, among: all, now: WallClock.now())
    else { return true }
    var new = object
    new["status"] = status
    return try await write(new, old: object, entry, others: others)
  }

  // MARK: Removal

  /// - Returns: whether the definition is gone.
  private func finalize(_ object: JSONValue, _ entry: Entry) async throws(APIStatus) -> Bool {
    var running = object
    DefinitionPlanner.mark(&running, .running, now: WallClock.now())
    if running != object {
      // What follows is done when this change is seen.
      _ = try await write(running, old: object, entry)
      return false
    }
    let definition = CustomResourceDefinition(object)
    let info = resource(of: definition)
    let prefix = registry.prefix(info, namespace: nil)
    let instances = registry.store.current().entries(prefix: prefix)
    for instance in instances {
      let value = try ObjectCodec.parse(instance.value, key: instance.key)
      guard !value.isBeingDeleted else { continue }
      do throws(APIStatus) {
        _ = try await registry.delete(
          info, namespace: info.namespaced ? value.namespace : nil, name: value.name,
          options: DeletionOptions(preconditionUID: value.uid), context: context)
      } catch {
        if error.code != 404, error.code != 409 { throw error }
      }
    }
    guard registry.store.current().entries(prefix: prefix, limit: 1).isEmpty else { return false }
    var done = object
    DefinitionPlanner.mark(&done, .done, now: WallClock.now())
    let finalizers = object.finalizers.filter { $0 != DefinitionPlanner.finalizer }
    done.set(
      finalizers.isEmpty ? nil : .array(finalizers.map { .string($0) }), at: "metadata",
      "finalizers")
    guard finalizers.isEmpty else { return try await write(done, old: object, entry) }
    let result = try await registry.commit(
      registry.transaction(
        compares: [Compare(key: entry.key, revision: entry.modRevision)],
        mutations: [.delete(key: entry.key)], context: context, verb: "delete"))
    if case .committed = result { return true }
    return false
  }

  /// The resource whose objects go; the definition need not be served any more.
  private func resource(of definition: CustomResourceDefinition) -> ResourceInfo {
    let names =
      definition.acceptedNames.plural.isEmpty ? definition.names : definition.acceptedNames
    let gvr = GroupVersionResource(
      group: definition.group, version: definition.storageVersion, resource: names.plural)
    return ResourceInfo(
      group: gvr.group, version: gvr.version, resource: gvr.resource, kind: names.kind,
      namespaced: definition.isNamespaced, verbs: ["delete", "list"], storageGVR: gvr)
  }
}
