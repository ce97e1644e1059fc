import JSONDocument

/// Checks objects as upstream's registry does, after defaults are filled in.
public enum Validation {
  /// What is wrong with a new object; empty means nothing.
  public static func create(_ object: JSONValue, resource: ResourceInfo) -> [FieldError] {
    var checker = Checker(resource: resource, object: object, old: nil)
    checker.metadata()
    rules[checker.kindKey]?(&checker)
    return checker.errors
  }

  /// What is wrong with a change, e.g. of a field that can't be changed.
  ///
  /// - Parameter subresource: `status`, `scale` and so on; empty for the object itself.
  public static func update(
    new: JSONValue, old: JSONValue, resource: ResourceInfo, subresource: String = ""
  ) -> [FieldError] {
    var checker = Checker(resource: resource, object: new, old: old)
    checker.metadata()
    checker.metadataUpdate(old)
    guard subresource.isEmpty else {
      if let rule = subresourceRules["\(checker.kindKey)/\(subresource)"] {
        rule(&checker, old)
        return checker.errors
      }
      statusRules[checker.kindKey]?(&checker)
      return checker.errors
    }
    rules[checker.kindKey]?(&checker)
    updateRules[checker.kindKey]?(&checker, old)
    return checker.errors
  }

  typealias Rule = @Sendable (inout Checker) -> Void
  typealias UpdateRule = @Sendable (inout Checker, JSONValue) -> Void

  /// By group and kind: checks of the whole object.
  private static let rules: [String: Rule] = [
    "/ConfigMap": { $0.configMap() }, "/Secret": { $0.secret() },
    "/Namespace": { $0.namespace() }, "/Node": { $0.node() }, "/Pod": { $0.pod() },
    "/PodTemplate": { $0.podTemplate(at: "template", $0.object["template"]) },
    "/Service": { $0.service() }, "/Endpoints": { $0.endpoints() },
    "/PersistentVolume": { $0.persistentVolume() },
    "/PersistentVolumeClaim": { $0.persistentVolumeClaim() },
    "/ReplicationController": { $0.replicationController() },
    "discovery.k8s.io/EndpointSlice": { $0.endpointSlice() },
    "apps/Deployment": { $0.deployment() }, "apps/ReplicaSet": { $0.replicaSet() },
    "apps/StatefulSet": { $0.statefulSet() }, "apps/DaemonSet": { $0.daemonSet() },
    "batch/Job": { $0.job() }, "batch/CronJob": { $0.cronJob() },
    "coordination.k8s.io/Lease": { $0.lease() },
    "rbac.authorization.k8s.io/Role": { $0.role() },
    "rbac.authorization.k8s.io/ClusterRole": { $0.role() },
    "rbac.authorization.k8s.io/RoleBinding": { $0.roleBinding() },
    "rbac.authorization.k8s.io/ClusterRoleBinding": { $0.roleBinding() },
    "/Event": { $0.event() }, "events.k8s.io/Event": { $0.event() },
    "apiextensions.k8s.io/CustomResourceDefinition": {
      $0.errors += DefinitionChecker.errors(in: $0.object, old: $0.old)
    },
  ]

  /// By group and kind: what may not change.
  private static let updateRules: [String: UpdateRule] = [
    "/ConfigMap": { $0.immutableData($1) },
    "/Secret": { checker, old in
      checker.immutable("type", old["type"])
      checker.immutableData(old)
    },
    "/Node": { $0.nodeUpdate($1) }, "/Pod": { $0.podUpdate($1) },
    "/Service": { $0.serviceUpdate($1) },
    "/PersistentVolumeClaim": { $0.persistentVolumeClaimUpdate($1) },
    "apps/Deployment": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/ReplicaSet": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/DaemonSet": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/StatefulSet": { $0.statefulSetUpdate($1) }, "batch/Job": { $0.jobUpdate($1) },
    "discovery.k8s.io/EndpointSlice": { $0.immutable("addressType", $1["addressType"]) },
    "rbac.authorization.k8s.io/RoleBinding": { $0.roleReferenceUpdate($1) },
    "rbac.authorization.k8s.io/ClusterRoleBinding": { $0.roleReferenceUpdate($1) },
  ]

  /// By group, kind and subresource: checks of what only this subresource writes.
  private static let subresourceRules: [String: UpdateRule] = [
    "/Pod/ephemeralcontainers": { $0.ephemeralContainers($1) },
    "/Pod/resize": { $0.resize($1) },
    "/Pod/status": { checker, _ in checker.podStatus() },
  ]

  /// By group and kind: checks of a status that is written.
  private static let statusRules: [String: Rule] = [
    "apps/Deployment": { $0.statusCounts(["replicas", "updatedReplicas", "readyReplicas"]) },
    "apps/ReplicaSet": { $0.statusCounts(["replicas", "readyReplicas", "availableReplicas"]) },
    "apps/StatefulSet": { $0.statusCounts(["replicas", "readyReplicas", "currentReplicas"]) },
  ]
}
