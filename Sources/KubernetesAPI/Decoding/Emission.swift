import JSONDocument

/// How upstream's encoder treats fields that are absent or zero: facts that the schema lacks,
/// because they hang on whether a Go field is a pointer and omits its zero value.
struct Emission: Sendable {
  enum Fill: Sendable {
    /// The field is written even when nothing was given.
    case value(JSONValue)
    /// So is this object, with what its own fields fill in.
    case object(TypeID)
  }

  struct Field: Sendable {
    /// Whether `""`, `0`, `false` or an empty list or map is left out.
    var dropsZero: Bool
    var fill: Fill?
  }

  /// By type, then by position of the field.
  let fields: [[Field]]

  static let shared = Emission(.shared)

  init(_ catalogue: Catalogue) {
    fields = catalogue.types.map { type in
      type.fields.map { Self.rule(for: $0, of: type, in: catalogue) }
    }
  }

  private static func rule(for field: FieldInfo, of type: TypeInfo, in catalogue: Catalogue)
    -> Field
  {
    let short = String(type.name.dropFirst(type.name.hasPrefix("io.k8s.api.") ? 11 : 0))
    let key = "\(short.split(separator: ".").last ?? "").\(field.name)"
    switch field.type {
    case .list:
      let written = field.required || nullLists.contains(key)
      return Field(dropsZero: !written, fill: written ? .value(.null) : nil)
    case .map: return Field(dropsZero: true)
    case .type(let id):
      let target = catalogue.type(id)
      switch target.special {
      case .time, .microTime:
        let written = field.required || nullTimes.contains(key)
        return Field(dropsZero: !written, fill: written ? .value(.null) : nil)
      case .quantity, .intOrString, .any, .anyObject: return Field(dropsZero: false)
      case nil:
        // Selectors are pointers even where they are required.
        if target.shortName == "LabelSelector", !writtenObjects.contains(key) {
          return Field(dropsZero: false)
        }
        let root =
          !type.kinds.isEmpty
          && (field.name == "spec" || field.name == "status" || field.name == "metadata")
        let written =
          (field.required && !pointerObjects.contains(key)) || root || writtenObjects.contains(key)
        return Field(dropsZero: false, fill: written ? .object(id) : nil)
      }
    default:
      if let value = field.defaultValue, !(value == 0 && plainIntegers.contains(key)) {
        // References by name may lack the name, and then it isn't written.
        if !field.required, field.name == "name", value == "" { return Field(dropsZero: true) }
        return Field(dropsZero: false, fill: .value(value))
      }
      if field.required { return Field(dropsZero: false, fill: zero(field.type).map(Fill.value)) }
      switch field.type {
      case .string, .bytes:
        return Field(
          dropsZero: !pointerStrings.contains(key) && !pointerStrings.contains("*.\(field.name)"))
      case .boolean:
        return Field(
          dropsZero: plainBooleans.contains(field.name) && key != "AzureDiskVolumeSource.readOnly")
      case .integer, .number:
        return Field(dropsZero: plainIntegers.contains(field.name) || plainIntegers.contains(key))
      default: return Field(dropsZero: false)
      }
    }
  }

  private static func zero(_ type: FieldType) -> JSONValue? {
    switch type {
    case .string, .bytes: ""
    case .boolean: false
    case .integer, .number: 0
    default: nil
    }
  }

  /// Lists that are optional in the schema and written as null when empty.
  private static let nullLists: Set<String> = [
    "Role.rules", "ClusterRole.rules", "EndpointSlice.endpoints", "EndpointSlice.ports",
    "HorizontalPodAutoscalerStatus.currentMetrics", "CSINodeDriver.topologyKeys",
    "CustomResourceDefinitionStatus.conditions", "DeviceClaim.requests",
  ]

  /// Times that are no pointers: null where unset.
  private static let nullTimes: Set<String> = [
    "Event.eventTime", "Event.firstTimestamp", "Event.lastTimestamp",
    "Event.deprecatedFirstTimestamp", "Event.deprecatedLastTimestamp",
    "NodeCondition.lastHeartbeatTime", "NodeCondition.lastTransitionTime",
    "PodCondition.lastProbeTime", "PodCondition.lastTransitionTime",
    "PersistentVolumeClaimCondition.lastProbeTime",
    "PersistentVolumeClaimCondition.lastTransitionTime",
    "ReplicationControllerCondition.lastTransitionTime", "ReplicaSetCondition.lastTransitionTime",
    "DeploymentCondition.lastTransitionTime", "DeploymentCondition.lastUpdateTime",
    "DaemonSetCondition.lastTransitionTime", "StatefulSetCondition.lastTransitionTime",
    "JobCondition.lastProbeTime", "JobCondition.lastTransitionTime",
    "NamespaceCondition.lastTransitionTime", "ContainerStateRunning.startedAt",
    "ContainerStateTerminated.startedAt", "ContainerStateTerminated.finishedAt",
    "CertificateSigningRequestCondition.lastUpdateTime",
    "CertificateSigningRequestCondition.lastTransitionTime",
    "HorizontalPodAutoscalerCondition.lastTransitionTime", "VolumeError.time",
    "FlowSchemaCondition.lastTransitionTime",
    "PriorityLevelConfigurationCondition.lastTransitionTime",
    "CustomResourceDefinitionCondition.lastTransitionTime",
    "APIServiceCondition.lastTransitionTime",
  ]

