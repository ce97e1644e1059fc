import JSONDocument

extension Validation.Checker {
  private static let jobPolicies: [JSONValue] = ["OnFailure", "Never"]

  mutating func job() {
    indexedPodNames()
    if value("spec.selector") == nil {
      add(.required("spec.selector"))
      add(
        .invalid(
          "spec.template.metadata.labels", value("spec.template.metadata.labels") ?? .null,
          "`selector` does not match template `labels`"))
    } else {
      selector(value("spec.selector"), "spec.selector")
      generatedSelector()
      let labels = value("spec.template.metadata.labels")
      if !LabelSelector(object: value("spec.selector")).matches(labels?.objectValue) {
        add(
          .invalid(
            "spec.template.metadata.labels", labels ?? .null,
            "`selector` does not match template `labels`"))
      }
    }
    jobSpec("spec", object["spec"])
  }

  /// A Job that does not bring its own selector has the generated one, and its pods the labels.
  private mutating func generatedSelector() {
    guard value("spec.manualSelector") != true else { return }
    let uid = value("metadata.uid")?.stringValue ?? ""
    guard required(.string(uid), "metadata.uid") else { return }
    let labels = value("spec.template.metadata.labels")
    let name = value("metadata.name")?.stringValue ?? ""
    for (key, text) in [
      ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name),
      ("controller-uid", uid), ("job-name", name),
    ] {
      let field = "spec.template.metadata.labels"
      if let label = labels?[key]?.stringValue {
        if label != text { add(.invalid("\(field)[\(key)]", .string(label), "must be '\(text)'")) }
      } else {
        add(.required("\(field)[\(key)]", "must be '\(text)'"))
      }
    }
    let expected: JSONValue = [
      "matchLabels": ["batch.kubernetes.io/controller-uid": .string(uid)]
    ]
    // Jobs of older servers are found by the label without a prefix.
    let legacy: JSONValue = ["matchLabels": ["controller-uid": .string(uid)]]
    if let selector = value("spec.selector"), selector != expected, selector != legacy {
      add(.invalid("spec.selector", selector, "`selector` not auto-generated"))
    }
  }

  mutating func cronJob() {
    if required(value("spec.schedule"), "spec.schedule") {
      let schedule = value("spec.schedule")?.stringValue ?? ""
      let fields = schedule.split(separator: " ").count
      if schedule.contains("TZ") {
        if isCreate {
          add(
            .invalid(
              "spec.schedule", .string(schedule),
              "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
        }
      } else if !schedule.hasPrefix("@"), fields != 5 {
        add(
          .invalid(
            "spec.schedule", .string(schedule),
            "expected exactly 5 fields, found \(fields): "
              + "[\(schedule)]"))
      } else if let problem = CronSchedule.problem(schedule) {
        add(.invalid("spec.schedule", .string(schedule), problem))
      }
    }
    timeZone(value("spec.timeZone"))
    oneOf(
      value("spec.concurrencyPolicy"), "spec.concurrencyPolicy", ["Allow", "Forbid", "Replace"])
    for key in [
      "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
    ] {
      notNegative(value("spec.\(key)"), "spec.\(key)")
    }
    let template = value("spec.jobTemplate.spec")
    jobSpec("spec.jobTemplate.spec", template)
    if let selector = template?["selector"] {
      add(
        .invalid(
          "spec.jobTemplate.spec.selector", selector, "`selector` will be auto-generated"))
    }
    if template?["manualSelector"] == true {
      add(
        .notSupported(
          "spec.jobTemplate.spec.manualSelector", true, ["nil", "false"]))
    }
  }

  /// A name of the time zone database; "Local" and "utc" in other spellings are none.
  private mutating func timeZone(_ value: JSONValue?) {
    guard let name = value?.stringValue else { return }
    let field = "spec.timeZone"
    if name.isEmpty {
      add(.invalid(field, value, "timeZone must be nil or non-empty string"))
    } else if name.lowercased() == "local" {
      add(
        .invalid(
          field, value,
          "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
    } else if !TimeZoneNames.contains(name) {
      add(.invalid(field, value, "unknown time zone \(name)"))
    }
  }

  private mutating func jobSpec(_ field: String, _ spec: JSONValue?) {
    podFailurePolicy(spec, field)
    successPolicy(spec, field)
    if let manager = spec?["managedBy"]?.stringValue {
      for (part, problem) in NameRules.domainPrefixedPath(manager) {
        add(.invalid("\(field).managedBy", .string(part), problem))
      }
      if manager.utf8.count > 63 {
        add(FieldError(.tooLong, "\(field).managedBy", "may not be more than 63 bytes"))
      }
    }
    for key in [
      "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
      "backoffLimitPerIndex", "maxFailedIndexes", "ttlSecondsAfterFinished",
    ] {
      notNegative(spec?[key], "\(field).\(key)")
    }
    oneOf(spec?["completionMode"], "\(field).completionMode", ["NonIndexed", "Indexed"])
    if spec?["completionMode"] == "Indexed" {
      if spec?["completions"] == nil {
        add(
          .required(
            "\(field).completions", "when completion mode is Indexed"))
      }
      if let parallelism = spec?["parallelism"]?.intValue, parallelism > 100_000 {
        add(
          .invalid(
            "\(field).parallelism", .int(parallelism),
            "must be less than or equal to 100000 when completion mode is Indexed"))
      }
    } else {
      for key in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
        if let value = spec?[key] {
          add(.invalid("\(field).\(key)", value, "requires indexed completion mode"))
        }
      }
    }
    if spec?["maxFailedIndexes"] != nil, spec?["backoffLimitPerIndex"] == nil {
      add(.required("\(field).backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    }
    let replacements =
      spec?["podFailurePolicy"] == nil ? ["Failed", "TerminatingOrFailed"] : ["Failed"]
    oneOf(spec?["podReplacementPolicy"], "\(field).podReplacementPolicy", replacements)
    podTemplate(at: "\(field).template", spec?["template"])
    let policy = spec?.at("template", "spec", "restartPolicy")
    if policy == "Always" {
      // Which is the default, so that nothing was given.
      add(
        .required(
          "\(field).template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\""))
    } else if let policy, !Self.jobPolicies.contains(policy) {
      add(
        .notSupported(
          "\(field).template.spec.restartPolicy", policy, ["OnFailure", "Never"]))
    }
  }

  mutating func jobUpdate(_ old: JSONValue) {
    immutable("spec.selector", old.at("spec", "selector"))
    immutable("spec.completionMode", old.at("spec", "completionMode"))
    immutable("spec.podFailurePolicy", old.at("spec", "podFailurePolicy"))
    immutable("spec.backoffLimitPerIndex", old.at("spec", "backoffLimitPerIndex"))
    immutable("spec.managedBy", old.at("spec", "managedBy"))
    immutable("spec.successPolicy", old.at("spec", "successPolicy"))
    if value("spec.completionMode") == "Indexed" {
      let completions = value("spec.completions")
      if completions != old.at("spec", "completions"),
        completions != value("spec.parallelism")
      {
        add(
          .invalid(
            "spec.completions", completions, "can only be modified in tandem with spec.parallelism")
        )
      }
    } else {
      immutable("spec.completions", old.at("spec", "completions"))
    }
    // A suspended job that never ran may still be told where its pods go.
    guard old.at("spec", "suspend") != true || old.at("status", "startTime") != nil else {
      let now = Self.fixedPart(value("spec.template.spec"))
      if now != Self.fixedPart(old.at("spec", "template", "spec")) {
        add(.invalid("spec.template.spec", value("spec.template.spec"), "field is immutable"))
      }
      return
    }
    immutable("spec.template", old.at("spec", "template"))
  }

  /// A pod's specification without what says where its pods go.
  private static func fixedPart(_ spec: JSONValue?) -> JSONValue {
    var spec = spec ?? .null
    for key in ["nodeSelector", "tolerations", "affinity", "schedulingGates"] { spec[key] = nil }
    for list in ["containers", "initContainers"] {
      guard case .array(var containers)? = spec[list] else { continue }
      for index in containers.indices { containers[index]["resources"] = nil }
      spec[list] = .array(containers)
    }
    return spec
  }
}
