import JSONDocument

extension Validation.Checker {
  mutating func podDisruptionBudget() {
    let spec = object["spec"]
    if spec?["minAvailable"] != nil, spec?["maxUnavailable"] != nil {
      add(
        .invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    }
    for key in ["minAvailable", "maxUnavailable"] {
      countOrPercent(spec?[key], "spec.\(key)", atMost100: true)
    }
    selector(spec?["selector"], "spec.selector")
    oneOf(
      spec?["unhealthyPodEvictionPolicy"], "spec.unhealthyPodEvictionPolicy",
      ["AlwaysAllow", "IfHealthyBudget"])
  }

  mutating func podDisruptionBudgetStatus() {
    for key in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
      notNegative(value("status.\(key)"), "status.\(key)")
    }
  }

  /// The highest value of a class that is not upstream's own.
  private static let highestUserPriority: Int64 = 1_000_000_000
  private static let systemPriorities: [String: Int64] = [
    "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000,
  ]

  mutating func priorityClass() {
    let name = value("metadata.name")?.stringValue ?? ""
    let priority = value("value")?.intValue ?? 0
    if name.hasPrefix("system-") {
      if Self.systemPriorities[name] != priority {
        let known = Self.systemPriorities[name] != nil
        add(
          .forbidden(
            "metadata.name",
            "priority class names with 'system-' prefix are reserved for system use only. error: "
              + (known
                ? "value of \(name) PriorityClass must be \(Self.systemPriorities[name] ?? 0)"
                : "\(name) is not a known system priority class")))
      }
    } else if priority > Self.highestUserPriority {
      add(
        .forbidden(
          "value",
          "maximum allowed value of a user defined priority is \(Self.highestUserPriority)"))
    }
    oneOf(
      object["preemptionPolicy"], "preemptionPolicy", ["PreemptLowerPriority", "Never"])
  }

  mutating func priorityClassUpdate(_ old: JSONValue) {
    if (object["value"] ?? 0) != (old["value"] ?? 0) {
      add(.forbidden("value", "may not be changed in an update."))
    }
    immutable("preemptionPolicy", old["preemptionPolicy"])
  }

  mutating func runtimeClass() {
    let handler = value("handler")?.stringValue ?? ""
    if required(.string(handler), "handler") {
      add(NameRules.dns1123Label(handler), "handler", .string(handler))
    }
    if let overhead = value("overhead.podFixed") { resources(["limits": overhead], "overhead") }
    if let scheduling = object["scheduling"] {
      labels(scheduling["nodeSelector"], "scheduling.nodeSelector")
      tolerations(scheduling["tolerations"], "scheduling.tolerations")
    }
  }

  private static let quotaScopes: Set<String> = [
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass",
    "CrossNamespacePodAffinity", "VolumeAttributesClass",
  ]
  private static let computeResources: Set<String> = [
    "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
  ]
  private static let quotaResources: Set<String> = computeResources.union([
    "requests.storage", "pods", "services", "replicationcontrollers", "resourcequotas",
    "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
    "services.loadbalancers",
  ])

  mutating func resourceQuota() {
    let hard = value("spec.hard")?.objectValue ?? [:]
    quotaAmounts(hard, "spec.hard")
    let scopes = value("spec.scopes")?.arrayValue ?? []
    if !scopes.isEmpty {
      let names = Set(scopes.compactMap(\.stringValue))
      for scope in scopes where !Self.quotaScopes.contains(scope.stringValue ?? "") {
        add(.invalid("spec.scopes", .array(scopes), "unsupported scope"))
      }
      for scope in scopes {
        for name in hard.keys where !Self.isAllowed(name, in: scope.stringValue ?? "") {
          add(.invalid("spec.scopes", .array(scopes), "unsupported scope applied to resource"))
        }
      }
      for pair in [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]]
      where names.isSuperset(of: pair) {
        add(.invalid("spec.scopes", .array(scopes), "conflicting scopes"))
      }
    }
    let field = "spec.scopeSelector.matchExpressions"
    for rule in value(field)?.arrayValue ?? [] {
      let scope = rule["scopeName"]?.stringValue ?? ""
      if !Self.quotaScopes.contains(scope) {
        add(.invalid("\(field).scopeName", .string(scope), "unsupported scope"))
      }
      let values = rule["values"]?.arrayValue ?? []
      switch rule["operator"]?.stringValue {
      case "In", "NotIn":
        if values.isEmpty {
          add(
            .required(
              "\(field).values",
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
        }
        if !["PriorityClass", "VolumeAttributesClass"].contains(scope) {
          add(
            .invalid(
              "\(field).operator", rule["operator"],
              "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            ))
        }
      case "Exists", "DoesNotExist":
        if !values.isEmpty {
          add(
            .invalid(
              "\(field).values", .array(values),
              "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"))
        }
      default:
        add(.invalid("\(field).operator", rule["operator"] ?? "", "not a valid selector operator"))
      }
    }
  }

  mutating func resourceQuotaStatus() {
    for key in ["hard", "used"] {
      quotaAmounts(value("status.\(key)")?.objectValue ?? [:], "status.\(key)")
    }
  }

  private mutating func quotaAmounts(_ amounts: JSONObject, _ field: String) {
    for (name, amount) in amounts {
      let place = "\(field)[\(name)]"
      add(NameRules.qualifiedName(name), place, .string(name))
      let known =
        Self.quotaResources.contains(name) || name.hasPrefix("hugepages-")
        || name.hasPrefix("requests.hugepages-")
      if !name.contains("/"), !known {
        add(
          .invalid(place, .string(name), "must be a standard resource for quota"))
      }
      guard let quantity = amount.stringValue.flatMap(Quantity.init(parsing:)) else { continue }
      if quantity.isNegative {
        add(.invalid(place, amount, "must be greater than or equal to 0"))
      }
      let isCount =
        Self.quotaResources.contains(name) && !Self.computeResources.contains(name)
        && name != "requests.storage"
      if isCount || name.hasPrefix("count/"), !quantity.isInteger {
        add(.invalid(place, amount, "must be an integer"))
      }
    }
  }

  /// Which resources a quota with this scope may bound.
  private static func isAllowed(_ name: String, in scope: String) -> Bool {
    switch scope {
    case "BestEffort": name == "pods"
    case "Terminating", "NotTerminating", "NotBestEffort", "PriorityClass",
      "CrossNamespacePodAffinity":
      name == "pods" || computeResources.contains(name) || name.hasPrefix("hugepages-")
        || name.hasPrefix("requests.hugepages-")
    default: true
    }
  }

  mutating func resourceQuotaUpdate(_ old: JSONValue) {
    immutable("spec.scopes", old.at("spec", "scopes"))
  }
}
