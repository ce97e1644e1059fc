import JSONDocument
import KubernetesAPI

/// What single kinds are given when they are written, as upstream's strategies do.
enum Preparation {
  private static let templateGeneration = "deprecated.daemonset.template.generation"

  /// Before defaults are filled in.
  static func beforeCreate(_ object: inout JSONValue, _ info: ResourceInfo) {
    if info.groupResource == "persistentvolumeclaims" { copyDataSource(&object) }
    DisabledFields.drop(from: &object, old: nil, info)
    if info.groupResource == "nodes" { agreeOnRanges(&object) }
    guard info.isPods else { return }
    mergeLabelKeys(&object)
    if let seconds = object.at("spec", "terminationGracePeriodSeconds")?.intValue, seconds < 0 {
      object.set(1, at: "spec", "terminationGracePeriodSeconds")
    }
  }

  /// The older and the newer way to name what a claim is filled from say the same.
  private static func copyDataSource(_ claim: inout JSONValue) {
    func completed(_ reference: JSONValue) -> JSONValue {
      var reference = reference
      if reference["apiGroup"] == nil { reference["apiGroup"] = .null }
      return reference
    }
    if let source = claim.at("spec", "dataSource") {
      let group = source["apiGroup"]?.stringValue ?? ""
      let kind = source["kind"]?.stringValue ?? ""
      let isKnown =
        group.isEmpty && kind == "PersistentVolumeClaim"
        || group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot"
      claim.set(isKnown ? completed(source) : nil, at: "spec", "dataSource")
    }
    let source = claim.at("spec", "dataSource")
    let reference = claim.at("spec", "dataSourceRef")
    if let source, reference == nil {
      claim.set(source, at: "spec", "dataSourceRef")
    } else if let reference {
      claim.set(completed(reference), at: "spec", "dataSourceRef")
      if source == nil, reference["namespace"] == nil {
        claim.set(completed(reference), at: "spec", "dataSource")
      }
    }
  }

  /// After defaults are filled in.
  static func afterCreate(_ object: inout JSONValue, _ info: ResourceInfo) {
    switch info.groupResource {
    case "daemonsets.apps":
      let given = object.at("metadata", "annotations", templateGeneration)?.stringValue
        .flatMap { Int64($0) }
      object.set(
        .string(String(max(given ?? 1, 1))), at: "metadata", "annotations", templateGeneration)
    case "apiservices.apiregistration.k8s.io":
      object["status"] = [:]
      guard object.at("spec", "service") == nil else { return }
      object["status"] = [
        "conditions": [
          [
            "type": "Available", "status": "True",
            "lastTransitionTime": .string(WallClock.now()), "reason": "Local",
            "message": "Local APIServices are always available",
          ]
        ]
      ]
    case "persistentvolumes":
      object.set(.string(WallClock.now()), at: "status", "lastPhaseTransitionTime")
    case "pods":
      guard object.at("spec", "schedulingGates")?.arrayValue?.isEmpty == false else { return }
      object.set(
        [
          [
            "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
            "lastTransitionTime": .string(WallClock.now()), "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
          ]
        ], at: "status", "conditions")
    default: break
    }
  }

  /// A Job without labels has those of its template, the generated ones among them.
  static func afterValidation(_ object: inout JSONValue, _ info: ResourceInfo) {
    guard info.gvr == .jobs, object.at("metadata", "labels")?.objectValue?.isEmpty ?? true,
      let labels = object.at("spec", "template", "metadata", "labels")
    else { return }
    object.set(labels, at: "metadata", "labels")
  }

  static func update(
    _ new: inout JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String
  ) {
    DisabledFields.drop(from: &new, old: old, info)
    switch (info.groupResource, subresource) {
    case ("nodes", ""): agreeOnRanges(&new)
    case ("daemonsets.apps", ""):
      let before =
        old.at("metadata", "annotations", templateGeneration)?.stringValue
        .flatMap { Int64($0) } ?? 1
      let isChanged = new.at("spec", "template") != old.at("spec", "template")
      new.set(
        .string(String(isChanged ? before &+ 1 : before)), at: "metadata", "annotations",
        templateGeneration)
    case ("persistentvolumes", "status"):
      let time = new.at("status", "lastPhaseTransitionTime")
      guard new.at("status", "phase") != old.at("status", "phase"),
        time == nil || time == old.at("status", "lastPhaseTransitionTime")
      else { return }
      new.set(.string(WallClock.now()), at: "status", "lastPhaseTransitionTime")
    case ("pods", "status"):
      // The older, single address decides.
      guard let address = new.at("status", "podIP")?.stringValue, !address.isEmpty,
        new.at("status", "podIPs")?[0]?["ip"]?.stringValue != address
      else { return }
      new.set([["ip": .string(address)]], at: "status", "podIPs")
    case ("services", ""):
      ServiceFields.keepAllocated(&new, old: old)
      ServiceFields.dropUnused(&new, old: old)
    default: break
    }
  }
}

extension ResourceInfo {
  /// Kinds that are never replaced without a resource version.
  var needsResourceVersionOnUpdate: Bool {
    custom != nil || group == "admissionregistration.k8s.io"
      || Self.conditional.contains(groupResource)
  }

  private static let conditional: Set<String> = [
    "runtimeclasses.node.k8s.io", "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io", "apiservices.apiregistration.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io", "poddisruptionbudgets.policy",
    "leases.coordination.k8s.io", "csistoragecapacities.storage.k8s.io",
  ]

  /// Kinds that a replacement creates where there is none.
  var isCreatedByUpdate: Bool { Self.createdByUpdate.contains(groupResource) }

  private static let createdByUpdate: Set<String> = [
    "runtimeclasses.node.k8s.io", "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io", "leases.coordination.k8s.io",
    "limitranges", "events", "events.events.k8s.io", "endpoints", "services",
    "podtemplates",
  ]
}
