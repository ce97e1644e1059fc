import JSONDocument

extension Validation.Checker {
  /// A HorizontalPodAutoscaler of either version; what is wrong is told in terms of v2, in which
  /// upstream checks both.
  mutating func horizontalPodAutoscaler() {
    let spec = object["spec"]
    scaleTarget(spec?["scaleTargetRef"], "spec.scaleTargetRef")
    let metrics: [JSONValue]
    if resource.version == "v1" {
      metrics =
        spec?["targetCPUUtilizationPercentage"].map { percentage in
          [
            [
              "type": "Resource",
              "resource": [
                "name": "cpu", "target": ["type": "Utilization", "averageUtilization": percentage],
              ],
            ]
          ]
        } ?? []
    } else {
      metrics = spec?["metrics"]?.arrayValue ?? []
    }
    let minimum = spec?["minReplicas"]?.intValue
    if let minimum, minimum < 1 {
      add(
        .invalid("spec.minReplicas", .int(minimum), "must be greater than or equal to 1"))
    }
    let maximum = spec?["maxReplicas"]?.intValue ?? 0
    if maximum < 1 { add(.required("spec.maxReplicas", "must be set and greater than 0")) }
    if let minimum, maximum < minimum {
      add(
        .invalid(
          "spec.maxReplicas", .int(maximum), "must be greater than or equal to `minReplicas`"))
    }
    for (index, metric) in metrics.enumerated() {
      self.metric(metric, "spec.metrics[\(index)]")
    }
    if minimum == 0,
      !metrics.contains(where: { $0["type"] == "Object" || $0["type"] == "External" })
    {
      add(
        .forbidden(
          "spec.metrics",
          "must specify at least one Object or External metric to support scaling to zero replicas")
      )
    }
    for direction in ["scaleUp", "scaleDown"] {
      scalingRules(spec?["behavior"]?[direction], "spec.behavior.\(direction)")
    }
  }

  private mutating func scaleTarget(_ reference: JSONValue?, _ field: String) {
    for key in ["kind", "name"] {
      let text = reference?[key]?.stringValue ?? ""
      if required(.string(text), "\(field).\(key)") {
        add(NameRules.pathSegment(text), "\(field).\(key)", .string(text))
      }
    }
    let version = reference?["apiVersion"]?.stringValue ?? ""
    let isGroupless = version.isEmpty || version == "v1"
    if version.split(separator: "/", omittingEmptySubsequences: false).count > 2 {
      add(
        .invalid(
          "\(field).apiVersion", .string(version), "unexpected GroupVersion string: \(version)"))
    } else if field == "spec.scaleTargetRef", version.isEmpty {
      add(
        .invalid("\(field).apiVersion", .string(version), "apiVersion must specify API group"))
    } else if field == "spec.scaleTargetRef", isGroupless,
      reference?["kind"] != "ReplicationController"
    {
      add(
        .invalid("\(field).apiVersion", .string(version), "apiVersion must specify API group"))
    }
  }

  /// A kind of metric: its `type`, the member that describes it.
  private static let metricSources = [
    ("ContainerResource", "containerResource"), ("External", "external"), ("Object", "object"),
    ("Pods", "pods"), ("Resource", "resource"),
  ]

  private mutating func metric(_ metric: JSONValue, _ field: String) {
    let type = metric["type"]?.stringValue ?? ""
    guard !type.isEmpty else {
      add(.required("\(field).type", "must specify a metric source type"))
      return
    }
    let types = Self.metricSources.map(\.0)
    guard let member = Self.metricSources.first(where: { $0.0 == type })?.1 else {
      // Once by its own rule, once because no source is of such a type.
      add(.notSupported("\(field).type", .string(type), types))
      add(.notSupported("\(field).type", .string(type), types))
      return
    }
    guard let source = metric[member] else {
      add(
        .required(
          "\(field).\(member)", "must populate information for the given metric source"))
      return
    }
    for (_, other) in Self.metricSources where other != member && metric[other] != nil {
      add(
        .forbidden(
          "\(field).\(other)",
          "must populate the given metric source only"))
    }
    metricSource(source, type: type, "\(field).\(member)")
  }

