import JSONDocument
import Keyspace
import KubernetesAPI

// What happens to an object between the caller and the store. Plugins that change it come before
// validation, those that judge it after; quotas are part of the commit.
extension Registry {
  /// What there is around a new pod; refuses one that names what is not there.
  func surroundings(of pod: JSONValue, _ info: ResourceInfo) async throws(APIStatus)
    -> PodSurroundings
  {
    var found = PodSurroundings()
    if configuration.isEnabled(AdmissionPlugin.serviceAccount) {
      found.account = try await account(of: pod, info)
    }
    if configuration.isEnabled(AdmissionPlugin.priority) {
      found.priority = try priority(of: pod, info)
    }
    if configuration.isEnabled(AdmissionPlugin.runtimeClass) {
      found.runtimeClass = try await runtimeClass(of: pod, info)
    }
    return found
  }

  /// What a pod is given before its defaults are filled in.
  func admit(
    _ pod: inout JSONValue, _ info: ResourceInfo, in found: PodSurroundings,
    volumeSuffix: String?
  ) throws(APIStatus) {
    if let priority = found.priority { admit(priority, to: &pod) }
    if let runtimeClass = found.runtimeClass {
      try admit(runtimeClass: runtimeClass, to: &pod, info)
    }
    if let account = found.account { admit(account, to: &pod, volumeSuffix: volumeSuffix) }
  }

  /// What a pod with its defaults is given.
  ///
  /// - Parameter isAdmitted: whether it has already what pods of its specification are given.
  /// - Returns: whether limit ranges of its namespace added something.
  func admitComplete(_ pod: inout JSONValue, isAdmitted: Bool) -> Bool {
    let ranges = limitRanges(namespace: pod.namespace)
    let isLimited = !ranges.isEmpty && LimitRanges.addDefaults(to: &pod, ranges: ranges)
    if isLimited {
      pod.set(.string(QualityOfService.of(pod: pod)), at: "status", "qosClass")
    }
    if !isAdmitted, configuration.isEnabled(AdmissionPlugin.defaultTolerationSeconds) {
      admitTolerations(&pod)
    }
    return isLimited
  }

  /// Changes that must be there before defaults are filled in.
  func admitCreateEarly(
    _ object: inout JSONValue, _ info: ResourceInfo, _ context: RequestContext
  ) {
    switch info.groupResource {
    case "persistentvolumeclaims", "persistentvolumes", "volumeattributesclasses.storage.k8s.io":
      admitStorage(&object, info)
    case "ingresses.networking.k8s.io": admitIngressClass(&object)
    case "certificatesigningrequests.certificates.k8s.io":
      // Who asks is what the server knows, not what the request says.
      let user = RequestDispatcher.describe(context.user)
      for field in ["username", "uid", "groups", "extra"] {
        object.set(user[field], at: "spec", field)
      }
    default: break
    }
  }

  /// Changes to an object that has its defaults; pods have been through `admitComplete`.
  func admitCreate(
    _ object: inout JSONValue, _ info: ResourceInfo, _ context: RequestContext
  ) async throws(APIStatus) {
    if info.group.isEmpty, info.resource == "nodes",
      configuration.isEnabled(AdmissionPlugin.taintNodesByCondition)
    {
      // No pod may be placed before the node's conditions are known to be good.
      var taints = object.at("spec", "taints")?.arrayValue ?? []
      let key = "node.kubernetes.io/not-ready"
      if !taints.contains(where: { $0["key"]?.stringValue == key }) {
        taints.append(["key": .string(key), "effect": "NoSchedule"])
        object.set(.array(taints), at: "spec", "taints")
      }
    }
    try mutateByPolicies(.create, &object, old: nil, info, context)
    try await mutateByWebhooks(.create, &object, old: nil, info, context)
    try checkEscalation(of: object, old: nil, info, context)
    if info.isPods { try checkPrivileged(object, info) }
  }

  func admitUpdate(
    _ object: inout JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) async throws(APIStatus) {
    if info.isPods, subresource.isEmpty,
      configuration.isEnabled(AdmissionPlugin.defaultTolerationSeconds)
    {
      admitTolerations(&object)
    }
    try mutateByPolicies(.update, &object, old: old, info, subresource: subresource, context)
    try await mutateByWebhooks(
      .update, &object, old: old, info, subresource: subresource, context)
    if subresource.isEmpty { try checkEscalation(of: object, old: old, info, context) }
    if info.isPods, subresource.isEmpty { try checkPrivileged(object, info) }
  }

