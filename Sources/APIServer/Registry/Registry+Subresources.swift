import JSONDocument
import Keyspace
import KubernetesAPI

/// The `Scale` view of whatever has replicas.
enum Scale {
  /// - Parameter needsReplicas: the number must be there; a change may set one that is not.
  static func of(_ object: JSONValue, _ info: ResourceInfo, needsReplicas: Bool = true)
    throws(APIStatus) -> JSONValue
  {
    guard let paths = info.custom?.scale else { return of(object) }
    var scale = of(["metadata": object["metadata"] ?? [:]])
    let replicas = object.at(path: paths.specReplicas)
    if needsReplicas, replicas == nil {
      let path = "." + paths.specReplicas.joined(separator: ".")
      throw .internalError("the spec replicas field \"\(path)\" does not exist")
    }
    if let replicas, replicas.intValue != 0 { scale["spec"] = ["replicas": replicas] }
    scale.set(object.at(path: paths.statusReplicas) ?? 0, at: "status", "replicas")
    if !paths.labelSelector.isEmpty, let selector = object.at(path: paths.labelSelector),
      selector != ""
    {
      scale.set(selector, at: "status", "selector")
    }
    return scale
  }

  static func of(_ object: JSONValue) -> JSONValue {
    var metadata: JSONValue = [:]
    for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
      metadata[name] = object["metadata"]?[name]
    }
    var spec: JSONValue = [:]
    if let replicas = object.at("spec", "replicas"), replicas.intValue != 0 {
      spec["replicas"] = replicas
    }
    var status: JSONValue = ["replicas": object.at("status", "replicas") ?? 0]
    let selector = object.at("spec", "selector")
    if selector?["matchLabels"] != nil || selector?["matchExpressions"] != nil {
      status["selector"] = .string("\(LabelSelector(object: selector))")
    } else if let labels = selector?.objectValue {
      // A ReplicationController's selector is a plain map.
      status["selector"] = .string("\(LabelSelector(labels: labels))")
    }
    return [
      "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec,
      "status": status,
    ]
  }
}

extension ObjectPatch {
  /// Applies to a `Scale`, which has no lists that a strategic merge would treat differently.
  func apply(toScale scale: JSONValue) throws(APIStatus) -> JSONValue {
    do throws(PatchError) {
      switch self {
      case .json(let patch): return try JSONPatch.apply(patch, to: scale)
      case .merge(let patch), .strategicMerge(let patch):
        return MergePatch.apply(patch, to: scale)
      case .apply: preconditionFailure("configurations are applied by Registry.applyScale")
      }
    } catch {
      throw APIStatus(error, kind: "Scale", group: "autoscaling", name: scale.name)
    }
  }
}

extension Registry {
  /// Sets the replicas of an object through its `Scale`.
  func scale(
    _ info: ResourceInfo, namespace: String?, name: String, context: RequestContext,
    verb: String, change: (JSONValue) throws(APIStatus) -> JSONValue
  ) async throws(APIStatus) -> StoredObject {
    try await modify(
      info, namespace: namespace, name: name, verb: verb, subresource: "scale", attempts: 5,
      expected: nil, context: context
    ) { (current: JSONValue) throws(APIStatus) in
      try Scale.put(
        try change(Scale.of(current, info, needsReplicas: false)), into: current, info, name: name)
    }
  }

