import KubernetesAPI

/// What the registry treats differently by kind.
extension ResourceInfo {
  var isPods: Bool { group.isEmpty && resource == "pods" }
  var isNamespaces: Bool { group.isEmpty && resource == "namespaces" }
  var isServices: Bool { group.isEmpty && resource == "services" }

  /// The group that refusals name. Events are one kind to upstream, whichever group serves them.
  var errorGroup: String { group == "events.k8s.io" ? "" : group }

  /// Kinds whose dependents stay by default, as they did when these kinds were new.
  var orphansByDefault: Bool {
    gvr == .jobs || group.isEmpty && resource == "replicationcontrollers"
  }

  /// What clients are told that still use this.
  var deprecation: String? {
    if let custom { return custom.deprecation }
    guard group.isEmpty else { return nil }
    switch resource {
    case "endpoints":
      return "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    case "componentstatuses": return "v1 ComponentStatus is deprecated in v1.19+"
    default: return nil
    }
  }

  /// Nodes register with their status; events and a few others have none to wipe.
  var keepsStatusOnCreate: Bool { group.isEmpty && resource == "nodes" }

  /// Kinds whose metadata is no business of those who write their status.
  var keepsMetadataOnStatus: Bool { custom != nil || Self.statusAlone.contains(groupResource) }

  private static let statusAlone: Set<String> = [
    "volumeattachments.storage.k8s.io", "resourceclaims.resource.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
  ]

  /// Kinds whose `metadata.generation` counts changes of the desired state.
  var tracksGeneration: Bool { custom != nil || Self.generations.contains(groupResource) }

  private static let generations: Set<String> = [
    "pods", "podtemplates", "replicationcontrollers", "deviceclasses.resource.k8s.io",
    "resourceslices.resource.k8s.io",
    "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps",
    "jobs.batch", "cronjobs.batch", "ingresses.networking.k8s.io",
    "ingressclasses.networking.k8s.io", "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy", "endpointslices.discovery.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io", "priorityclasses.scheduling.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
  ]

  /// Kinds whose deletion answers with the object instead of a `Status`.
  var returnsDeletedObject: Bool { Self.returned.contains(groupResource) }

  private static let returned: Set<String> = [
    "pods", "podtemplates", "services", "serviceaccounts", "resourcequotas",
    "persistentvolumes", "persistentvolumeclaims", "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io", "deviceclasses.resource.k8s.io",
    "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io",
    "storageclasses.storage.k8s.io", "csidrivers.storage.k8s.io",
  ]
}

extension GroupVersionResource {
  static let jobs = Self(group: "batch", resource: "jobs")
}