  /// Judges a valid new object.
  func validateCreate(_ object: JSONValue, _ info: ResourceInfo, _ context: RequestContext)
    async throws(APIStatus)
  {
    try checkNodeRestriction(.create, object, old: nil, info, subresource: "", context)
    switch info.groupResource {
    case "pods":
      if let problem = LimitRanges.refusal(
        ofPod: object, ranges: limitRanges(namespace: object.namespace))
      {
        throw .forbidden(info.gvr, name: object.name, problem)
      }
    case "persistentvolumeclaims":
      if let problem = LimitRanges.refusal(
        ofClaim: object, ranges: limitRanges(namespace: object.namespace))
      {
        throw .forbidden(info.gvr, name: object.name, problem)
      }
    case "priorityclasses.scheduling.k8s.io": try checkGlobalDefault(object, info)
    case "certificatesigningrequests.certificates.k8s.io":
      try checkCertificateSubject(object, info)
    default: break
    }
    try checkPodSecurity(object, old: nil, info, subresource: "", context)
    try checkPolicies(.create, object, old: nil, info, context)
    try await checkWebhooks(.create, object, old: nil, info, context)
  }

  /// Judges a valid change.
  func validateUpdate(
    _ object: JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) async throws(APIStatus) {
    try checkNodeRestriction(.update, object, old: old, info, subresource: subresource, context)
    switch info.groupResource {
    case "persistentvolumeclaims" where subresource.isEmpty:
      if let problem = LimitRanges.refusal(
        ofClaim: object, ranges: limitRanges(namespace: object.namespace))
      {
        throw .forbidden(info.gvr, name: object.name, problem)
      }
      try checkResize(of: object, old: old, info)
    case "pods" where subresource == "resize":
      if let problem = LimitRanges.refusal(
        ofPod: object, ranges: limitRanges(namespace: object.namespace))
      {
        throw .forbidden(info.gvr, name: object.name, problem)
      }
      try await checkResize(ofPod: object, old: old, info)
    case "priorityclasses.scheduling.k8s.io": try checkGlobalDefault(object, info)
    case "certificatesigningrequests.certificates.k8s.io":
      try checkSigner(object, old: old, info, subresource: subresource, context)
    default: break
    }
    try checkPodSecurity(object, old: old, info, subresource: subresource, context)
    try checkPolicies(.update, object, old: old, info, subresource: subresource, context)
    try await checkWebhooks(
      .update, object, old: old, info, subresource: subresource, context)
  }

  /// Judges a deletion.
  func validateDelete(_ old: JSONValue, _ info: ResourceInfo, _ context: RequestContext)
    async throws(APIStatus)
  {
    if info.isNamespaces, configuration.isEnabled(AdmissionPlugin.namespaceLifecycle),
      ["default", "kube-system", "kube-public"].contains(old.name)
    {
      throw .forbidden(info.gvr, name: old.name, "this namespace may not be deleted")
    }
    try checkNodeRestriction(.delete, .null, old: old, info, subresource: "", context)
    try await mutateByWebhooks(.delete, old: old, info, context)
    try checkPolicies(.delete, nil, old: old, info, context)
    try await checkWebhooks(.delete, nil, old: old, info, context)
  }

  /// Pods leave an unreachable node after five minutes unless they say otherwise.
  private func admitTolerations(_ object: inout JSONValue) {
    var tolerations = object.at("spec", "tolerations")?.arrayValue ?? []
    let before = tolerations.count
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
      let isTolerated = tolerations.contains { toleration in
        let name = toleration["key"]?.stringValue ?? ""
        let effect = toleration["effect"]?.stringValue ?? ""
        return (name == key || name.isEmpty) && (effect == "NoExecute" || effect.isEmpty)
      }
      if !isTolerated {
        tolerations.append([
          "key": .string(key), "operator": "Exists", "effect": "NoExecute",
          "tolerationSeconds": 300,
        ])
      }
    }
    // What is only set again would count as changed.
    guard tolerations.count > before else { return }
    object.set(.array(tolerations), at: "spec", "tolerations")
  }

  private func checkPrivileged(_ object: JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    guard !configuration.allowPrivileged else { return }
    for list in ["initContainers", "containers"] {
      for (index, container) in (object.at("spec", list)?.arrayValue ?? []).enumerated()
      where container.at("securityContext", "privileged")?.boolValue == true {
        let error = FieldError(
          .forbidden, "spec.\(list)[\(index)].securityContext.privileged",
          "disallowed by cluster policy")
        throw APIStatus.invalid(
          kind: info.kind, group: info.group, name: object.name, errors: [error])
      }
    }
  }

  /// The limit ranges of a namespace; empty at once where it has none.
  private func limitRanges(namespace: String) -> [JSONValue] {
    guard configuration.isEnabled(AdmissionPlugin.limitRanger) else { return [] }
    let prefix = Key(resource: "limitranges", group: "", namespace: namespace, name: "")
    return store.current().entries(prefix: prefix).compactMap {
      try? JSONValue(parsing: $0.value)
    }
  }
}