  private mutating func metricSource(_ source: JSONValue, type: String, _ field: String) {
    let target = source["target"]
    switch type {
    case "Resource", "ContainerResource":
      required(source["name"], "\(field).name", "must specify a resource name")
      if type == "ContainerResource" {
        required(source["container"], "\(field).container", "must specify a container")
      }
      metricTarget(target, "\(field).target")
      if target?["averageUtilization"] == nil, target?["averageValue"] == nil {
        add(
          .required(
            "\(field).target.averageUtilization",
            "must set either a target raw value or a target utilization"))
      }
      if target?["averageUtilization"] != nil, target?["averageValue"] != nil {
        add(
          .forbidden(
            "\(field).target.averageValue",
            "may not set both a target raw value and a target utilization"))
      }
    case "Pods":
      metricIdentifier(source["metric"], "\(field).metric")
      metricTarget(target, "\(field).target")
      if target?["averageValue"] == nil {
        add(
          .required(
            "\(field).target.averageValue", "must specify a positive target averageValue"))
      }
    case "Object":
      scaleTarget(source["describedObject"], "\(field).describedObject")
      metricIdentifier(source["metric"], "\(field).metric")
      metricTarget(target, "\(field).target")
      if target?["value"] == nil, target?["averageValue"] == nil {
        add(
          .required(
            "\(field).target.averageValue", "must set either a target value or averageValue"))
      }
    default:
      metricIdentifier(source["metric"], "\(field).metric")
      metricTarget(target, "\(field).target")
      if target?["value"] == nil, target?["averageValue"] == nil {
        add(
          .required(
            "\(field).target.averageValue",
            "must set either a target value for metric or a per-pod target"))
      }
      if target?["value"] != nil, target?["averageValue"] != nil {
        add(
          .forbidden(
            "\(field).target.value",
            "may not set both a target value for metric and a per-pod target"))
      }
    }
  }

  private mutating func metricIdentifier(_ metric: JSONValue?, _ field: String) {
    let name = metric?["name"]?.stringValue ?? ""
    if required(.string(name), "\(field).name", "must specify a metric name") {
      add(NameRules.pathSegment(name), "\(field).name", .string(name))
    }
  }

  private mutating func metricTarget(_ target: JSONValue?, _ field: String) {
    let type = target?["type"]?.stringValue ?? ""
    if type.isEmpty {
      add(.required("\(field).type", "must specify a metric target type"))
    } else if !["Utilization", "Value", "AverageValue"].contains(type) {
      add(
        .invalid(
          "\(field).type", .string(type), "must be either Utilization, Value, or AverageValue"))
    }
    for key in ["value", "averageValue"] {
      if let amount = target?[key],
        let quantity = amount.stringValue.flatMap(Quantity.init(parsing:)), quantity <= .zero
      {
        add(.invalid("\(field).\(key)", amount, "must be positive"))
      }
    }
    if let percentage = target?["averageUtilization"]?.intValue, percentage < 1 {
      add(
        .invalid("\(field).averageUtilization", .int(percentage), "must be greater than 0"))
    }
  }

  private mutating func scalingRules(_ rules: JSONValue?, _ field: String) {
    guard let rules else { return }
    if let window = rules["stabilizationWindowSeconds"]?.intValue {
      notNegative(.int(window), "\(field).stabilizationWindowSeconds")
      if window > 3600 {
        add(
          .invalid(
            "\(field).stabilizationWindowSeconds", .int(window),
            "must be less than or equal to 3600"))
      }
    }
    oneOf(rules["selectPolicy"], "\(field).selectPolicy", ["Max", "Min", "Disabled"])
    let policies = rules["policies"]?.arrayValue ?? []
    if policies.isEmpty, rules["tolerance"] == nil || rules["policies"] != nil {
      add(.required("\(field).policies", "must specify at least one Policy"))
    }
    for (index, policy) in policies.enumerated() {
      let place = "\(field).policies[\(index)]"
      oneOf(policy["type"] ?? "", "\(place).type", ["Percent", "Pods"])
      for key in ["value", "periodSeconds"] where (policy[key]?.intValue ?? 0) <= 0 {
        add(.invalid("\(place).\(key)", policy[key] ?? 0, "must be greater than zero"))
      }
      if let period = policy["periodSeconds"]?.intValue, period > 1800 {
        add(
          .invalid(
            "\(place).periodSeconds", .int(period), "must be less than or equal to 1800"))
      }
    }
    if let tolerance = rules["tolerance"],
      tolerance.stringValue.flatMap(Quantity.init(parsing:))?.isNegative == true
    {
      add(
        .invalid("\(field).tolerance", tolerance, "must be greater than or equal to 0"))
    }
  }
}
