import JSONDocument

/// What a Job does about pods that failed, and when it counts as done.
extension Validation.Checker {
  private static let conditionStates = ["False", "True", "Unknown"]

  mutating func podFailurePolicy(_ spec: JSONValue?, _ jobField: String) {
    guard let policy = spec?["podFailurePolicy"] else { return }
    let field = "\(jobField).podFailurePolicy"
    let rules = policy["rules"]?.arrayValue ?? []
    if rules.count > 20 { add(.tooMany("\(field).rules", rules.count, maximum: 20)) }
    var names: Set<String> = []
    for list in ["containers", "initContainers"] {
      for container in spec?.at("template", "spec", list)?.arrayValue ?? [] {
        names.insert(container["name"]?.stringValue ?? "")
      }
    }
    let isPerIndex = spec?["backoffLimitPerIndex"] != nil
    for (index, rule) in rules.enumerated() {
      failureRule(rule, "\(field).rules[\(index)]", containers: names, isPerIndex: isPerIndex)
    }
    if let restart = spec?.at("template", "spec", "restartPolicy"), restart != "Never" {
      add(
        .invalid(
          "\(jobField).template.spec.restartPolicy", restart,
          "only \"Never\" is supported when podFailurePolicy is specified"))
    }
  }

  private mutating func failureRule(
    _ rule: JSONValue, _ field: String, containers: Set<String>, isPerIndex: Bool
  ) {
    let action = rule["action"]?.stringValue ?? ""
    if action.isEmpty {
      add(
        .required(
          "\(field).action", "valid values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\""))
    } else if action == "FailIndex", !isPerIndex {
      add(
        .invalid(
          "\(field).action", .string(action), "requires the backoffLimitPerIndex to be set"))
    } else {
      oneOf(rule["action"], "\(field).action", ["Count", "FailIndex", "FailJob", "Ignore"])
    }
    if let codes = rule["onExitCodes"] {
      exitCodes(codes, "\(field).onExitCodes", containers: containers)
    }
    let conditions = rule["onPodConditions"]?.arrayValue ?? []
    if conditions.count > 20 {
      add(.tooMany("\(field).onPodConditions", conditions.count, maximum: 20))
    }
    for (index, condition) in conditions.enumerated() {
      let place = "\(field).onPodConditions[\(index)]"
      let type = condition["type"]?.stringValue ?? ""
      add(NameRules.qualifiedName(type), "\(place).type", .string(type))
      if condition["status"] == nil {
        add(.required("\(place).status", "valid values: \"False\", \"True\", \"Unknown\""))
      } else {
        oneOf(condition["status"], "\(place).status", Self.conditionStates)
      }
    }
    if rule["onExitCodes"] != nil, !conditions.isEmpty {
      add(
        .invalid(
          field, rule, "specifying both OnExitCodes and OnPodConditions is not supported"))
    }
    if rule["onExitCodes"] == nil, conditions.isEmpty {
      add(
        FieldError(
          .invalid, field, "specifying one of OnExitCodes and OnPodConditions is required"))
    }
  }

  private mutating func exitCodes(
    _ codes: JSONValue, _ field: String, containers: Set<String>
  ) {
    let word = codes["operator"]?.stringValue ?? ""
    if word.isEmpty {
      add(.required("\(field).operator", "valid values: \"In\", \"NotIn\""))
    } else {
      oneOf(codes["operator"], "\(field).operator", ["In", "NotIn"])
    }
    if let name = codes["containerName"]?.stringValue, !containers.contains(name) {
      add(
        .invalid(
          "\(field).containerName", .string(name),
          "must be one of the container or initContainer names in the pod template"))
    }
    let values = codes["values"]?.arrayValue ?? []
    if values.isEmpty {
      add(.invalid("\(field).values", .array(values), "at least one value is required"))
    } else if values.count > 255 {
      add(.tooMany("\(field).values", values.count, maximum: 255))
    }
    var seen: Set<Int64> = []
    var isOrdered = true
    var last: Int64 = .min
    for (index, value) in values.enumerated() {
      let code = value.intValue ?? 0
      if word == "In", code == 0 {
        add(.invalid("\(field).values[\(index)]", value, "must not be 0 for the In operator"))
      }
      if !seen.insert(code).inserted { add(.duplicate("\(field).values[\(index)]", value)) }
      if code < last { isOrdered = false }
      last = code
    }
    if !isOrdered { add(.invalid("\(field).values", .array(values), "must be ordered")) }
  }