  /// Sets the replicas of an object by server-side apply of a `Scale`.
  func applyScale(
    _ info: ResourceInfo, namespace: String?, name: String, configuration: JSONValue, force: Bool,
    context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    guard configuration["kind"] == "Scale", configuration["apiVersion"] == "autoscaling/v1" else {
      let apiVersion = configuration["apiVersion"]?.stringValue ?? ""
      throw .badRequest(
        "invalid object type: \(apiVersion), Kind=\(configuration["kind"]?.stringValue ?? "")")
    }
    let manager = FieldManagers.shared.scale
    do throws(FieldMismatch) {
      try manager?.check(configuration)
    } catch {
      throw APIStatus(
        code: 500, reason: "",
        message: "failed to create typed patch object (/\(name); autoscaling/v1, Kind=Scale): "
          + error.description)
    }
    var write = write(info, subresource: "scale", context)
    write.apiVersion = "autoscaling/v1"
    let applied = write
    return try await modify(
      info, namespace: namespace, name: name, verb: "apply", subresource: "scale", attempts: 5,
      expected: nil, context: context, isApply: true
    ) { (current: JSONValue) throws(APIStatus) in
      guard let manager else { return current }
      let result: (scale: JSONValue, managedFields: JSONValue?)
      let before = try Scale.of(current, info, needsReplicas: false)
      do throws(FieldManager.Conflicts) {
        result = try manager.applyScale(
          configuration, to: before,
          parent: (current.at("metadata", "managedFields"), info.gvr.apiVersion), force: force,
          applied)
      } catch {
        throw Self.status(error.conflicts)
      }
      var updated = current
      updated.set(result.managedFields, at: "metadata", "managedFields")
      return try Scale.put(result.scale, into: updated, info, name: name)
    }
  }
}

extension Scale {
  /// The object with the replicas of its `Scale`.
  static func put(
    _ scale: JSONValue, into object: JSONValue, _ info: ResourceInfo, name: String
  ) throws(APIStatus) -> JSONValue {
    if scale["kind"]?.stringValue != "Scale" {
      throw .badRequest("the body must be a Scale of autoscaling/v1")
    }
    let replicas = scale.at("spec", "replicas")?.intValue ?? 0
    guard info.custom != nil || replicas >= 0 && replicas <= Int64(Int32.max) else {
      let error = FieldError(
        .invalid, "spec.replicas", value: .int(replicas),
        "must be greater than or equal to 0")
      throw APIStatus.invalid(
        kind: "Scale", group: "autoscaling", name: name, errors: [error])
    }
    if !scale.name.isEmpty, scale.name != name {
      throw .badRequest(
        "the name of the object (\(scale.name)) does not match the name on the URL (\(name))")
    }
    var updated = object
    if let paths = info.custom?.scale {
      updated.set(.int(replicas), path: paths.specReplicas[...])
    } else {
      updated.set(.int(replicas), at: "spec", "replicas")
    }
    if !scale.resourceVersion.isEmpty {
      updated.set(.string(scale.resourceVersion), at: "metadata", "resourceVersion")
    }
    return updated
  }
}

extension Registry {

  /// Replaces a namespace's finalizers; the last one gone while it is terminating removes it.
  public func finalize(name: String, object: JSONValue, context: RequestContext)
    async throws(APIStatus) -> StoredObject
  {
    let info = try resource(.namespaces)
    return try await modify(
      info, namespace: nil, name: name, verb: "update", subresource: "finalize", attempts: 1,
      expected: Revision(object.resourceVersion), context: context
    ) { (current: JSONValue) throws(APIStatus) in
      var updated = current
      updated.set(object.at("spec", "finalizers") ?? [], at: "spec", "finalizers")
      if !object.resourceVersion.isEmpty {
        updated.set(.string(object.resourceVersion), at: "metadata", "resourceVersion")
      }
      return updated
    }
  }

