import JSONDocument

/// Which objects a quota is about. Pure.
public enum QuotaScopes {
  /// Whether an object counts towards a quota with these scopes; one without counts all.
  public static func match(
    quota spec: JSONValue?, object: JSONValue, _ resource: GroupVersionResource
  ) -> Bool {
    var scopes = (spec?["scopes"]?.arrayValue ?? []).map { (scope: $0, expression: JSONValue.null) }
    for expression in spec?.at("scopeSelector", "matchExpressions")?.arrayValue ?? [] {
      scopes.append((expression["scopeName"] ?? .null, expression))
    }
    return scopes.allSatisfy {
      matches($0.scope.stringValue ?? "", $0.expression, object, resource)
    }
  }

  private static func matches(
    _ scope: String, _ expression: JSONValue, _ object: JSONValue, _ resource: GroupVersionResource
  ) -> Bool {
    guard resource == .pods else {
      guard resource.group.isEmpty, resource.resource == "persistentvolumeclaims",
        scope == "VolumeAttributesClass"
      else { return false }
      let names = [
        object.at("spec", "volumeAttributesClassName")?.stringValue,
        object.at("status", "currentVolumeAttributesClassName")?.stringValue,
        object.at("status", "modifyVolumeStatus", "targetVolumeAttributesClassName")?.stringValue,
      ].compactMap { $0 }.filter { !$0.isEmpty }
      return names.isEmpty
        ? selects(expression, value: nil) : names.contains { selects(expression, value: $0) }
    }
    let isTerminating = (object.at("spec", "activeDeadlineSeconds")?.intValue ?? -1) >= 0
    switch scope {
    case "Terminating": return isTerminating
    case "NotTerminating": return !isTerminating
    case "BestEffort": return isBestEffort(object)
    case "NotBestEffort": return !isBestEffort(object)
    case "PriorityClass":
      let name = object.at("spec", "priorityClassName")?.stringValue ?? ""
      return selects(expression, value: name.isEmpty ? nil : name)
    case "CrossNamespacePodAffinity": return reachesOtherNamespaces(object)
    default: return false
    }
  }

  /// An expression on one value; a plain scope asks that there is one.
  private static func selects(_ expression: JSONValue, value: String?) -> Bool {
    let values = (expression["values"]?.arrayValue ?? []).compactMap(\.stringValue)
    switch expression["operator"]?.stringValue {
    case "In": return value.map(values.contains) ?? false
    case "NotIn": return value.map { !values.contains($0) } ?? true
    case "DoesNotExist": return value == nil
    default: return value != nil
    }
  }

  private static func isBestEffort(_ pod: JSONValue) -> Bool {
    for side in [PodResources.Side.requests, .limits] {
      for list in ["containers", "initContainers"] {
        for container in pod.at("spec", list)?.arrayValue ?? [] {
          let amounts = PodResources.amounts(container.at("resources", side.rawValue))
          for name in ["cpu", "memory"] where amounts[name].map({ !$0.isZero }) ?? false {
            return false
          }
        }
      }
      let whole = PodResources.amounts(pod.at("spec", "resources", side.rawValue))
      if whole.contains(where: { !$0.value.isZero }) { return false }
    }
    return true
  }

  private static func reachesOtherNamespaces(_ pod: JSONValue) -> Bool {
    for kind in ["podAffinity", "podAntiAffinity"] {
      guard let affinity = pod.at("spec", "affinity", kind) else { continue }
      let required =
        affinity["requiredDuringSchedulingIgnoredDuringExecution"]?.arrayValue ?? []
      let preferred =
        (affinity["preferredDuringSchedulingIgnoredDuringExecution"]?.arrayValue ?? [])
        .compactMap { $0["podAffinityTerm"] }
      for term in required + preferred {
        if !(term["namespaces"]?.arrayValue?.isEmpty ?? true) { return true }
        if let selector = term["namespaceSelector"], !selector.isNull { return true }
      }
    }
    return false
  }
}
