import JSONDocument

/// Checks objects as upstream's registry does, after defaults are filled in.
public enum Validation {
  /// What is wrong with a new object; empty means nothing.
  ///
  /// - Parameter isKnownValid: whether all but its metadata was found valid before.
  public static func create(
    _ object: JSONValue, resource: ResourceInfo, isKnownValid: Bool = false
  ) -> [FieldError] {
    var checker = Checker(resource: resource, object: object, old: nil)
    checker.metadata()
    if isKnownValid { return checker.errors }
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
    guard !checker.hasOnlyNewMetadata(old) else { return checker.errors }
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
    "certificates.k8s.io/CertificateSigningRequest": { $0.certificateSigningRequest() },
    "/Event": { $0.event() }, "events.k8s.io/Event": { $0.event() },
    "/ResourceQuota": { $0.resourceQuota() }, "/LimitRange": { $0.limitRange() },
    "apps/ControllerRevision": { $0.controllerRevision() },
    "autoscaling/HorizontalPodAutoscaler": { $0.horizontalPodAutoscaler() },
    "networking.k8s.io/Ingress": { $0.ingress() },
    "networking.k8s.io/IngressClass": { $0.ingressClass() },
    "networking.k8s.io/NetworkPolicy": { $0.networkPolicy() },
    "networking.k8s.io/IPAddress": { $0.ipAddress() },
    "networking.k8s.io/ServiceCIDR": { $0.serviceCIDR() },
    "policy/PodDisruptionBudget": { $0.podDisruptionBudget() },
    "scheduling.k8s.io/PriorityClass": { $0.priorityClass() },
    "node.k8s.io/RuntimeClass": { $0.runtimeClass() },
    "storage.k8s.io/StorageClass": { $0.storageClass() },
    "storage.k8s.io/VolumeAttributesClass": { $0.volumeAttributesClass() },
    "storage.k8s.io/CSIDriver": { $0.csiDriver() }, "storage.k8s.io/CSINode": { $0.csiNode() },
    "storage.k8s.io/CSIStorageCapacity": { $0.csiStorageCapacity() },
    "storage.k8s.io/VolumeAttachment": { $0.volumeAttachment() },
    "flowcontrol.apiserver.k8s.io/FlowSchema": { $0.flowSchema() },
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": { $0.priorityLevel() },
    "apiregistration.k8s.io/APIService": { $0.apiService() },
    "admissionregistration.k8s.io/MutatingWebhookConfiguration": { $0.webhookConfiguration() },
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration": { $0.webhookConfiguration() },
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": { $0.validatingAdmissionPolicy() },
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": {
      $0.admissionPolicyBinding()
    },
    "admissionregistration.k8s.io/MutatingAdmissionPolicy": { $0.mutatingAdmissionPolicy() },
    "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": {
      $0.admissionPolicyBinding()
    },
    "resource.k8s.io/DeviceClass": { $0.deviceClass() },
    "resource.k8s.io/ResourceClaim": { $0.resourceClaim() },
    "resource.k8s.io/ResourceClaimTemplate": { $0.resourceClaimTemplate() },
    "resource.k8s.io/ResourceSlice": { $0.resourceSlice() },
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
    "/PersistentVolume": { $0.persistentVolumeUpdate($1) },
    "apps/ControllerRevision": { $0.immutable("data", $1["data"]) },
    "apps/Deployment": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/ReplicaSet": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/DaemonSet": { $0.immutable("spec.selector", $1.at("spec", "selector")) },
    "apps/StatefulSet": { $0.statefulSetUpdate($1) }, "batch/Job": { $0.jobUpdate($1) },
    "discovery.k8s.io/EndpointSlice": { $0.immutable("addressType", $1["addressType"]) },
    "certificates.k8s.io/CertificateSigningRequest": {
      $0.certificateSigningRequestUpdate($1, subresource: "")
    },
    "rbac.authorization.k8s.io/RoleBinding": { $0.roleReferenceUpdate($1) },
    "rbac.authorization.k8s.io/ClusterRoleBinding": { $0.roleReferenceUpdate($1) },
    "/ResourceQuota": { $0.resourceQuotaUpdate($1) },
    "events.k8s.io/Event": { $0.eventUpdate($1) },
    "networking.k8s.io/IngressClass": { checker, old in
      checker.immutable("spec.controller", old.at("spec", "controller"))
    },
    "networking.k8s.io/IPAddress": { checker, old in
      checker.immutable("spec.parentRef", old.at("spec", "parentRef"))
    },
    "networking.k8s.io/ServiceCIDR": { $0.serviceCIDRUpdate($1) },
    "scheduling.k8s.io/PriorityClass": { $0.priorityClassUpdate($1) },
    "node.k8s.io/RuntimeClass": { checker, old in checker.immutable("handler", old["handler"]) },
    "storage.k8s.io/StorageClass": { $0.storageClassUpdate($1) },
    "storage.k8s.io/VolumeAttributesClass": { $0.volumeAttributesClassUpdate($1) },
    "storage.k8s.io/CSIDriver": { $0.csiDriverUpdate($1) },
    "storage.k8s.io/CSINode": { $0.csiNodeUpdate($1) },
    "storage.k8s.io/CSIStorageCapacity": { $0.csiStorageCapacityUpdate($1) },
    "storage.k8s.io/VolumeAttachment": { $0.volumeAttachmentUpdate($1) },
    "resource.k8s.io/ResourceClaim": { $0.resourceClaimUpdate($1) },
    "resource.k8s.io/ResourceClaimTemplate": { $0.resourceClaimUpdate($1) },
    "resource.k8s.io/ResourceSlice": { $0.resourceSliceUpdate($1) },
  ]

  /// By group, kind and subresource: checks of what only this subresource writes.
  private static let subresourceRules: [String: UpdateRule] = [
    "/Pod/ephemeralcontainers": { $0.ephemeralContainers($1) },
    "/Pod/resize": { $0.resize($1) },
    "/Pod/status": { checker, _ in checker.podStatus() },
    "certificates.k8s.io/CertificateSigningRequest/approval": {
      $0.certificateSigningRequest()
      $0.certificateSigningRequestUpdate($1, subresource: "approval")
    },
    "certificates.k8s.io/CertificateSigningRequest/status": {
      $0.certificateSigningRequest()
      $0.certificateSigningRequestUpdate($1, subresource: "status")
    },
  ]

  /// By group and kind: checks of a status that is written.
  private static let statusRules: [String: Rule] = [
    "apps/Deployment": { $0.deploymentStatus() },
    "apps/ReplicaSet": { checker in
      let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]
      checker.replicaCounts(parts, parts: parts)
    },
    "/ReplicationController": { checker in
      let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]
      checker.replicaCounts(parts, parts: parts)
    },
    "apps/StatefulSet": { checker in
      let parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"]
      checker.replicaCounts(parts, parts: parts)
    },
    "apps/DaemonSet": {
      $0.statusCounts([
        "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady",
        "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
        "collisionCount",
      ])
    },
    "batch/Job": { $0.jobStatus() }, "/Namespace": { $0.namespaceStatus() },
    "/Node": { $0.nodeStatus() },
    "/Service": { $0.loadBalancerStatus() },
    "networking.k8s.io/Ingress": { $0.loadBalancerStatus() },
    "networking.k8s.io/ServiceCIDR": { $0.conditions() },
    "autoscaling/HorizontalPodAutoscaler": { $0.autoscalerStatus() },
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": { $0.conditions() },
    "flowcontrol.apiserver.k8s.io/FlowSchema": { $0.uniqueConditions() },
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": { $0.uniqueConditions() },
    "policy/PodDisruptionBudget": { $0.podDisruptionBudgetStatus() },
    "/ResourceQuota": { $0.resourceQuotaStatus() },
  ]
}