  /// Places a pod on a node.
  ///
  /// - Throws: 409 where it already has one.
  public func bind(
    namespace: String, name: String, binding: JSONValue, context: RequestContext
  ) async throws(APIStatus) {
    let info = try resource(.pods)
    if !binding.name.isEmpty, binding.name != name {
      throw .badRequest("name in URL does not match name in Binding object")
    }
    let node = binding.at("target", "name")?.stringValue ?? ""
    let kind = binding.at("target", "kind")?.stringValue ?? "Node"
    guard !node.isEmpty, kind.isEmpty || kind == "Node" else {
      let error =
        node.isEmpty
        ? FieldError(.required, "target.name")
        : FieldError(
          .notSupported, "target.kind", value: .string(kind),
          "supported values: \"Node\", \"<empty>\"")
      throw APIStatus(code: 500, reason: "", message: "\(error.field): \(error.body)")
    }
    let uid = binding.uid
    _ = try await modify(
      info, namespace: namespace, name: name, verb: "create", subresource: "binding",
      attempts: 5, expected: nil, context: context
    ) { (current: JSONValue) throws(APIStatus) in
      func refuse(_ message: String) -> APIStatus {
        .conflict(
          GroupVersionResource(resource: "pods/binding"), name: name, message)
      }
      if !uid.isEmpty, uid != current.uid {
        throw .conflict(
          .pods, name: name,
          "Precondition failed: UID in precondition: \(uid), "
            + "UID in object meta: \(current.uid)")
      }
      if !binding.resourceVersion.isEmpty, binding.resourceVersion != current.resourceVersion {
        throw .conflict(
          .pods, name: name,
          "Precondition failed: ResourceVersion in precondition: \(binding.resourceVersion), "
            + "ResourceVersion in object meta: \(current.resourceVersion)")
      }
      if current.isBeingDeleted {
        throw refuse("pod \(name) is being deleted, cannot be assigned to a host")
      }
      if let present = current.at("spec", "nodeName")?.stringValue, !present.isEmpty {
        throw refuse("pod \(name) is already assigned to node \"\(present)\"")
      }
      if !(current.at("spec", "schedulingGates")?.arrayValue?.isEmpty ?? true) {
        throw refuse("pod \(name) has non-empty .spec.schedulingGates")
      }
      var updated = current
      updated.set(.string(node), at: "spec", "nodeName")
      for (key, value) in binding["metadata"]?["annotations"]?.objectValue ?? JSONObject() {
        updated.set(value, at: "metadata", "annotations", key)
      }
      var conditions = current.at("status", "conditions")?.arrayValue ?? []
      conditions.removeAll { $0["type"]?.stringValue == "PodScheduled" }
      conditions.append([
        "type": "PodScheduled", "status": "True", "lastProbeTime": .null,
        "lastTransitionTime": .string(WallClock.now()),
      ])
      updated.set(.array(conditions), at: "status", "conditions")
      return updated
    }
  }

  /// Deletes a pod unless a disruption budget forbids it.
  public func evict(
    namespace: String, name: String, eviction: JSONValue, context: RequestContext
  ) async throws(APIStatus) {
    if !eviction.name.isEmpty, eviction.name != name {
      throw .badRequest("name in URL does not match name in Eviction object")
    }
    let info = try resource(.pods)
    let pod = try await get(info, namespace: namespace, name: name).value()
    try checkNodeRestriction(
      .create, pod, old: pod, info, subresource: "eviction", context)
    let isFinished = ["Succeeded", "Failed", "Pending"].contains(
      pod.at("status", "phase")?.stringValue ?? "")
    var context = context
    if eviction.at("deleteOptions")?.strings("dryRun").contains("All") == true {
      context.dryRun = true
    }
    if !isFinished, !pod.isBeingDeleted {
      try await spendBudget(for: pod, namespace: namespace, context: context)
    }
    let options = eviction["deleteOptions"]
    if !context.dryRun, !pod.isBeingDeleted, options?["preconditions"] == nil {
      _ = try await modify(
        info, namespace: namespace, name: name, verb: "update", subresource: "status",
        attempts: 5, expected: nil, context: context
      ) { (current: JSONValue) throws(APIStatus) in
        var conditions = current.at("status", "conditions")?.arrayValue ?? []
        conditions.removeAll { $0["type"] == "DisruptionTarget" }
        conditions.append([
          "type": "DisruptionTarget", "status": "True", "lastProbeTime": .null,
          "lastTransitionTime": .string(WallClock.now()), "reason": "EvictionByEvictionAPI",
          "message": "Eviction API: evicting",
        ])
        var updated = current
        updated.set(.array(conditions), at: "status", "conditions")
        return updated
      }
    }
    _ = try await delete(
      info, namespace: namespace, name: name,
      options: DeletionOptions(
        gracePeriodSeconds: options?["gracePeriodSeconds"]?.intValue,
        propagationPolicy: options?["propagationPolicy"]?.stringValue,
        preconditionUID: options?.at("preconditions", "uid")?.stringValue,
        preconditionResourceVersion: options?.at("preconditions", "resourceVersion")?
          .stringValue), context: context)
  }

