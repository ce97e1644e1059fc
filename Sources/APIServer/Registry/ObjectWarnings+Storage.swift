import JSONDocument
import KubernetesAPI

extension ObjectWarnings {
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

  static func deprecatedVolume(_ volume: JSONValue?, _ field: String) -> [String] {
    deprecatedVolumes.filter { volume?[$0.0] != nil }.map { "\(field).\($0.0): \($0.1)" }
  }

  static func persistentVolume(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    for (key, message) in [
      (
        "volume.beta.kubernetes.io/storage-class",
        "deprecated since v1.8; use \"storageClassName\" attribute instead"
      ),
      (
        "volume.beta.kubernetes.io/mount-options",
        "deprecated since v1.31; use \"mountOptions\" attribute instead"
      ),
    ] where object.annotations[key] != nil {
      warnings.append("metadata.annotations[\(key)]: \(message)")
    }
    if object.at("spec", "persistentVolumeReclaimPolicy") == "Recycle" {
      warnings.append(
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
          + "recommended approach is to use dynamic provisioning.")
    }
    warnings += deprecatedVolume(object["spec"], "spec")
    warnings += nodeSelector(
      object.at("spec", "nodeAffinity", "required"), "spec.nodeAffinity.required")
    warnings += fraction(object.at("spec", "capacity"), ["storage"], "spec.capacity")
    return warnings
  }

  static func claim(_ spec: JSONValue?, _ field: String) -> [String] {
    fraction(
      spec?.at("resources", "requests"), ["storage"], "\(field).resources.requests")
  }

  static func storageClass(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    for (index, term) in (object["allowedTopologies"]?.arrayValue ?? []).enumerated() {
      for (position, expression) in (term["matchLabelExpressions"]?.arrayValue ?? []).enumerated() {
        guard let message = NodeLabels.deprecation(of: expression["key"]?.stringValue ?? "") else {
          continue
        }
        warnings.append(
          "allowedTopologies[\(index)].matchLabelExpressions[\(position)].key: \(message)")
      }
    }
    return warnings
  }

  /// Bytes come whole: a part of one is a mistake, mostly an `m` for an `M`.
  static func fraction(_ resources: JSONValue?, _ names: [String], _ field: String) -> [String] {
    names.compactMap { name in
      guard let text = resources?[name]?.stringValue,
        case .success(let quantity) = Quantity.parse(text), quantity.milliValue % 1000 != 0
      else { return nil }
      return
        "\(field)[\(name)]: fractional byte value \(GoFormat.quoted(text)) is invalid, must be "
        + "an integer"
    }
  }
}