  /// Objects that are no pointers: `{}` where nothing was given.
  private static let writtenObjects: Set<String> = [
    "Container.resources", "EphemeralContainer.resources", "PodTemplateSpec.metadata",
    "PodTemplateSpec.spec", "JobTemplateSpec.metadata", "JobTemplateSpec.spec",
    "PersistentVolumeClaimTemplate.metadata", "PersistentVolumeClaimTemplate.spec",
    "PodTemplate.template", "DeploymentSpec.strategy", "ReplicaSetSpec.template",
    "StatefulSetSpec.updateStrategy", "DaemonSetSpec.updateStrategy",
    "ServiceStatus.loadBalancer", "IngressStatus.loadBalancer", "ContainerStatus.state",
    "ContainerStatus.lastState", "Endpoint.conditions", "Event.source",
    "Event.deprecatedSource", "Event.regarding", "NodeStatus.daemonEndpoints",
    "NodeStatus.nodeInfo", "NodeDaemonEndpoints.kubeletEndpoint",
    "PersistentVolumeClaimSpec.resources", "NetworkPolicySpec.podSelector",
    "IngressServiceBackend.port", "TokenReviewStatus.user", "SelfSubjectReviewStatus.userInfo",
    "ResourceClaimTemplateSpec.metadata", "ResourceClaimSpec.devices",
    "AllocationResult.devices", "LimitedPriorityLevelConfiguration.limitResponse",
  ]

  /// Objects that are pointers though they are required: nothing where nothing was given.
  private static let pointerObjects: Set<String> = ["IPAddressSpec.parentRef"]

  /// Strings that are pointers: an empty one says something else than none.
  private static let pointerStrings: Set<String> = [
    "*.storageClassName", "*.volumeAttributesClassName", "*.ingressClassName",
    "*.runtimeClassName", "*.holderIdentity", "*.appProtocol", "*.loadBalancerClass",
    "*.trafficDistribution", "*.ipFamilyPolicy", "*.internalTrafficPolicy", "*.preemptionPolicy",
    "*.hostnameOverride", "*.timeZone", "*.volumeMode", "*.recursiveReadOnly", "*.procMount",
    "*.fsGroupChangePolicy", "*.mountPropagation", "HostPathVolumeSource.type",
    "GRPCAction.service", "EndpointPort.name", "EndpointPort.protocol", "Endpoint.hostname",
    "Endpoint.nodeName", "Endpoint.zone", "EndpointAddress.nodeName", "OpaqueDevice.driver",
    "Container.restartPolicy", "TypedLocalObjectReference.apiGroup",
    "TypedObjectReference.apiGroup", "TypedObjectReference.namespace",
    "IngressClassParametersReference.apiGroup", "IngressClassParametersReference.namespace",
    "IngressClassParametersReference.scope", "ServiceReference.path", "WebhookClientConfig.url",
    "StorageClass.reclaimPolicy", "StorageClass.volumeBindingMode",
    "VolumeAttachmentSource.persistentVolumeName", "JobSpec.completionMode", "JobSpec.managedBy",
    "JobSpec.podReplacementPolicy",
  ]

  /// Booleans that are no pointers.
  private static let plainBooleans: Set<String> = [
    "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly",
    "publishNotReadyAddresses", "unschedulable", "paused", "denied", "authenticated",
    "globalDefault", "chapAuthDiscovery", "chapAuthSession", "sslEnabled", "incomplete",
    "used", "insecureSkipTLSVerify", "preserveUnknownFields", "clusterScope",
  ]

  /// Integers that are no pointers.
  private static let plainIntegers: Set<String> = [
    "hostPort", "nodePort", "minReadySeconds", "initialDelaySeconds", "Probe.timeoutSeconds",
    "periodSeconds", "Probe.successThreshold", "Probe.failureThreshold", "healthCheckNodePort",
    "generation", "DeploymentStatus.observedGeneration", "ReplicaSetStatus.observedGeneration",
    "StatefulSetStatus.observedGeneration", "DaemonSetStatus.observedGeneration",
    "ReplicationControllerStatus.observedGeneration", "PodSpec.observedGeneration",
    "PodStatus.observedGeneration", "PodCondition.observedGeneration",
    "Condition.observedGeneration", "PodDisruptionBudgetStatus.observedGeneration",
    "DeploymentStatus.replicas", "Scale.replicas", "ScaleSpec.replicas", "readyReplicas",
    "updatedReplicas", "DeploymentStatus.availableReplicas", "ReplicaSetStatus.availableReplicas",
    "ReplicationControllerStatus.availableReplicas", "unavailableReplicas", "currentReplicas",
    "fullyLabeledReplicas", "numberAvailable", "numberUnavailable", "updatedNumberScheduled",
    "count", "deprecatedCount", "AWSElasticBlockStoreVolumeSource.partition",
    "GCEPersistentDiskVolumeSource.partition", "signal", "active", "succeeded", "failed",
    "ServiceBackendPort.number", "sizeBytes", "ReplicationControllerSpec.minReadySeconds",
  ]
}
