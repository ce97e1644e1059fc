import JSONDocument

extension TablePrinter {
  /// What a pod's containers add up to.
  private struct PodSummary {
    var reason: String
    var ready = 0
    var restarts: Int64 = 0
    var lastRestart: Timestamp?

    mutating func countRestarts(of status: JSONValue) {
      restarts += max(0, min(status["restartCount"]?.intValue ?? 0, Int64(Int32.max)))
      let finished = status.at("lastState", "terminated", "finishedAt")?.stringValue
      if let time = finished.flatMap(Timestamp.init(parsing:)), time > lastRestart ?? time {
        lastRestart = time
      } else if lastRestart == nil {
        lastRestart = finished.flatMap(Timestamp.init(parsing:))
      }
    }
  }

  /// What a terminated container shows: its reason, or the signal or exit code.
  private static func termination(_ terminated: JSONValue) -> String {
    if let reason = terminated["reason"]?.stringValue, !reason.isEmpty { return reason }
    if let signal = terminated["signal"]?.intValue, signal != 0 { return "Signal:\(signal)" }
    return "ExitCode:\(terminated["exitCode"]?.intValue ?? 0)"
  }

  static let podCells: Printer = { row in
    let spec = row.object["spec"]
    let initContainers = spec?["initContainers"]?.arrayValue ?? []
    let sidecars = Set(
      initContainers.filter { $0["restartPolicy"] == "Always" }
        .compactMap { $0["name"]?.stringValue })
    var summary = PodSummary(reason: row.string("status", "phase"))
    if !row.string("status", "reason").isEmpty { summary.reason = row.string("status", "reason") }
    if row.condition("PodScheduled")?["reason"] == "SchedulingGated" {
      summary.reason = "SchedulingGated"
    }
    var sidecarSummary = PodSummary(reason: "")
    let initializing = summarizeInitContainers(
      row, count: initContainers.count, sidecars: sidecars, &summary, &sidecarSummary)
    if !initializing || row.condition("Initialized")?["status"] == "True" {
      summary.restarts = sidecarSummary.restarts
      summary.lastRestart = sidecarSummary.lastRestart
      summarizeContainers(row, &summary)
    }
    if row.isBeingDeleted {
      let phase = row.string("status", "phase")
      if row.string("status", "reason") == "NodeLost" {
        summary.reason = "Unknown"
      } else if phase != "Failed", phase != "Succeeded" {
        summary.reason = "Terminating"
      }
    }
    let total = (spec?["containers"]?.arrayValue ?? []).count + sidecars.count
    var restarts = String(summary.restarts)
    if summary.restarts > 0, let last = summary.lastRestart {
      restarts += " (\(HumanDuration.age(of: last, now: row.now)) ago)"
    }
    return [
      .string(row.name), .string("\(summary.ready)/\(total)"), .string(summary.reason),
      .string(restarts), .string(row.age),
      orNone(
        row.list("status", "podIPs").first?["ip"]?.stringValue ?? row.string("status", "podIP")),
      orNone(row.string("spec", "nodeName")), orNone(row.string("status", "nominatedNodeName")),
      readinessGates(row),
    ]
  }

  private static func readinessGates(_ row: Row) -> JSONValue {
    let gates = row.list("spec", "readinessGates")
    if gates.isEmpty { return "<none>" }
    let met = gates.filter { gate in
      row.condition(gate["conditionType"]?.stringValue ?? "")?["status"] == "True"
    }
    return .string("\(met.count)/\(gates.count)")
  }

  /// Whether init containers still run or have failed.
  private static func summarizeInitContainers(
    _ row: Row, count: Int, sidecars: Set<String>, _ summary: inout PodSummary,
    _ sidecarSummary: inout PodSummary
  ) -> Bool {
    for (index, status) in row.list("status", "initContainerStatuses").enumerated() {
      let isSidecar = sidecars.contains(status["name"]?.stringValue ?? "")
      summary.countRestarts(of: status)
      if isSidecar { sidecarSummary.countRestarts(of: status) }
      let terminated = status.at("state", "terminated")
      if let terminated, terminated["exitCode"]?.intValue ?? 0 == 0 { continue }
      if isSidecar, status["started"] == true {
        if status["ready"] == true { summary.ready += 1 }
        continue
      }
      let waiting = status.at("state", "waiting", "reason")?.stringValue ?? ""
      if let terminated {
        summary.reason = "Init:" + termination(terminated)
      } else if !waiting.isEmpty, waiting != "PodInitializing" {
        summary.reason = "Init:" + waiting
      } else {
        summary.reason = "Init:\(index)/\(count)"
      }
      return true
    }
    return false
  }

  private static func summarizeContainers(_ row: Row, _ summary: inout PodSummary) {
    var running = false
    for status in row.list("status", "containerStatuses").reversed() {
      summary.countRestarts(of: status)
      let waiting = status.at("state", "waiting", "reason")?.stringValue ?? ""
      if !waiting.isEmpty {
        summary.reason = waiting
      } else if let terminated = status.at("state", "terminated") {
        summary.reason = termination(terminated)
      } else if status["ready"] == true, status.at("state", "running") != nil {
        running = true
        summary.ready += 1
      }
    }
    // One container is done while another runs.
    if summary.reason == "Completed", running {
      summary.reason = row.condition("Ready")?["status"] == "True" ? "Running" : "NotReady"
    }
  }
}
