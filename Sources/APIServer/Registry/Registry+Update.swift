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
          ? "the name of the object (\(name) based on URL) was undeterminable: name must be provided"
          : "the name of the object (\(object.name)) does not match the name on the URL (\(name))")
    }
    let isUnconditional = object.resourceVersion.isEmpty
    let replacement = object
    return try await modify(
      info, namespace: namespace, name: name, verb: "update", subresource: subresource,
      attempts: isUnconditional ? 5 : 1, expected: Revision(object.resourceVersion),
      context: context
    ) { (_: JSONValue) throws(APIStatus) in replacement }
  }

  /// Replaces an object, and creates it where its kind may be made so.
  func updateOrCreate(
    _ info: ResourceInfo, namespace: String?, name: String, object: JSONValue,
    context: RequestContext
  ) async throws(APIStatus) -> (object: StoredObject, isCreated: Bool) {
    do throws(APIStatus) {
      let updated = try await update(
        info, namespace: namespace, name: name, object: object, context: context)
      return (updated, false)
    } catch {
      guard info.isCreatedByUpdate, error.code == 404, error.reason == "NotFound",
        error.name == name, object.resourceVersion.isEmpty, object.uid.isEmpty
      else { throw error }
      let created = try await create(
        info, namespace: namespace, object: object, context: context)
      return (created, true)
    }
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
        do throws(APIStatus) {
          try self.checkType(of: patched, info)
        } catch {
          throw .invalidPatch(leaving: patched, error.message)
        }
      }
      try self.checkNamespace(of: &patched, info, requested: namespace)
      if patched.name != name {
        throw .badRequest(
          patched.name.isEmpty
            ? "the name of the object (\(name) based on URL) was undeterminable: name must be "
              + "provided"
            : "the name of the object (\(patched.name)) does not match the name on the URL "
              + "(\(name))")
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
          isApply: isApply, isPatch: verb == "patch", transform: transform)
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
          subresource: subresource,
          quotaDemand: quotaDemand(new, old: old, info, subresource: subresource))
        if info.group.isEmpty, info.resource == "resourcequotas", new["spec"] != old["spec"] {
          // Creations that this quota did not concern before must look at it again.
          plan.mutations.append(NamespaceGuard.touch(new.namespace))
        }
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
    context: RequestContext, isApply: Bool, isPatch: Bool,
    transform: (JSONValue) throws(APIStatus) -> JSONValue
  ) async throws(APIStatus) -> JSONValue {
    var new = try transform(old)
    // A patch leaves most of the object alone; so do most who send all of it.
    if !isPatch { new.share(with: old) }
    if info.needsResourceVersionOnUpdate, new.resourceVersion.isEmpty, !isApply, !isPatch {
      let error = FieldError.invalid(
        "metadata.resourceVersion", 0, "must be specified for an update")
      throw APIStatus.invalid(
        kind: info.resource, group: info.group, name: name, errors: [error])
    }
    if let asked = Revision(new.resourceVersion), asked != 0, asked != entry.modRevision {
      throw .conflict(info.gvr, name: name, APIStatus.modified)
    }
    let sent = new.at("metadata", "managedFields")
    if isPatch { try checkImmutableTimes(new, old: old, info, name: name) }
    try prepareForUpdate(
      &new, old: old, info, name: name, subresource: subresource, isPatch: isPatch)
    Preparation.update(&new, old: old, info, subresource: subresource)
    Defaulting.apply(to: &new, resource: info, stored: old)
    if info.isServices, subresource.isEmpty {
      let unavailable = ServiceFields.prepareFamilies(&new)
      if !unavailable.isEmpty {
        throw APIStatus.invalid(
          kind: info.kind, group: info.errorGroup, name: name, errors: unavailable)
      }
    }
    if isApply {
      new.set(sent, at: "metadata", "managedFields")
    } else {
      trackUpdate(&new, old: old, sent: sent, info, subresource: subresource, context)
    }
    try await admitUpdate(&new, old: old, info, subresource: subresource, context)
    bumpGeneration(&new, old: old, info, subresource: subresource)
    let errors = problemsOfUpdate(new, old: old, info, subresource: subresource, context)
    if !errors.isEmpty {
      throw APIStatus.invalid(kind: info.kind, group: info.errorGroup, name: name, errors: errors)
    }
    if subresource == "resize" {
      let quality = QualityOfService.of(pod: new)
      if let before = old.at("status", "qosClass")?.stringValue, quality != before {
        let error = FieldError.invalid(
          "spec", .string(quality), "Pod QOS Class may not change as a result of resizing")
        throw APIStatus.invalid(
          kind: info.kind, group: info.errorGroup, name: name, errors: [error])
      }
    }
    if subresource.isEmpty {
      for warning in ObjectWarnings.ofWrite(new, old: old, info) {
        context.warnings.add(warning)
      }
    }
    try await validateUpdate(new, old: old, info, subresource: subresource, context)
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

  /// A patch that sets when an object is deleted is refused, where a replacement is overruled.
  private func checkImmutableTimes(
    _ new: JSONValue, old: JSONValue, _ info: ResourceInfo, name: String
  ) throws(APIStatus) {
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
      guard let value = new["metadata"]?[key], !value.isNull, value != old["metadata"]?[key] else {
        continue
      }
      let error = FieldError.invalid("metadata.\(key)", value, "field is immutable")
      throw APIStatus.invalid(
        kind: info.kind, group: info.errorGroup, name: name, errors: [error, error])
    }
  }

  private func prepareForUpdate(
    _ new: inout JSONValue, old: JSONValue, _ info: ResourceInfo, name: String,
    subresource: String, isPatch: Bool
  ) throws(APIStatus) {
    let uid = new.uid
    if !uid.isEmpty, uid != old.uid, isPatch {
      let error = FieldError.invalid("metadata.uid", .string(uid), "field is immutable")
      throw APIStatus.invalid(
        kind: info.kind, group: info.errorGroup, name: name, errors: [error, error])
    }
    if !uid.isEmpty, uid != old.uid {
      throw .conflict(
        info.gvr, name: name,
        "StorageError: invalid object, Code: 4, Key: \(name), ResourceVersion: 0, "
          + "AdditionalErrorMsg: Precondition failed: UID in precondition: \(uid), "
          + "UID in object meta: \(old.uid)")
    }
    switch subresource {
    case _ where info.resource == "certificatesigningrequests":
      CertificateRequests.prepareUpdate(
        &new, old: old, subresource: subresource, now: WallClock.now())
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
      "deletionGracePeriodSeconds", "resourceVersion",
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
    // A deployment hands its annotations on, so that they count as desired state; what a slice is
    // part of is in its labels.
    if info.gvr == .deployments, new.annotations != old.annotations { isChanged = true }
    if info.gvr == .endpointSlices, new.labels != old.labels { isChanged = true }
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