  private func spendBudget(for pod: JSONValue, namespace: String, context: RequestContext)
    async throws(APIStatus)
  {
    let info = try resource(
      GroupVersionResource(group: "policy", resource: "poddisruptionbudgets"))
    var budgets: [JSONValue] = []
    for entry in store.current().entries(prefix: prefix(info, namespace: namespace)) {
      let budget = try ObjectCodec.parse(entry.value, key: entry.key)
      let selector = LabelSelector(object: budget.at("spec", "selector"))
      if selector.matches(pod["metadata"]?["labels"]?.objectValue) { budgets.append(budget) }
    }
    guard let budget = budgets.first else { return }
    guard budgets.count == 1 else {
      throw APIStatus(
        code: 500, reason: "",
        message:
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
          + "not support.")
    }
    let isReady = (pod.at("status", "conditions")?.arrayValue ?? []).contains {
      $0["type"] == "Ready" && $0["status"] == "True"
    }
    if !isReady {
      // A pod that does not serve is no loss, once those that do are enough.
      let desired = budget.at("status", "desiredHealthy")?.intValue ?? 0
      let healthy = budget.at("status", "currentHealthy")?.intValue ?? 0
      let isAllowed = budget.at("spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow"
      if isAllowed || healthy >= desired && desired > 0 { return }
    }
    _ = try await modify(
      info, namespace: namespace, name: budget.name, verb: "update", subresource: "status",
      attempts: 5, expected: nil, context: context
    ) { (current: JSONValue) throws(APIStatus) in
      let allowed = current.at("status", "disruptionsAllowed")?.intValue ?? 0
      let seen = current.at("status", "observedGeneration")?.intValue ?? 0
      let generation = current.at("metadata", "generation")?.intValue ?? 0
      guard allowed > 0, seen >= generation else {
        let needed = current.at("status", "desiredHealthy")?.intValue ?? 0
        let healthy = current.at("status", "currentHealthy")?.intValue ?? 0
        throw APIStatus(
          code: 429, reason: "TooManyRequests",
          message: "Cannot evict pod as it would violate the pod's disruption budget.",
          causes: [
            APIStatus.Cause(
              reason: "DisruptionBudget",
              message: "The disruption budget \(current.name) needs \(needed) healthy pods "
                + "and has \(healthy) currently", field: "")
          ], retryAfterSeconds: seen < generation ? 10 : 0)
      }
      var updated = current
      updated.set(.int(allowed - 1), at: "status", "disruptionsAllowed")
      if allowed == 1 {
        var conditions = current.at("status", "conditions")?.arrayValue ?? []
        let before = conditions.first { $0["type"] == "DisruptionAllowed" }
        conditions.removeAll { $0["type"] == "DisruptionAllowed" }
        let time =
          before?["status"] == "False"
          ? before?["lastTransitionTime"] ?? .string(WallClock.now()) : .string(WallClock.now())
        conditions.append([
          "type": "DisruptionAllowed", "status": "False", "observedGeneration": .int(seen),
          "lastTransitionTime": time, "reason": "InsufficientPods", "message": "",
        ])
        updated.set(.array(conditions), at: "status", "conditions")
      }
      updated.set(
        .string(WallClock.now()), at: "status", "disruptedPods", pod.name)
      return updated
    }
  }
}