  mutating func successPolicy(_ spec: JSONValue?, _ jobField: String) {
    guard let policy = spec?["successPolicy"], spec?["completionMode"] == "Indexed" else { return }
    let field = "\(jobField).successPolicy"
    let rules = policy["rules"]?.arrayValue ?? []
    if rules.isEmpty {
      add(
        .required(
          "\(field).rules",
          "at least one rules must be specified when the successPolicy is specified"))
    }
    if rules.count > 20 { add(.tooMany("\(field).rules", rules.count, maximum: 20)) }
    let completions = spec?["completions"]?.intValue ?? 0
    for (index, rule) in rules.enumerated() {
      let place = "\(field).rules[\(index)]"
      let indexes = rule["succeededIndexes"]?.stringValue
      let count = rule["succeededCount"]?.intValue
      if indexes == nil, count == nil {
        add(
          .required(
            place, "at least one of succeededCount or succeededIndexes must be specified"))
      }
      var total: Int64?
      if let indexes {
        switch Self.countIndexes(indexes, completions: completions) {
        case .success(let number): total = number
        case .failure(let problem):
          add(
            .invalid(
              "\(place).succeededIndexes", .string(indexes),
              "error parsing succeededIndexes: \(problem.text)"))
        }
      }
      guard let count else { continue }
      notNegative(.int(count), "\(place).succeededCount")
      if count > completions {
        add(
          .invalid(
            "\(place).succeededCount", .int(count),
            "must be less than or equal to \(completions) (the number of specified completions)"))
      }
      if let total, count > total {
        add(
          .invalid(
            "\(place).succeededCount", .int(count),
            "must be less than or equal to \(total) (the number of indexes in the specified "
              + "succeededIndexes field)"))
      }
    }
  }

  private struct IndexProblem: Error { var text: String }

  /// How many indexes `1,3-5` names, which must rise and stay below `completions`.
  private static func countIndexes(_ text: String, completions: Int64)
    -> Result<Int64, IndexProblem>
  {
    guard !text.isEmpty else { return .success(0) }
    var total: Int64 = 0
    var last: Int64?
    for interval in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = interval.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2 else {
        return .failure(
          IndexProblem(
            text: "the fragment \(GoFormat.quoted(String(interval))) violates the requirement that "
              + "an index interval can have at most two parts separated by '-'"))
      }
      var first: Int64?
      for end in ends {
        guard let index = Int64(end) else {
          return .failure(
            IndexProblem(
              text: "cannot convert string to integer for index: "
                + GoFormat.quoted(String(end))))
        }
        if index >= completions {
          return .failure(
            IndexProblem(text: "too large index: \(GoFormat.quoted(String(end)))"))
        }
        if let last, last >= index {
          return .failure(
            IndexProblem(
              text: "non-increasing order, previous: \(last), current: \(index)"))
        }
        last = index
        total += first.map { index - $0 } ?? 1
        first = index
      }
    }
    return .success(total)
  }

  /// What a Job's status may become.
  mutating func jobStatus() {
    let status = object["status"]
    for key in ["active", "succeeded", "failed", "ready", "terminating"] {
      notNegative(status?[key], "status.\(key)")
    }
    let before = old?["status"]
    func has(_ type: String, in status: JSONValue?) -> Bool {
      (status?["conditions"]?.arrayValue ?? []).contains {
        $0["type"] == .string(type) && $0["status"] == "True"
      }
    }
    let isComplete = has("Complete", in: status)
    let isFailed = has("Failed", in: status)
    let isFinished = isComplete || isFailed
    let start = status?["startTime"]?.stringValue
    let completion = status?["completionTime"]?.stringValue
    if isFinished {
      if start == nil {
        add(.required("status.startTime", "startTime is required for finished job"))
      }
      if isComplete, completion == nil {
        add(
          .required("status.completionTime", "completionTime is required for Complete jobs"))
      }
      for key in ["active", "terminating"] where (status?[key]?.intValue ?? 0) > 0 {
        add(
          .invalid(
            "status.\(key)", status?[key], "\(key)>0 is invalid for finished job"))
      }
    }
    if !isComplete, let completion {
      add(
        .invalid(
          "status.completionTime", .string(completion),
          "cannot set completionTime when there is no Complete=True condition"))
    }
    if let completion, let start, completion < start {
      add(
        .invalid(
          "status.completionTime", .string(completion),
          "completionTime cannot be set before startTime"))
    }
    if isComplete, isFailed {
      add(
        FieldError(
          .invalid, "status.conditions", "cannot set both Failed=True and Complete=True conditions")
      )
    }
    if isComplete, !has("SuccessCriteriaMet", in: status) {
      add(
        FieldError(
          .invalid, "status.conditions",
          "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"))
    }
    for type in ["Complete", "Failed"] where has(type, in: before) && !has(type, in: status) {
      add(
        FieldError(
          .invalid, "status.conditions", "cannot disable the terminal \(type)=True condition"))
    }
    for type in ["FailureTarget", "SuccessCriteriaMet"]
    where has(type, in: before) && !has(type, in: status) {
      add(
        FieldError(.invalid, "status.conditions", "cannot disable the \(type)=True condition"))
    }
    if let given = before?["startTime"]?.stringValue, start != given,
      value("spec.suspend") != true
    {
      add(
        .invalid(
          "status.startTime", status?["startTime"] ?? .null,
          "field is immutable for unsuspended job once set"))
    }
  }
}
