import JSONDocument

extension Validation.Checker {
  private static let runAlways: JSONValue = "Always"

  /// Selector and template of everything that makes pods from a template.
  private mutating func selectorAndTemplate(controller: String, emptySelector: String) {
    let selector = value("spec.selector")
    var selectorIsValid = true
    if let selector {
      let before = errors.count
      self.selector(selector, "spec.selector")
      if errors.count > before { selectorIsValid = false }
      if LabelSelector(object: selector).isEverything {
        add(.invalid("spec.selector", selector, emptySelector))
        selectorIsValid = false
      }
      if !selectorIsValid, controller != "DaemonSet", errors.count > before,
        !LabelSelector(object: selector).isEverything
      {
        add(
          .invalid(
            "spec.selector", selector, controller == "StatefulSet" ? "" : "invalid label selector"))
      }
    } else {
      // Upstream does not say so of DaemonSets.
      if controller != "DaemonSet" { add(.required("spec.selector")) }
      // A selector that is missing matches no template.
      add(
        .invalid(
          "spec.template.metadata.labels", value("spec.template.metadata.labels") ?? .null,
          "`selector` does not match template `labels`"))
    }
    template(controller: controller, matching: selectorIsValid ? selector : nil)
  }

  private mutating func template(controller: String, matching selector: JSONValue?) {
    let template = value("spec.template")
    let labels = template?.at("metadata", "labels")
    if let selector, !LabelSelector(object: selector).matches(labels?.objectValue) {
      add(
        .invalid(
          "spec.template.metadata.labels", labels ?? .null,
          "`selector` does not match template `labels`"))
    }
    podTemplate(at: "spec.template", template)
    let policy = template?.at("spec", "restartPolicy")
    if let policy, policy != Self.runAlways {
      add(.notSupported("spec.template.spec.restartPolicy", policy, ["Always"]))
    }
    if template?.at("spec", "activeDeadlineSeconds") != nil {
      let name = controller == "Deployment" ? "ReplicaSet" : controller
      add(
        .forbidden(
          "spec.template.spec.activeDeadlineSeconds",
          "activeDeadlineSeconds in \(name) is not Supported"))
    }
  }

