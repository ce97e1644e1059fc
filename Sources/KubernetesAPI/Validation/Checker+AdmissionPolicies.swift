import JSONDocument

extension Validation.Checker {
  mutating func validatingAdmissionPolicy() {
    let spec = object["spec"]
    let environment = admissionPolicyHead(spec)
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

  /// What both kinds of policies begin with; gives what their other expressions may use.
  private mutating func admissionPolicyHead(_ spec: JSONValue?) -> CELEnvironment {
    oneOf(spec?["failurePolicy"], "spec.failurePolicy", ["Fail", "Ignore"])
    parameterKind(spec?["paramKind"])
    matchResources(spec?["matchConstraints"], "spec.matchConstraints", isRequired: true)
    let plain = CELEnvironment.admission(hasParameters: spec?["paramKind"] != nil)
    matchConditions(spec?["matchConditions"], "spec.matchConditions", plain)
    return variables(spec?["variables"], plain)
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
    var environment = admissionPolicyHead(spec)
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
