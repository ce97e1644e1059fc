import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// Replaces an object, or one subresource of it.
  ///
  /// - Throws: 409 where the object's resourceVersion is not the current one, 404 where there is
  ///   none.
  public func update(
    _ info: ResourceInfo, namespace: String?, name: String, object: JSONValue,
    subresource: String = "", context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    var object = object
    try checkType(of: object, info)
    try checkNamespace(of: &object, info, requested: namespace)
    if object.name.isEmpty || object.name != name {
      throw .badRequest(
        object.name.isEmpty
          ? "name must be provided"
          : "the name of the object (\(object.name)) does not match the name on the URL (\(name))")
    }
    let replacement = object
    let isUnconditional = object.resourceVersion.isEmpty
    if isUnconditional, info.needsVersionOnUpdate {
      guard try await entry(key(info, namespace: namespace, name: name)) != nil else {
        throw .notFound(info.gvr, name: name)
      }
      throw APIStatus.invalid(
        kind: info.resource, group: info.group, name: name,
        errors: [.invalid("metadata.resourceVersion", 0, "must be specified for an update")])
    }
    return try await modify(
      info, namespace: namespace, name: name, verb: "update", subresource: subresource,
      attempts: isUnconditional ? 5 : 1, expected: Revision(object.resourceVersion),
      context: context
    ) { (_: JSONValue) throws(APIStatus) in replacement }
  }

  /// Changes an object with a patch; a write that loses a race is done again on the new state.
  public func patch(
    _ info: ResourceInfo, namespace: String?, name: String, patch: ObjectPatch,
    subresource: String = "", context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    if case .apply(let configuration, let force) = patch {
      return try await apply(
        info, namespace: namespace, name: name, configuration: configuration, force: force,
        subresource: subresource, context: context
      ).object
    }
    return try await modify(
      info, namespace: namespace, name: name, verb: "patch", subresource: subresource,
      attempts: 5, expected: nil, context: context
    ) { (current: JSONValue) throws(APIStatus) in
      var patched = try patch.apply(
        to: current, info: info, catalogue: self.catalogue, context: context)
      if let kind = patched["kind"]?.stringValue, let version = patched["apiVersion"]?.stringValue,
        kind != info.kind || version != info.gvr.apiVersion
      {
        try self.checkType(of: patched, info)
      }
      try self.checkNamespace(of: &patched, info, requested: namespace)
      if patched.name != name {
        let error = FieldError(
          .invalid, "metadata.name", value: .string(patched.name), "field is immutable")
        throw APIStatus.invalid(
          kind: info.kind, group: info.group, name: name, errors: [error])
      }
      return patched
    }
  }

  /// The one way in which objects change: read, transform, prepare, check, commit if unchanged.
  func modify(
    _ info: ResourceInfo, namespace: String?, name: String, verb: String, subresource: String,
    attempts: Int, expected: Revision?, context: RequestContext, isApply: Bool = false,
    transform: (JSONValue) throws(APIStatus) -> JSONValue
  ) async throws(APIStatus) -> StoredObject {
    let key = key(info, namespace: namespace, name: name)
    var failure: APIStatus = .conflict(info.gvr, name: name, APIStatus.modified)
    var isFresh = false
    var attempt = 0
    while attempt < max(1, attempts) {
      // After a lost race, or where the caller has seen more than this replica, catch up first.
      let local = store.current().get(key)?.modRevision ?? 0
      if attempt > 0 || local < (expected ?? 0) {
        try await barrier()
        isFresh = true
      }
      guard let entry = try await entry(key) else { throw .notFound(info.gvr, name: name) }
      let stored = try ObjectCodec.parse(entry.value, key: key)
      var old = stored
      Conversion.serve(&old, info, revision: entry.modRevision)
      let new: JSONValue
      do throws(APIStatus) {
        new = try await changed(
          old, entry, info, name: name, subresource: subresource, context: context,
          isApply: isApply, transform: transform)
      } catch {
        if !isFresh {
          isFresh = true
          if try await isBehind(entry) { continue }
        }
        throw error
      }
      if new == old {
        if !isFresh {
          isFresh = true
          if try await isBehind(entry) { continue }
        }
        // Nothing changes, so nothing is written and the resource version stays.
        return StoredObject(key: key, bytes: encoded(old, as: info), revision: entry.modRevision)
      }
      attempt += 1
      do throws(APIStatus) {
        if new.isBeingDeleted, isReadyToVanish(new, info) {
          return try await remove(
            info, entry: entry, object: new, old: stored, verb: verb, subresource: subresource,
            context: context)
        }
        var plan = WritePlan(
          key: key, object: storageForm(new, info),
          compares: [Compare(key: key, revision: entry.modRevision)], mutations: [], verb: verb,
          subresource: subresource)
        let result = try await commitWithAllocations(&plan, info, old: stored, context)
        return try served(result, info)
      } catch {
        guard error.reason == "Conflict", error.code == 409 else { throw error }
        failure = error
      }
    }
    throw failure
  }

  /// What an object becomes: transformed, prepared, admitted and found valid.
  private func changed(
    _ old: JSONValue, _ entry: Entry, _ info: ResourceInfo, name: String, subresource: String,
    context: RequestContext, isApply: Bool, transform: (JSONValue) throws(APIStatus) -> JSONValue
  ) async throws(APIStatus) -> JSONValue {
    var new = try transform(old)
    if let asked = Revision(new.resourceVersion), asked != 0, asked != entry.modRevision {
      throw .conflict(info.gvr, name: name, APIStatus.modified)
    }
    let sent = new.at("metadata", "managedFields")
    try prepareForUpdate(&new, old: old, info, name: name, subresource: subresource)
    Defaulting.apply(to: &new, resource: info)
    if isApply {
      new.set(sent, at: "metadata", "managedFields")
    } else {
      trackUpdate(&new, old: old, sent: sent, info, subresource: subresource, context)
    }
    try await admitUpdate(&new, old: old, info, subresource: subresource, context)
    bumpGeneration(&new, old: old, info, subresource: subresource)
    let errors = validateUpdate(new, old: old, info, subresource: subresource, context)
    if !errors.isEmpty {
      throw APIStatus.invalid(kind: info.kind, group: info.group, name: name, errors: errors)
    }
    return new
  }

  /// The stored object in the version that was asked for.
  func served(_ object: StoredObject, _ info: ResourceInfo) throws(APIStatus) -> StoredObject {
    if let custom = info.custom, object.revision > 0, object.revision <= custom.schemaRevision {
      // Written by a schema that was another one.
    } else {
      guard info.gvr != info.storageGVR else { return object }
    }
    var value = try object.value()
    Conversion.serve(&value, info, revision: object.revision)
    return StoredObject(
      key: object.key, bytes: value.serialized(), revision: object.revision)
  }

  private func encoded(_ object: JSONValue, as info: ResourceInfo) -> [UInt8] {
    guard let revision = Revision(object.resourceVersion) else { return object.serialized() }
    return ObjectCodec.encode(object).bytes(at: revision)
  }

  private func prepareForUpdate(
    _ new: inout JSONValue, old: JSONValue, _ info: ResourceInfo, name: String,
    subresource: String
  ) throws(APIStatus) {
    let uid = new.uid
    if !uid.isEmpty, uid != old.uid {
      throw .conflict(
        info.gvr, name: name,
        "StorageError: invalid object, Code: 4, Key: \(name), ResourceVersion: 0, "
          + "AdditionalErrorMsg: Precondition failed: UID in precondition: \(uid), "
          + "UID in object meta: \(old.uid)")
    }
    switch subresource {
    case "":
      if info.subresource("status") != nil { new["status"] = old["status"] }
      if info.isNamespaces { new.set(old.at("spec", "finalizers"), at: "spec", "finalizers") }
      if info.isDefinitions { Self.noteStorageVersion(&new) }
    case "status":
      // Only status and metadata come from the caller.
      var merged = old
      merged["metadata"] = new["metadata"]
      if info.keepsMetadataOnStatus {
        for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
          merged.set(old.at("metadata", name), at: "metadata", name)
        }
      }
      if info.gvr == .deployments {
        merged.set(old.at("metadata", "labels"), at: "metadata", "labels")
      }
      if info.isPods {
        merged.set(
          old.at("metadata", "ownerReferences"), at: "metadata", "ownerReferences")
      }
      merged["status"] = new["status"]
      if info.isPods, merged.at("status", "qosClass") == nil {
        merged.set(old.at("status", "qosClass"), at: "status", "qosClass")
      }
      new = merged
    case "ephemeralcontainers", "resize":
      new = PodParts.replacing(subresource, of: old, from: new)
    default: break
    }
    new["kind"] = old["kind"]
    new["apiVersion"] = old["apiVersion"]
    for name in [
      "uid", "creationTimestamp", "generation", "deletionTimestamp",
      "deletionGracePeriodSeconds", "resourceVersion", "generateName",
    ] {
      new.set(old.at("metadata", name), at: "metadata", name)
    }
    new.set(nil, at: "metadata", "selfLink")
    new.set(nil, at: "metadata", "managedFields")
    new.dropEmptyMetadata()
  }

  private func bumpGeneration(
    _ new: inout JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String
  ) {
    guard info.tracksGeneration, subresource != "status" else { return }
    var ignored: Set<String> = ["metadata", "status", "kind", "apiVersion"]
    // Without a subresource of its own the status is part of what is wanted.
    if let custom = info.custom, !custom.hasStatus { ignored.remove("status") }
    var isChanged = false
    for (name, value) in new.objectValue ?? JSONObject() where !ignored.contains(name) {
      if old[name] != value { isChanged = true }
    }
    for (name, _) in old.objectValue ?? JSONObject() where !ignored.contains(name) {
      if new[name] == nil { isChanged = true }
    }
    // A deployment hands its annotations on, so that they count as desired state.
    if info.gvr == .deployments, new.annotations != old.annotations { isChanged = true }
    guard isChanged else { return }
    let generation = old.at("metadata", "generation")?.intValue ?? 0
    new.set(.int(generation &+ 1), at: "metadata", "generation")
  }

  /// An object that is being deleted goes once nobody holds it any more.
  private func isReadyToVanish(_ object: JSONValue, _ info: ResourceInfo) -> Bool {
    guard object.finalizers.isEmpty else { return false }
    if info.isNamespaces {
      return object.at("spec", "finalizers")?.arrayValue?.isEmpty ?? true
    }
    return (object.at("metadata", "deletionGracePeriodSeconds")?.intValue ?? 0) == 0
  }
}
