import JSONDocument

/// Webhooks, and what admission policies have in common with them.
extension Validation.Checker {
  private static let operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]

  mutating func webhookConfiguration() {
    let isMutating = resource.kind == "MutatingWebhookConfiguration"
    var names: Set<String> = []
    for (index, hook) in (object["webhooks"]?.arrayValue ?? []).enumerated() {
      let field = "webhooks[\(index)]"
      let name = hook["name"]?.stringValue ?? ""
      fullyQualified(name, "\(field).name")
      if !names.insert(name).inserted { add(.duplicate("\(field).name", .string(name))) }
      for (position, rule) in (hook["rules"]?.arrayValue ?? []).enumerated() {
        ruleWithOperations(rule, "\(field).rules[\(position)]")
      }
      let versions = hook["admissionReviewVersions"]?.arrayValue ?? []
      if versions.isEmpty {
        add(
          .required(
            "\(field).admissionReviewVersions",
            "must specify one of v1, v1beta1"))
      } else {
        var seen: Set<String> = []
        for (position, version) in versions.enumerated() {
          let text = version.stringValue ?? ""
          let place = "\(field).admissionReviewVersions[\(position)]"
          if !seen.insert(text).inserted {
            add(.invalid(place, version, "duplicate version"))
          }
          add(NameRules.dns1035Label(text), place, version)
        }
        if seen.isDisjoint(with: ["v1", "v1beta1"]) {
          add(
            .invalid(
              "\(field).admissionReviewVersions", .array(versions),
              "must include at least one of v1, v1beta1"))
        }
      }
      oneOf(hook["failurePolicy"], "\(field).failurePolicy", ["Fail", "Ignore"])
      oneOf(hook["matchPolicy"], "\(field).matchPolicy", ["Equivalent", "Exact"])
      if required(
        hook["sideEffects"], "\(field).sideEffects", "must specify one of None, NoneOnDryRun")
      {
        oneOf(hook["sideEffects"], "\(field).sideEffects", ["None", "NoneOnDryRun"])
      }
      if let timeout = hook["timeoutSeconds"]?.intValue, !(1...30).contains(timeout) {
        add(
          .invalid(
            "\(field).timeoutSeconds", .int(timeout),
            "the timeout value must be between 1 and 30 seconds"))
      }
      for key in ["namespaceSelector", "objectSelector"] { selector(hook[key], "\(field).\(key)") }
      clientConfiguration(hook["clientConfig"], "\(field).clientConfig")
      matchConditions(
        hook["matchConditions"], "\(field).matchConditions", .admission(hasParameters: false))
      if isMutating {
        oneOf(hook["reinvocationPolicy"], "\(field).reinvocationPolicy", ["IfNeeded", "Never"])
      }
    }
  }

  /// A name of at least three labels.
  private mutating func fullyQualified(_ name: String, _ field: String) {
    guard required(.string(name), field) else { return }
    let problems = NameRules.dns1123Subdomain(name)
    add(problems, field, .string(name))
    if problems.isEmpty, name.split(separator: ".").count < 3 {
      add(
        .invalid(
          field, .string(name),
          "should be a domain with at least three segments separated by dots"))
    }
  }

  mutating func ruleWithOperations(_ rule: JSONValue, _ field: String) {
    for (key, what) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
      let values = rule[key]?.arrayValue ?? []
      if values.isEmpty { add(.required("\(field).\(key)")) }
      if values.count > 1, values.contains("*") {
        add(
          .invalid(
            "\(field).\(key)", .array(values),
            "if '*' is present, must not specify other \(what)"))
      }
      for (index, value) in values.enumerated() where key == "apiVersions" && value == "" {
        add(.required("\(field).\(key)[\(index)]"))
      }
    }
    let resources = rule["resources"]?.arrayValue ?? []
    if resources.isEmpty { add(.required("\(field).resources")) }
    let texts = resources.compactMap(\.stringValue)
    if texts.count > 1, texts.contains("*/*") {
      add(
        .invalid(
          "\(field).resources", .array(resources),
          "if '*/*' is present, must not specify other resources"))
    } else if texts.contains("*"), texts.contains(where: { $0 != "*" && !$0.contains("/") }) {
      add(
        .invalid(
          "\(field).resources", .array(resources),
          "if '*' is present, must not specify other resources without subresources"))
    }
    for (index, resource) in resources.enumerated() where resource == "" {
      add(.required("\(field).resources[\(index)]"))
    }
    let operations = rule["operations"]?.arrayValue ?? []
    if operations.isEmpty { add(.required("\(field).operations")) }
    if operations.count > 1, operations.contains("*") {
      add(
        .invalid(
          "\(field).operations", .array(operations),
          "if '*' is present, must not specify other operations"))
    }
    for (index, operation) in operations.enumerated() {
      oneOf(operation, "\(field).operations[\(index)]", Self.operations)
    }
    oneOf(rule["scope"], "\(field).scope", ["*", "Cluster", "Namespaced"])
  }

  private mutating func clientConfiguration(_ client: JSONValue?, _ field: String) {
    let address = client?["url"]?.stringValue
    let service = client?["service"]
    guard (address == nil) != (service == nil) else {
      add(.required(field, "exactly one of url or service is required"))
      return
    }
    if let address {
      let place = "\(field).url"
      let form = "desired format: https://host[/path]"
      if !address.hasPrefix("https://") {
        let scheme = address.split(separator: ":").first.map(String.init) ?? ""
        let shown = address.contains("://") ? scheme : ""
        add(
          .invalid(
            place, .string(shown),
            "'https' is the only allowed URL scheme; \(form)"))
      }
      let rest = address.drop { $0 != "/" }.dropFirst(2)
      let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
      if address.contains("://"), host.isEmpty {
        add(.invalid(place, "", "host must be specified; \(form)"))
      }
      if host.contains("@") {
        add(
          .invalid(
            place, .string(String(host.prefix { $0 != "@" })),
            "user information is not permitted in the URL"))
      }
      if let mark = rest.firstIndex(of: "#") {
        add(
          .invalid(
            place, .string(String(rest[rest.index(after: mark)...])),
            "fragments are not permitted in the URL"))
      }
      if let mark = rest.firstIndex(of: "?") {
        let query = rest[rest.index(after: mark)...].prefix { $0 != "#" }
        add(
          .invalid(
            place, .string(String(query)),
            "query parameters are not permitted in the URL"))
      }
    }
    guard let service else { return }
    for key in ["name", "namespace"] {
      required(service[key], "\(field).service.\(key)", "service \(key) is required")
    }
    if let port = service["port"]?.intValue, !(1...65535).contains(port) {
      add(
        .invalid(
          "\(field).service.port", .int(port),
          "port is not valid: must be between 1 and 65535, inclusive"))
    }
    guard let path = service["path"]?.stringValue, !path.isEmpty, path != "/" else { return }
    if !path.hasPrefix("/") {
      add(
        .invalid(
          "\(field).service.path", .string(path), "must start with a '/'"))
      return
    }
    for (index, step) in path.dropFirst().split(
      separator: "/", omittingEmptySubsequences: false
    ).enumerated() {
      if step.isEmpty {
        // A slash at the end is fine.
        if index > 0, path.hasSuffix("/"), !path.hasSuffix("//") { continue }
        add(
          .invalid(
            "\(field).service.path", .string(path), "segment[\(index)] may not be empty"))
        break
      }
      for problem in NameRules.dns1123Subdomain(String(step)) {
        add(
          .invalid(
            "\(field).service.path", .string(path), "segment[\(index)]: \(problem)"))
      }
    }
  }

  mutating func matchConditions(
    _ value: JSONValue?, _ field: String, _ environment: CELEnvironment
  ) {
    let conditions = value?.arrayValue ?? []
    if conditions.count > 64 { add(.tooMany(field, conditions.count, maximum: 64)) }
    var names: Set<String> = []
    for (index, condition) in conditions.enumerated() {
      let place = "\(field)[\(index)]"
      let source = (condition["expression"]?.stringValue ?? "").trimmingSpaces
      if required(.string(source), "\(place).expression") {
        expression(source, "\(place).expression", environment, returning: [.bool])
      }
      let name = condition["name"]?.stringValue ?? ""
      if required(.string(name), "\(place).name") {
        add(NameRules.qualifiedName(name), "\(place).name", .string(name))
        if !names.insert(name).inserted { add(.duplicate("\(place).name", .string(name))) }
      }
    }
  }
}

extension String {
  /// Without white space at either end.
  var trimmingSpaces: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
