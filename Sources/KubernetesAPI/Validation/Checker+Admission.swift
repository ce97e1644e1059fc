import JSONDocument

/// Webhooks and admission policies.
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

  private mutating func ruleWithOperations(_ rule: JSONValue, _ field: String) {
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

  private mutating func matchConditions(
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

  mutating func validatingAdmissionPolicy() {
    let spec = object["spec"]
    oneOf(spec?["failurePolicy"], "spec.failurePolicy", ["Fail", "Ignore"])
    parameterKind(spec?["paramKind"])
    matchResources(spec?["matchConstraints"], "spec.matchConstraints", isRequired: true)
    let plain = CELEnvironment.admission(hasParameters: spec?["paramKind"] != nil)
    matchConditions(spec?["matchConditions"], "spec.matchConditions", plain)
    let environment = variables(spec?["variables"], plain)
    let validations = spec?["validations"]?.arrayValue ?? []
    let annotations = spec?["auditAnnotations"]?.arrayValue ?? []
    if validations.isEmpty, annotations.isEmpty {
      for key in ["validations", "auditAnnotations"] {
        add(
          .required(
            "spec.\(key)",
            "validations or auditAnnotations must contain at least one item"))
      }
    }
    for (index, validation) in validations.enumerated() {
      validationRule(validation, "spec.validations[\(index)]", environment)
    }
    if annotations.count > 20 {
      add(.tooMany("spec.auditAnnotations", annotations.count, maximum: 20))
    }
    var keys: Set<String> = []
    let policy = value("metadata.name")?.stringValue ?? ""
    for (index, annotation) in annotations.enumerated() {
      let field = "spec.auditAnnotations[\(index)]"
      let key = annotation["key"]?.stringValue ?? ""
      let whole = "\(policy)/\(key)"
      add(NameRules.qualifiedName(whole), "\(field).key", .string(whole))
      let source = annotation["valueExpression"]?.stringValue ?? ""
      if required(
        .string(source.trimmingSpaces), "\(field).valueExpression",
        "valueExpression is not specified")
      {
        expression(
          source, "\(field).valueExpression", environment, returning: [.string, .null])
      }
      if !keys.insert(key).inserted { add(.duplicate("\(field).key", .string(key))) }
    }
  }

  private static let reasons = [
    "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized",
  ]

  private mutating func validationRule(
    _ validation: JSONValue, _ field: String, _ environment: CELEnvironment
  ) {
    specified(validation, "expression", field, environment, returning: .bool)
    if let source = validation["messageExpression"]?.stringValue, !source.isEmpty {
      let place = "\(field).messageExpression"
      if source.trimmingSpaces.isEmpty {
        add(.invalid(place, .string(source), "must be non-empty if specified"))
      } else {
        // Messages may say nothing of what the user is allowed.
        var environment = environment
        environment.variables["authorizer"] = nil
        expression(source, place, environment, returning: [.string])
      }
    }
    let message = validation["message"]?.stringValue ?? ""
    if !message.isEmpty, message.trimmingSpaces.isEmpty {
      add(.invalid("\(field).message", .string(message), "must be non-empty if specified"))
    } else if message.trimmingSpaces.utf8.contains(UInt8(ascii: "\n")) {
      add(.invalid("\(field).message", .string(message), "must not contain line breaks"))
    }
    oneOf(validation["reason"], "\(field).reason", Self.reasons)
  }

  /// An expression that has to be there.
  private mutating func specified(
    _ owner: JSONValue?, _ key: String, _ field: String, _ environment: CELEnvironment,
    returning type: CELType
  ) {
    let source = owner?[key]?.stringValue ?? ""
    if required(
      .string(source.trimmingSpaces), "\(field).\(key)", "expression is not specified")
    {
      expression(source, "\(field).\(key)", environment, returning: [type])
    }
  }

  /// What expressions after these variables may use.
  private mutating func variables(_ value: JSONValue?, _ plain: CELEnvironment)
    -> CELEnvironment
  {
    var environment = plain
    var types: [String: CELType] = [:]
    environment.define(types)
    for (index, variable) in (value?.arrayValue ?? []).enumerated() {
      let field = "spec.variables[\(index)]"
      let name = variable["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(field).name", "name is not specified"))
      } else if !NameRules.isIdentifier(name) {
        add(.invalid("\(field).name", .string(name), "must be a valid CEL identifier"))
      }
      let source = variable["expression"]?.stringValue ?? ""
      if required(
        .string(source.trimmingSpaces), "\(field).expression", "expression is not specified")
      {
        // One that is wrong is no reason to complain of those that use it.
        types[name] = expression(source, "\(field).expression", environment) ?? .dyn
        environment.define(types)
      }
    }
    return environment
  }

  private mutating func parameterKind(_ kind: JSONValue?) {
    guard let kind else { return }
    let version = kind["apiVersion"]?.stringValue ?? ""
    if version.isEmpty {
      add(.required("spec.paramKind.apiVersion"))
    } else {
      let parts = version.split(separator: "/", omittingEmptySubsequences: false)
      if parts.count > 2 {
        add(
          .invalid(
            "spec.paramKind.apiVersion", .string(version),
            "unexpected GroupVersion string: \(version)"))
      } else {
        if parts.count == 2 {
          add(
            NameRules.dns1123Subdomain(String(parts[0])), "spec.paramKind.apiVersion",
            .string(String(parts[0])))
        }
        add(
          NameRules.dns1035Label(String(parts[parts.count - 1])), "spec.paramKind.apiVersion",
          .string(String(parts[parts.count - 1])))
      }
    }
    let name = kind["kind"]?.stringValue ?? ""
    if required(.string(name), "spec.paramKind.kind") {
      add(NameRules.dns1035Label(name.lowercased()), "spec.paramKind.kind", .string(name))
    }
  }

  private mutating func matchResources(
    _ match: JSONValue?, _ field: String, isRequired: Bool
  ) {
    guard let match else {
      if isRequired { add(.required(field)) }
      return
    }
    oneOf(match["matchPolicy"], "\(field).matchPolicy", ["Equivalent", "Exact"])
    for key in ["namespaceSelector", "objectSelector"] { selector(match[key], "\(field).\(key)") }
    if isRequired, (match["resourceRules"]?.arrayValue ?? []).isEmpty {
      add(.required("\(field).resourceRules"))
    }
    for list in ["resourceRules", "excludeResourceRules"] {
      for (index, rule) in (match[list]?.arrayValue ?? []).enumerated() {
        let place = "\(field).\(list)[\(index)]"
        ruleWithOperations(rule, place)
        var names: Set<String> = []
        for (position, name) in (rule["resourceNames"]?.arrayValue ?? []).enumerated() {
          let text = name.stringValue ?? ""
          add(NameRules.pathSegment(text), "\(place).resourceNames[\(position)]", name)
          if !names.insert(text).inserted {
            add(.duplicate("\(place).resourceNames[\(position)]", name))
          }
        }
      }
    }
  }

  mutating func admissionPolicyBinding() {
    let spec = object["spec"]
    let policy = spec?["policyName"]?.stringValue ?? ""
    if required(.string(policy), "spec.policyName") {
      add(NameRules.dns1123Subdomain(policy), "spec.policyName", .string(policy))
    }
    if let reference = spec?["paramRef"] {
      let name = reference["name"]?.stringValue ?? ""
      let hasSelector = reference["selector"] != nil
      if name.isEmpty, !hasSelector {
        add(.required("spec.paramRef", "one of name or selector must be specified"))
      } else if !name.isEmpty, hasSelector {
        add(
          .forbidden(
            "spec.paramRef.name", "name and selector are mutually exclusive"))
      }
      if !name.isEmpty {
        add(NameRules.pathSegment(name), "spec.paramRef.name", .string(name))
      }
      selector(reference["selector"], "spec.paramRef.selector")
      if required(
        reference["parameterNotFoundAction"], "spec.paramRef.parameterNotFoundAction")
      {
        oneOf(
          reference["parameterNotFoundAction"], "spec.paramRef.parameterNotFoundAction",
          ["Allow", "Deny"])
      }
    }
    matchResources(spec?["matchResources"], "spec.matchResources", isRequired: false)
    guard resource.kind == "ValidatingAdmissionPolicyBinding" else { return }
    let actions = spec?["validationActions"]?.arrayValue ?? []
    if actions.isEmpty { add(.required("spec.validationActions")) }
    var seen: Set<String> = []
    for (index, action) in actions.enumerated() {
      let place = "spec.validationActions[\(index)]"
      oneOf(action, place, ["Audit", "Deny", "Warn"])
      if !seen.insert(action.stringValue ?? "").inserted { add(.duplicate(place, action)) }
    }
    if seen.isSuperset(of: ["Deny", "Warn"]) {
      add(
        .invalid(
          "spec.validationActions", .array(actions),
          "must not contain both Deny and Warn (repeating the same validation failure information "
            + "in the API response and headers serves no purpose)"))
    }
  }

  mutating func mutatingAdmissionPolicy() {
    let spec = object["spec"]
    oneOf(spec?["failurePolicy"], "spec.failurePolicy", ["Fail", "Ignore"])
    parameterKind(spec?["paramKind"])
    matchResources(spec?["matchConstraints"], "spec.matchConstraints", isRequired: true)
    let plain = CELEnvironment.admission(hasParameters: spec?["paramKind"] != nil)
    matchConditions(spec?["matchConditions"], "spec.matchConditions", plain)
    var environment = variables(spec?["variables"], plain)
    environment.hasPatchTypes = true
    let mutations = spec?["mutations"]?.arrayValue ?? []
    if mutations.isEmpty {
      add(.required("spec.mutations", "mutations must contain at least one item"))
    }
    let members = ["ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"]
    let results = [
      "applyConfiguration": CELPatchTypes.object, "jsonPatch": .list(CELPatchTypes.patch),
    ]
    for (index, mutation) in mutations.enumerated() {
      let field = "spec.mutations[\(index)]"
      let type = mutation["patchType"]?.stringValue ?? ""
      guard let member = members[type] else {
        if type.isEmpty {
          add(.required("\(field).patchType"))
        } else {
          add(.notSupported("\(field).patchType", .string(type), Array(members.keys)))
        }
        continue
      }
      if let given = mutation[member] {
        specified(
          given, "expression", "\(field).\(member)", environment,
          returning: results[member] ?? .dyn)
      } else {
        add(.required("\(field).\(member)", "must be specified when patchType is \(type)"))
      }
      for other in members.values where other != member && mutation[other] != nil {
        add(
          .invalid(
            "\(field).\(other)", .string("{\(other)}"),
            "must not be specified when patchType is \(type)"))
      }
    }
    let policy = spec?["reinvocationPolicy"]?.stringValue ?? ""
    if required(.string(policy), "spec.reinvocationPolicy") {
      oneOf(.string(policy), "spec.reinvocationPolicy", ["Never", "IfNeeded"])
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