  mutating func deployment() {
    notNegative(value("spec.replicas"), "spec.replicas")
    selectorAndTemplate(
      controller: "Deployment", emptySelector: "empty selector is invalid for deployment")
    let strategy = value("spec.strategy")
    switch strategy?["type"] {
    case "Recreate":
      if strategy?["rollingUpdate"] != nil {
        add(
          .forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'"))
      }
    case "RollingUpdate":
      let update = strategy?["rollingUpdate"]
      let field = "spec.strategy.rollingUpdate"
      countOrPercent(update?["maxUnavailable"], "\(field).maxUnavailable", atMost100: true)
      countOrPercent(update?["maxSurge"], "\(field).maxSurge")
      if isZero(update?["maxUnavailable"]), isZero(update?["maxSurge"]) {
        add(
          .invalid(
            "\(field).maxUnavailable", update?["maxUnavailable"],
            "may not be 0 when `maxSurge` is 0"))
      }
    default:
      oneOf(strategy?["type"], "spec.strategy.type", ["Recreate", "RollingUpdate"])
    }
    notNegative(value("spec.minReadySeconds"), "spec.minReadySeconds")
    notNegative(value("spec.revisionHistoryLimit"), "spec.revisionHistoryLimit")
    if let deadline = value("spec.progressDeadlineSeconds")?.intValue {
      notNegative(.int(deadline), "spec.progressDeadlineSeconds")
      if deadline <= value("spec.minReadySeconds")?.intValue ?? 0 {
        add(
          .invalid(
            "spec.progressDeadlineSeconds", .int(deadline),
            "must be greater than minReadySeconds"))
      }
    }
  }

  private func isZero(_ value: JSONValue?) -> Bool {
    switch IntOrString(value) {
    case .int(let number)?: number == 0
    case .string?: IntOrString(value)?.percent == 0
    case nil: true
    }
  }

  mutating func replicaSet() {
    notNegative(value("spec.replicas"), "spec.replicas")
    notNegative(value("spec.minReadySeconds"), "spec.minReadySeconds")
    selectorAndTemplate(
      controller: "ReplicaSet", emptySelector: "empty selector is invalid for deployment")
  }

  mutating func replicationController() {
    notNegative(value("spec.replicas"), "spec.replicas")
    notNegative(value("spec.minReadySeconds"), "spec.minReadySeconds")
    let selector = value("spec.selector")?.objectValue ?? [:]
    if selector.isEmpty { add(.required("spec.selector")) }
    guard value("spec.template") != nil else {
      add(.required("spec.template"))
      return
    }
    template(
      controller: "ReplicationController",
      matching: selector.isEmpty ? nil : ["matchLabels": .object(selector)])
  }

  mutating func daemonSet() {
    selectorAndTemplate(
      controller: "DaemonSet", emptySelector: "empty selector is invalid for daemonset")
    notNegative(value("spec.minReadySeconds"), "spec.minReadySeconds")
    notNegative(value("spec.revisionHistoryLimit"), "spec.revisionHistoryLimit")
    let strategy = value("spec.updateStrategy")
    let type = strategy?["type"]?.stringValue ?? ""
    guard type == "RollingUpdate" else {
      if type != "OnDelete" {
        add(.notSupported("spec.updateStrategy", strategy, ["RollingUpdate", "OnDelete"]))
      }
      return
    }
    let update = strategy?["rollingUpdate"]
    let field = "spec.updateStrategy.rollingUpdate"
    let before = errors.count
    countOrPercent(update?["maxUnavailable"], "\(field).maxUnavailable", atMost100: true)
    countOrPercent(update?["maxSurge"], "\(field).maxSurge", atMost100: true)
    guard errors.count == before else { return }
    let unavailable = isZero(update?["maxUnavailable"])
    let surge = isZero(update?["maxSurge"])
    if !unavailable, !surge {
      add(
        .invalid(
          "\(field).maxSurge", update?["maxSurge"],
          "may not be set when maxUnavailable is non-zero"))
    } else if unavailable, surge {
      add(.required("\(field).maxUnavailable", "cannot be 0 when maxSurge is 0"))
    }
  }

  mutating func statefulSet() {
    let policy = value("spec.podManagementPolicy")
    if policy != "OrderedReady", policy != "Parallel" {
      add(.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"))
    }
    let strategy = value("spec.updateStrategy")
    let update = strategy?["rollingUpdate"]
    switch strategy?["type"] {
    case "OnDelete":
      if let update {
        add(
          .invalid(
            "spec.updateStrategy.rollingUpdate", update,
            "only allowed for updateStrategy 'RollingUpdate'"))
      }
    case "RollingUpdate":
      notNegative(update?["partition"], "spec.updateStrategy.rollingUpdate.partition")
      countOrPercent(
        update?["maxUnavailable"], "spec.updateStrategy.rollingUpdate.maxUnavailable",
        atMost100: true)
    default:
      add(
        .invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'"))
    }
    for key in ["whenDeleted", "whenScaled"] {
      oneOf(
        value("spec.persistentVolumeClaimRetentionPolicy")?[key],
        "spec.persistentVolumeClaimRetentionPolicy.\(key)", ["Retain", "Delete"])
    }
    notNegative(value("spec.replicas"), "spec.replicas")
    notNegative(value("spec.minReadySeconds"), "spec.minReadySeconds")
    notNegative(value("spec.ordinals.start"), "spec.ordinals.start")
    let service = value("spec.serviceName")?.stringValue ?? ""
    if isCreate, !service.isEmpty {
      add(NameRules.dns1123Label(service), "spec.serviceName", .string(service))
    }
    for (index, claim) in (value("spec.volumeClaimTemplates")?.arrayValue ?? []).enumerated() {
      claimSpec(claim["spec"], "spec.volumeClaimTemplates[\(index)].spec")
    }
    selectorAndTemplate(
      controller: "StatefulSet", emptySelector: "empty selector is invalid for statefulset")
  }

  mutating func statefulSetUpdate(_ old: JSONValue) {
    let mayChange = [
      "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
      "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    ]
    var now = object["spec"] ?? .null
    var before = old["spec"] ?? .null
    for key in mayChange {
      now[key] = nil
      before[key] = nil
    }
    guard now != before else { return }
    add(
      .forbidden(
        "spec",
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
          + "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
          + "'minReadySeconds' are forbidden"))
  }
}
