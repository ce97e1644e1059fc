import JSONDocument
import Keyspace
import KubernetesAPI

/// How something is to be deleted, as `DeleteOptions` of meta/v1 says it.
public struct DeletionOptions: Sendable, Hashable {
  public var gracePeriodSeconds: Int64?
  /// Orphan, Background or Foreground.
  public var propagationPolicy: String?
  public var preconditionUID: String?
  public var preconditionResourceVersion: String?

  public init(
    gracePeriodSeconds: Int64? = nil, propagationPolicy: String? = nil,
    preconditionUID: String? = nil, preconditionResourceVersion: String? = nil
  ) {
    self.gracePeriodSeconds = gracePeriodSeconds
    self.propagationPolicy = propagationPolicy
    self.preconditionUID = preconditionUID
    self.preconditionResourceVersion = preconditionResourceVersion
  }
}

/// What a deletion came to.
public struct DeletionResult: Sendable {
  /// The object is gone; otherwise it waits for its grace period or its finalizers.
  public var isGone: Bool
  public var object: StoredObject
}

extension Registry {
  static let orphanFinalizer = "orphan"
  static let foregroundFinalizer = "foregroundDeletion"

  /// Deletes an object: at once, or after its grace period and its finalizers.
  public func delete(
    _ info: ResourceInfo, namespace: String?, name: String, options: DeletionOptions = .init(),
    context: RequestContext
  ) async throws(APIStatus) -> DeletionResult {
    var options = options
    if info.orphansByDefault, options.propagationPolicy == nil {
      options.propagationPolicy = "Orphan"
      if info.gvr == .jobs {
        context.warnings.add(
          "child pods are preserved by default when jobs are deleted; set "
            + "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to "
            + "suppress this warning")
      }
    }
    let key = key(info, namespace: namespace, name: name)
    var failure: APIStatus = .conflict(info.gvr, name: name, APIStatus.modified)
    for attempt in 0..<8 {
      if attempt > 0 { try await barrier() }
      guard let entry = try await entry(key) else { throw .notFound(info.gvr, name: name) }
      do throws(APIStatus) {
        let result = try await deleteOnce(info, entry: entry, options: options, context)
        let wrote = result.isGone || result.object.revision != entry.modRevision
        if !wrote, attempt == 0, try await isBehind(entry) { continue }
        return result
      } catch {
        if attempt == 0, try await isBehind(entry) { continue }
        let isStale = error.code == 409 && error.message.hasSuffix(APIStatus.modified)
        guard isStale, options.preconditionResourceVersion == nil else { throw error }
        failure = error
      }
    }
    throw failure
  }

  private func deleteOnce(
    _ info: ResourceInfo, entry: Entry, options: DeletionOptions, _ context: RequestContext
  ) async throws(APIStatus) -> DeletionResult {
    let old = try ObjectCodec.parse(entry.value, key: entry.key)
    try checkPreconditions(options, old, info)
    try await validateDelete(old, info, context)
    var new = old
    var finalizers = old.finalizers.filter {
      $0 != Self.orphanFinalizer && $0 != Self.foregroundFinalizer
    }
    switch options.propagationPolicy {
    case "Orphan": finalizers.append(Self.orphanFinalizer)
    case "Foreground": finalizers.append(Self.foregroundFinalizer)
    case nil: finalizers = old.finalizers
    default: break
    }
    if info.isDefinitions, !old.isBeingDeleted,
      !finalizers.contains(DefinitionPlanner.finalizer)
    {
      finalizers.append(DefinitionPlanner.finalizer)
    }
    new.set(
      finalizers.isEmpty ? nil : .array(finalizers.map { .string($0) }), at: "metadata",
      "finalizers")
    let grace = gracePeriod(of: old, info, options)
    let isHeld =
      !finalizers.isEmpty
      || info.isNamespaces && !(old.at("spec", "finalizers")?.arrayValue?.isEmpty ?? true)
    let now = WallClock.seconds()
    if !old.isBeingDeleted {
      new.set(
        .string(WallClock.timestamp(seconds: now + (grace ?? 0))), at: "metadata",
        "deletionTimestamp")
      if info.isDefinitions {
        DefinitionPlanner.mark(&new, .pending, now: WallClock.now())
      } else {
        new.set(.int(grace ?? 0), at: "metadata", "deletionGracePeriodSeconds")
      }
      if !info.isDefinitions, let generation = old.at("metadata", "generation")?.intValue,
        generation > 0
      {
        new.set(.int(generation &+ 1), at: "metadata", "generation")
      }
      if info.isNamespaces { new.set("Terminating", at: "status", "phase") }
    } else if let grace {
      // A grace period may be made shorter, never longer.
      let before = old.at("metadata", "deletionGracePeriodSeconds")?.intValue ?? 0
      if grace < before {
        new.set(.int(grace), at: "metadata", "deletionGracePeriodSeconds")
        new.set(
          .string(WallClock.timestamp(seconds: now + grace)), at: "metadata",
          "deletionTimestamp")
      }
    }
    let remaining = new.at("metadata", "deletionGracePeriodSeconds")?.intValue ?? 0
    if isHeld || remaining > 0 {
      if new == old {
        return DeletionResult(isGone: false, object: StoredObject(entry))
      }
      var plan = WritePlan(
        key: entry.key, object: new,
        compares: [Compare(key: entry.key, revision: entry.modRevision)],
        mutations: info.isNamespaces ? [NamespaceGuard.touch(old.name)] : [], verb: "delete")
      let stored = try await commitWithAllocations(&plan, info, old: old, context)
      return DeletionResult(isGone: false, object: try served(stored, info))
    }
    let gone = try await remove(
      info, entry: entry, object: grace == nil ? old : new, old: old, verb: "delete",
      subresource: "", context: context)
    return DeletionResult(isGone: true, object: gone)
  }

