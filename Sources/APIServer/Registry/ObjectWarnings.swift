import JSONDocument
import KubernetesAPI

/// What upstream warns of in objects that are valid all the same.
enum ObjectWarnings {
  static func of(_ object: JSONValue, _ info: ResourceInfo) -> [String] {
    switch info.gvr.description {
    case "pods": pod(object["spec"], "spec")
    case "podtemplates": pod(object.at("template", "spec"), "template.spec")
    case "cronjobs.batch":
      pod(
        object.at("spec", "jobTemplate", "spec", "template", "spec"),
        "spec.jobTemplate.spec.template.spec")
    case "statefulsets.apps": statefulSet(object)
    case "deployments.apps", "replicasets.apps", "daemonsets.apps", "jobs.batch",
      "replicationcontrollers":
      pod(object.at("spec", "template", "spec"), "spec.template.spec")
    case "services": service(object)
    case "persistentvolumes": deprecatedVolume(object["spec"], "spec")
    case "csidrivers.storage.k8s.io": csiDriver(object)
    default: []
    }
  }

  /// Kinds of volumes that upstream is giving up, and what it says of each.
  private static let deprecatedVolumes = [
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
  ]

  private static func deprecatedVolume(_ volume: JSONValue?, _ field: String) -> [String] {
    deprecatedVolumes.filter { volume?[$0.0] != nil }.map { "\(field).\($0.0): \($0.1)" }
  }

  private static func pod(_ spec: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    for (index, volume) in (spec?["volumes"]?.arrayValue ?? []).enumerated() {
      warnings += deprecatedVolume(volume, "\(field).volumes[\(index)]")
      if let projected = volume["projected"], projected["sources"]?.arrayValue?.isEmpty ?? true {
        warnings.append(
          "volume \"\(volume["name"]?.stringValue ?? "")\" (Projected) has no sources provided")
      }
    }
    for (index, secret) in (spec?["imagePullSecrets"]?.arrayValue ?? []).enumerated()
    where (secret["name"]?.stringValue ?? "").isEmpty {
      warnings.append("\(field).imagePullSecrets[\(index)].name: invalid empty name \"\"")
    }
    return warnings
  }

  private static func statefulSet(_ object: JSONValue) -> [String] {
    var warnings = pod(object.at("spec", "template", "spec"), "spec.template.spec")
    if let limit = object.at("spec", "revisionHistoryLimit")?.intValue, limit < 0 {
      warnings.append(
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value "
          + ">= 0 is recommended")
    }
    return warnings
  }

  private static func service(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    if object.at("spec", "externalIPs")?.arrayValue?.isEmpty == false {
      warnings.append(
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    }
    if object.at("spec", "trafficDistribution") == "PreferClose" {
      warnings.append(
        "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"")
    }
    return warnings
  }

  private static func csiDriver(_ object: JSONValue) -> [String] {
    guard object.at("spec", "tokenRequests")?.arrayValue?.isEmpty == false,
      object.at("spec", "serviceAccountTokenInSecrets") == nil
    else { return [] }
    return [
      "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
        + "prevent possible logging of tokens in volume attributes"
    ]
  }
}
