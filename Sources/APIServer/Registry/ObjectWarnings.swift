import JSONDocument
import KubernetesAPI

/// What upstream warns of in objects that are valid all the same.
enum ObjectWarnings {
  static func of(_ object: JSONValue, _ info: ResourceInfo) -> [String] {
    switch info.groupResource {
    case "pods": pod(object["spec"], object["metadata"], "") + podName(object)
    case "podtemplates": template(object["template"], "template")
    case "cronjobs.batch":
      workloadName(object)
        + template(
          object.at("spec", "jobTemplate", "spec", "template"), "spec.jobTemplate.spec.template")
    case "statefulsets.apps": statefulSet(object)
    case "daemonsets.apps": template(object.at("spec", "template"), "spec.template")
    case "deployments.apps", "replicasets.apps", "jobs.batch", "replicationcontrollers":
      workloadName(object) + template(object.at("spec", "template"), "spec.template")
    case "services": service(object)
    case "endpointslices.discovery.k8s.io": endpointSlice(object)
    case "ingresses.networking.k8s.io": ingress(object)
    case "serviceaccounts": serviceAccount(object)
    case "persistentvolumes": persistentVolume(object)
    case "persistentvolumeclaims": claim(object["spec"], "spec")
    case "storageclasses.storage.k8s.io": storageClass(object)
    case "runtimeclasses.node.k8s.io": runtimeClass(object)
    case "csidrivers.storage.k8s.io": csiDriver(object)
    default: []
    }
  }

  private static func ingress(_ object: JSONValue) -> [String] {
    guard object.annotations["kubernetes.io/ingress.class"] != nil else { return [] }
    return [
      "annotation \"kubernetes.io/ingress.class\" is deprecated, please use "
        + "'spec.ingressClassName' instead"
    ]
  }

  private static func serviceAccount(_ object: JSONValue) -> [String] {
    let key = "kubernetes.io/enforce-mountable-secrets"
    guard object.annotations[key] != nil else { return [] }
    return [
      "metadata.annotations[\(key)]: deprecated in v1.32+; prefer separate namespaces to isolate "
        + "access to mounted secrets"
    ]
  }

  private static func runtimeClass(_ object: JSONValue) -> [String] {
    (object.at("scheduling", "nodeSelector")?.objectValue ?? [:]).keys.compactMap { key in
      NodeLabels.deprecation(of: key).map { "scheduling.nodeSelector: \($0)" }
    }
  }

  private static func statefulSet(_ object: JSONValue) -> [String] {
    var warnings = template(object.at("spec", "template"), "spec.template")
    if let limit = object.at("spec", "revisionHistoryLimit")?.intValue, limit < 0 {
      warnings.append(
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value "
          + ">= 0 is recommended")
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
