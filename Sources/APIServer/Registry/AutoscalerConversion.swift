import JSONDocument
import KubernetesAPI

/// Autoscalers in autoscaling/v1, which has a field for the CPU alone: everything else of v2 is in
/// annotations, in forms that older clients know.
enum AutoscalerConversion {
  private static let prefix = "autoscaling.alpha.kubernetes.io/"
  private static let names = ["metrics", "behavior", "conditions", "current-metrics"]

  static func toV1(_ object: inout JSONValue) {
    var annotations = object.at("metadata", "annotations") ?? .null
    func note(_ name: String, _ value: JSONValue) {
      annotations[prefix + name] = .string(value.text)
    }
    if let behavior = object.at("spec", "behavior") {
      note("behavior", renamed(behavior, behaviorMembers))
    }
    var rest: [JSONValue] = []
    for metric in object.at("spec", "metrics")?.arrayValue ?? [] {
      if metric.at("resource", "name") == "cpu",
        let target = metric.at("resource", "target", "averageUtilization")
      {
        object.set(target, at: "spec", "targetCPUUtilizationPercentage")
      } else {
        rest.append(older(metric))
      }
    }
    if !rest.isEmpty { note("metrics", .array(rest)) }
    let current = object.at("status", "currentMetrics")?.arrayValue ?? []
    for metric in current where metric.at("resource", "name") == "cpu" {
      if let used = metric.at("resource", "current", "averageUtilization") {
        object.set(used, at: "status", "currentCPUUtilizationPercentage")
      }
    }
    if !current.isEmpty {
      note("current-metrics", .array(current.map { older($0, isStatus: true) }))
    }
    if let conditions = object.at("status", "conditions"),
      conditions.arrayValue?.isEmpty == false
    {
      note("conditions", conditions)
    }
    for name in ["metrics", "behavior"] { object.set(nil, at: "spec", name) }
    for name in ["conditions", "currentMetrics"] { object.set(nil, at: "status", name) }
    // Which v1 always writes.
    if object.at("status", "currentReplicas") == nil {
      object.set(0, at: "status", "currentReplicas")
    }
    if !annotations.isNull { object.set(annotations, at: "metadata", "annotations") }
  }

  static func toV2(_ object: inout JSONValue) {
    func noted(_ name: String) -> JSONValue? {
      guard let text = object.at("metadata", "annotations", prefix + name)?.stringValue else {
        return nil
      }
      return try? JSONValue(parsing: Array(text.utf8))
    }
    var metrics = (noted("metrics")?.arrayValue ?? []).map { newer($0) }
    if let target = object.at("spec", "targetCPUUtilizationPercentage") {
      object.set(nil, at: "spec", "targetCPUUtilizationPercentage")
      metrics.append([
        "type": "Resource",
        "resource": [
          "name": "cpu", "target": ["type": "Utilization", "averageUtilization": target],
        ],
      ])
    }
    if !metrics.isEmpty { object.set(.array(metrics), at: "spec", "metrics") }
    if let behavior = noted("behavior") {
      let back = Dictionary(uniqueKeysWithValues: behaviorMembers.map { ($1, $0) })
      object.set(withoutNulls(renamed(behavior, Array(back))), at: "spec", "behavior")
    }
    if let current = noted("current-metrics")?.arrayValue {
      object.set(.array(current.map { newer($0, isStatus: true) }), at: "status", "currentMetrics")
    }
    if let conditions = noted("conditions") { object.set(conditions, at: "status", "conditions") }
    object.set(nil, at: "status", "currentCPUUtilizationPercentage")
    if object.at("status", "currentReplicas") == 0 {
      object.set(nil, at: "status", "currentReplicas")
    }
    guard object.at("metadata", "annotations") != nil else { return }
    for name in names { object.set(nil, at: "metadata", "annotations", prefix + name) }
    if object.at("metadata", "annotations")?.objectValue?.isEmpty == true {
      object.set(nil, at: "metadata", "annotations")
    }
  }

  // MARK: Behavior

  /// The annotation has upstream's internal form, in which members are named as in Go, and those
  /// that are not set are null.
  private static let behaviorMembers: [(key: String, value: String)] = [
    ("scaleUp", "ScaleUp"), ("scaleDown", "ScaleDown"),
    ("stabilizationWindowSeconds", "StabilizationWindowSeconds"),
    ("selectPolicy", "SelectPolicy"), ("policies", "Policies"), ("tolerance", "Tolerance"),
    ("type", "Type"), ("value", "Value"), ("periodSeconds", "PeriodSeconds"),
  ]

