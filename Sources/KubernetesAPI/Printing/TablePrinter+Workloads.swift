import JSONDocument

extension TablePrinter {
  static let workloadPrinters: [String: Printer] = [
    "apps/Deployment": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), readyOfDesired(row), .int(row.int("status", "updatedReplicas")),
        .int(row.int("status", "availableReplicas")), .string(row.age), containers.names,
        containers.images, row.selector("spec", "selector"),
      ]
    },
    "apps/ReplicaSet": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), .int(row.int("spec", "replicas")), .int(row.int("status", "replicas")),
        .int(row.int("status", "readyReplicas")), .string(row.age), containers.names,
        containers.images, row.selector("spec", "selector"),
      ]
    },
    "apps/StatefulSet": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), readyOfDesired(row), .string(row.age), containers.names,
        containers.images,
      ]
    },
    "apps/DaemonSet": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), .int(row.int("status", "desiredNumberScheduled")),
        .int(row.int("status", "currentNumberScheduled")), .int(row.int("status", "numberReady")),
        .int(row.int("status", "updatedNumberScheduled")),
        .int(row.int("status", "numberAvailable")),
        row.labels("spec", "template", "spec", "nodeSelector"), .string(row.age),
        containers.names, containers.images, row.selector("spec", "selector"),
      ]
    },
    "apps/ControllerRevision": { row in
      let owner = row.list("metadata", "ownerReferences").first { $0["controller"] == true }
      var controller = "<none>"
      if let owner {
        let group = (owner["apiVersion"]?.stringValue ?? "").split(separator: "/")
        let kind = (owner["kind"]?.stringValue ?? "").lowercased()
        let name = owner["name"]?.stringValue ?? ""
        controller = group.count == 2 ? "\(kind).\(group[0])/\(name)" : "\(kind)/\(name)"
      }
      return [
        .string(row.name), .string(controller), .int(row.int("revision")), .string(row.age),
      ]
    },
    "batch/Job": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), .string(jobStatus(row)), .string(jobCompletions(row)),
        .string(jobDuration(row)), .string(row.age), containers.names, containers.images,
        row.selector("spec", "selector"),
      ]
    },
    "batch/CronJob": { row in
      let containers = row.containers("spec", "jobTemplate", "spec", "template")
      let last = row.string("status", "lastScheduleTime")
      return [
        .string(row.name), .string(row.string("spec", "schedule")),
        orNone(row.string("spec", "timeZone")),
        row.object.at("spec", "suspend") == true ? "True" : "False",
        .int(row.count("status", "active")), .string(last.isEmpty ? "<none>" : row.age(last)),
        .string(row.age), containers.names, containers.images,
        row.selector("spec", "jobTemplate", "spec", "selector"),
      ]
    },
    "autoscaling/HorizontalPodAutoscaler": { row in
      [
        .string(row.name),
        .string(
          row.string("spec", "scaleTargetRef", "kind") + "/"
            + row.string("spec", "scaleTargetRef", "name")),
        .string(scalingTargets(row)),
        .string(row.object.at("spec", "minReplicas")?.intValue.map(String.init) ?? "<unset>"),
        .int(row.int("spec", "maxReplicas")), .int(row.int("status", "currentReplicas")),
        .string(row.age),
      ]
    },
  ]

  private static func readyOfDesired(_ row: Row) -> JSONValue {
    .string("\(row.int("status", "readyReplicas"))/\(row.int("spec", "replicas"))")
  }

  private static func jobStatus(_ row: Row) -> String {
    func holds(_ type: String) -> Bool { row.condition(type)?["status"] == "True" }
    if holds("Complete") { return "Complete" }
    if holds("Failed") { return "Failed" }
    if row.isBeingDeleted { return "Terminating" }
    for type in ["Suspended", "FailureTarget", "SuccessCriteriaMet"] where holds(type) {
      return type
    }
    return "Running"
  }

  private static func jobCompletions(_ row: Row) -> String {
    let succeeded = row.int("status", "succeeded")
    if let wanted = row.object.at("spec", "completions")?.intValue {
      return "\(succeeded)/\(wanted)"
    }
    let parallelism = row.int("spec", "parallelism")
    return parallelism > 1 ? "\(succeeded)/1 of \(parallelism)" : "\(succeeded)/1"
  }

  private static func jobDuration(_ row: Row) -> String {
    guard let start = Timestamp(parsing: row.string("status", "startTime")) else { return "" }
    let end = Timestamp(parsing: row.string("status", "completionTime")) ?? row.now
    return HumanDuration.text(milliseconds: end.milliseconds(since: start))
  }

  private static func scalingTargets(_ row: Row) -> String {
    if let target = row.object.at("spec", "targetCPUUtilizationPercentage")?.intValue {
      let current = row.object.at("status", "currentCPUUtilizationPercentage")?.intValue
      return "cpu: \(current.map { "\($0)%" } ?? "<unknown>")/\(target)%"
    }
    let metrics = row.list("spec", "metrics")
    if metrics.isEmpty { return "<none>" }
    let current = row.list("status", "currentMetrics")
    let texts = metrics.prefix(2).enumerated().map { index, metric in
      scalingTarget(metric, current: current.indices.contains(index) ? current[index] : .null)
    }
    let text = texts.joined(separator: ", ")
    return metrics.count > 2 ? "\(text) + \(metrics.count - 2) more..." : text
  }

  private static func scalingTarget(_ metric: JSONValue, current: JSONValue) -> String {
    let type = metric["type"]?.stringValue ?? ""
    let key = type.prefix(1).lowercased() + type.dropFirst()
    let target = metric[key]?["target"]
    let now = current[key]?["current"]
    let resource = key == "resource" || key == "containerResource"
    let label = resource ? "\(metric[key]?["name"]?.stringValue ?? ""): " : ""
    if let utilization = target?["averageUtilization"]?.intValue {
      let found = now?["averageUtilization"]?.intValue.map { "\($0)%" } ?? "<unknown>"
      return "\(label)\(found)/\(utilization)%"
    }
    if let average = target?["averageValue"]?.stringValue {
      let suffix = key == "external" || key == "object" ? " (avg)" : ""
      return "\(label)\(now?["averageValue"]?.stringValue ?? "<unknown>")/\(average)\(suffix)"
    }
    let value = target?["value"]?.stringValue ?? "<auto>"
    return "\(label)\(now?["value"]?.stringValue ?? "<unknown>")/\(value)"
  }
}