  /// `nil` for kinds that are deleted at once.
  private func gracePeriod(of old: JSONValue, _ info: ResourceInfo, _ options: DeletionOptions)
    -> Int64?
  {
    guard info.isPods else { return nil }
    var grace =
      options.gracePeriodSeconds ?? old.at("spec", "terminationGracePeriodSeconds")?.intValue
      ?? 30
    if grace < 0 { grace = 1 }
    let phase = old.at("status", "phase")?.stringValue
    let isBound = !(old.at("spec", "nodeName")?.stringValue ?? "").isEmpty
    // Nobody runs it: there is nothing to wait for.
    if !isBound || phase == "Succeeded" || phase == "Failed" { grace = 0 }
    return min(grace, 1 << 40)
  }

  func checkPreconditions(_ options: DeletionOptions, _ old: JSONValue, _ info: ResourceInfo)
    throws(APIStatus)
  {
    func conflict(_ message: String) -> APIStatus {
      APIStatus(
        code: 409, reason: "Conflict",
        message: "Operation cannot be fulfilled on \(info.kind)"
          + (info.group.isEmpty ? "" : ".\(info.group)") + " \"\(old.name)\": \(message)",
        kind: info.kind, group: info.group, name: old.name)
    }
    if let uid = options.preconditionUID, uid != old.uid {
      throw conflict(
        "the UID in the precondition (\(uid)) does not match the UID in record (\(old.uid)). "
          + "The object might have been deleted and then recreated")
    }
    if let version = options.preconditionResourceVersion, version != old.resourceVersion {
      throw conflict(
        "the ResourceVersion in the precondition (\(version)) does not match the "
          + "ResourceVersion in record (\(old.resourceVersion)). "
          + "The object might have been modified")
    }
  }

  /// Takes an object out of the store, and gives back what it had been given.
  func remove(
    _ info: ResourceInfo, entry: Entry, object: JSONValue, old: JSONValue, verb: String,
    subresource: String, context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    let last = StoredObject(
      key: entry.key, bytes: ObjectCodec.encode(object).bytes(at: entry.modRevision),
      revision: entry.modRevision)
    guard !context.dryRun else { return try served(last, info) }
    var mutations: [Mutation] = [.delete(key: entry.key)]
    if info.isNamespaces, store.current().get(NamespaceGuard.key(old.name)) != nil {
      mutations.append(.delete(key: NamespaceGuard.key(old.name)))
    }
    if info.isServices {
      mutations += Allocations.keys(of: old).filter { store.current().get($0) != nil }
        .map { .delete(key: $0) }
      if let address = Allocations.clusterAddress(of: old) {
        let key = addressObjectKey(address)
        if store.current().get(key) != nil { mutations.append(.delete(key: key)) }
      }
    }
    let transaction = transaction(
      compares: [Compare(key: entry.key, revision: entry.modRevision)], mutations: mutations,
      context: context, verb: verb, subresource: subresource)
    switch try await commit(transaction) {
    case .committed: return try served(last, info)
    case .conflict(_, let actual):
      throw actual == 0
        ? .notFound(info.gvr, name: object.name)
        : .conflict(info.gvr, name: object.name, APIStatus.modified)
    }
  }

  /// Deletes what the selection holds, one object after the other.
  ///
  /// - Returns: the objects that were found.
  public func deleteCollection(
    _ info: ResourceInfo, namespace: String?, selection: ListSelection, options: DeletionOptions,
    context: RequestContext
  ) async throws(APIStatus) -> ListResult {
    let found = try await list(info, namespace: namespace, selection: selection)
    for object in found.objects {
      let value = try object.value()
      do throws(APIStatus) {
        _ = try await delete(
          info, namespace: info.namespaced ? value.namespace : nil, name: value.name,
          options: options, context: context)
      } catch {
        // Somebody else was faster.
        if error.code != 404 { throw error }
      }
    }
    return found
  }
}