  private static let rulesMembers = [
    "StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance",
  ]

  private static func renamed(_ value: JSONValue, _ names: [(key: String, value: String)])
    -> JSONValue
  {
    switch value {
    case .array(let elements): return .array(elements.map { renamed($0, names) })
    case .object(let members):
      var result = JSONObject()
      for (from, to) in names {
        if let member = members[from] { result[to] = renamed(member, names) }
      }
      // Of rules, every member is written.
      if result.contains("Policies") || result.contains("SelectPolicy") {
        return .object(JSONObject(rulesMembers.map { ($0, result[$0] ?? .null) }))
      }
      return .object(result)
    default: return value
    }
  }

  private static func withoutNulls(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let elements): .array(elements.map(withoutNulls))
    case .object(let members):
      .object(JSONObject(members.filter { !$1.isNull }.map { ($0, withoutNulls($1)) }))
    default: value
    }
  }

  // MARK: Metrics

  /// A metric as v1's annotations have it: what v2 nests lies side by side.
  private static func older(_ metric: JSONValue, isStatus: Bool = false) -> JSONValue {
    var result: JSONObject = ["type": metric["type"] ?? ""]
    let amounts = isStatus ? "current" : "target"
    for (kind, fields) in kinds {
      guard let source = metric[kind] else { continue }
      var flat = JSONObject()
      for field in fields {
        let value: JSONValue? =
          switch field {
          case .target: source["describedObject"]
          case .name: source["name"]
          case .metricName: source.at("metric", "name")
          case .selector: source.at("metric", "selector")
          case .container: source["container"]
          case .value(isRequired: true): source.at(amounts, "value") ?? "0"
          case .value(isRequired: false): source.at(amounts, "value")
          case .averageValue: source.at(amounts, "averageValue")
          case .utilization: source.at(amounts, "averageUtilization")
          }
        if let value { flat[field.name(in: kind, prefix: amounts)] = value }
      }
      result[kind] = .object(flat)
    }
    return .object(result)
  }

  private static func newer(_ metric: JSONValue, isStatus: Bool = false) -> JSONValue {
    var result: JSONObject = ["type": metric["type"] ?? ""]
    let amounts = isStatus ? "current" : "target"
    for (kind, fields) in kinds {
      guard let source = metric[kind] else { continue }
      var nested = JSONValue.object([:])
      var target = JSONValue.object([:])
      for field in fields {
        guard let value = source[field.name(in: kind, prefix: amounts)] else { continue }
        switch field {
        case .target: nested["describedObject"] = value
        case .name: nested["name"] = value
        case .metricName: nested.set(value, at: "metric", "name")
        case .selector: nested.set(value, at: "metric", "selector")
        case .container: nested["container"] = value
        case .value: target["value"] = value
        case .averageValue: target["averageValue"] = value
        case .utilization: target["averageUtilization"] = value
        }
      }
      if !isStatus {
        let type =
          target["averageUtilization"] != nil
          ? "Utilization" : target["averageValue"] != nil ? "AverageValue" : "Value"
        // An object's value is written even where only the average counts.
        if type == "AverageValue" { target["value"] = nil }
        target["type"] = .string(type)
      }
      nested[amounts] = target
      result[kind] = nested
    }
    return .object(result)
  }

  private enum Field {
    case target, name, metricName, selector, container, averageValue, utilization
    case value(isRequired: Bool)

    /// What v1 calls it.
    func name(in kind: String, prefix: String) -> String {
      switch self {
      case .target: "target"
      case .name: "name"
      case .metricName: "metricName"
      case .selector: kind == "external" ? "metricSelector" : "selector"
      case .container: "container"
      case .value: "\(prefix)Value"
      case .averageValue: kind == "object" ? "averageValue" : "\(prefix)AverageValue"
      case .utilization: "\(prefix)AverageUtilization"
      }
    }
  }

  /// In the order in which v1 writes them.
  private static let kinds: [(String, [Field])] = [
    ("object", [.target, .metricName, .value(isRequired: true), .selector, .averageValue]),
    ("pods", [.metricName, .averageValue, .selector]),
    ("resource", [.name, .utilization, .averageValue]),
    ("containerResource", [.name, .utilization, .averageValue, .container]),
    ("external", [.metricName, .selector, .value(isRequired: false), .averageValue]),
  ]
}
