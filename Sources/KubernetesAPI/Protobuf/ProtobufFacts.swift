/// What the protobuf form of the API has that its schema doesn't tell.
enum ProtobufFacts {
  /// The four bytes that begin every object in Kubernetes' protobuf encoding.
  static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

  static let maximumDepth = 64

  /// Go writes fields that are no pointers even when they are zero, so that a zero on the wire says
  /// nothing about them. Of these it does: they are pointers, absent or meant. Where all types
  /// that have a field of a name agree, the name stands alone.
  static let pointers: Set<String> = [
    "activeDeadlineSeconds", "adminAccess", "allowPrivilegeEscalation", "allowVolumeExpansion",
    "allocateLoadBalancerNodePorts", "allowMultipleAllocations", "appProtocol",
    "attachRequired", "automountServiceAccountToken", "averageUtilization", "backoffLimit",
    "backoffLimitPerIndex", "bindsToNode", "blockOwnerDeletion", "bool", "borrowingLimitPercent",
    "capacity", "collisionCount", "completions", "currentCPUUtilizationPercentage",
    "defaultMode", "deletionGracePeriodSeconds", "enableServiceLinks", "endPort", "errorCode",
    "failedJobsHistoryLimit", "fsGroup", "gracePeriodSeconds", "holderIdentity", "hostProcess",
    "hostUsers", "ignoreStoreReadErrorWithClusterBreakingPotential", "immutable",
    "ingressClassName", "int", "leaseDurationSeconds", "leaseTransitions", "lendablePercent",
    "lun", "manualSelector", "maxExpirationSeconds", "maxFailedIndexes", "maximum", "maxItems",
    "maxLength", "maxProperties", "minDomains", "minimum", "minItems", "minLength",
    "minProperties", "minReplicas", "mode", "multipleOf",
    "nodeAllocatableUpdatePeriodSeconds", "nominalConcurrencyShares", "optional",
    "optionalOldSelf", "orphanDependents", "parallelism", "perDeviceNodeSelection",
    "podInfoOnMount", "preferredHolder", "preventPodSchedulingIfMissing", "privileged",
    "progressDeadlineSeconds", "readOnlyRootFilesystem", "recursiveReadOnlyMounts",
    "remainingItemCount", "requiresRepublish", "revisionHistoryLimit", "runAsGroup",
    "runAsNonRoot", "runAsUser", "runtimeClassName", "seLinuxMount",
    "serviceAccountTokenInSecrets", "serving", "setHostnameAsFQDN", "shareProcessNamespace",
    "stabilizationWindowSeconds", "started", "startingDeadlineSeconds", "storageCapacity",
    "successfulJobsHistoryLimit", "succeededCount", "supplementalGroupsPolicy", "suspend",
    "targetCPUUtilizationPercentage", "terminationGracePeriodSeconds", "tolerationSeconds",
    "ttlSecondsAfterFinished", "userNamespaces", "volumeAttributesClassName",
    "x-kubernetes-preserve-unknown-fields",
    "AzureDiskVolumeSource.readOnly", "CSIVolumeSource.readOnly",
    "CertificateSigningRequestSpec.expirationSeconds", "ClientIPConfig.timeoutSeconds",
    "DaemonSetStatus.collisionCount", "DeploymentSpec.replicas",
    "DeploymentStatus.terminatingReplicas", "Device.allNodes",
    "DeviceAttribute.string", "DeviceAttribute.version", "Endpoint.hostname",
    "Endpoint.nodeName", "Endpoint.zone", "EndpointConditions.ready",
    "EndpointConditions.terminating", "HorizontalPodAutoscalerStatus.observedGeneration",
    "JobStatus.ready", "JobStatus.terminating", "LeaseSpec.strategy",
    "MutatingWebhook.timeoutSeconds", "PersistentVolumeClaimSpec.storageClassName",
    "PersistentVolumeClaimSpec.volumeMode", "PersistentVolumeSpec.volumeMode",
    "PodSpec.priority", "ReplicaSetSpec.replicas", "ReplicaSetStatus.terminatingReplicas",
    "ReplicationControllerSpec.replicas", "ResourceSliceSpec.allNodes",
    "RollingUpdateStatefulSetStrategy.partition", "ServiceAccountTokenProjection.expirationSeconds",
    "OwnerReference.controller", "ServiceReference.port", "TypedLocalObjectReference.apiGroup",
    "TypedObjectReference.apiGroup", "IngressClassParametersReference.apiGroup",
    "StatefulSetSpec.replicas", "TokenRequest.expirationSeconds",
    "ValidatingWebhook.timeoutSeconds", "VolumeNodeResources.count",
    "discovery.v1.EndpointPort.name", "discovery.v1.EndpointPort.port",
  ]

  static func isPointer(_ field: FieldInfo, of type: TypeInfo) -> Bool {
    if pointers.contains(field.name) { return true }
    let parts = type.name.split(separator: ".")
    return pointers.contains("\(type.shortName).\(field.name)")
      || pointers.contains("\(parts.suffix(3).joined(separator: ".")).\(field.name)")
  }

  /// JSON types with more than one form, which protobuf writes as a message with a field for each.
  enum Union {
    case json
    case orBool
    case orArray
    case orStringArray

    init?(_ type: TypeInfo) {
      switch type.shortName {
      case "JSONSchemaPropsOrBool": self = .orBool
      case "JSONSchemaPropsOrArray": self = .orArray
      case "JSONSchemaPropsOrStringArray": self = .orStringArray
      case "JSON": self = .json
      default: return nil
      }
    }

    /// The type of the schemas inside.
    static func schema(_ catalogue: Catalogue) -> TypeInfo? {
      catalogue.type(
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
    }
  }
}
