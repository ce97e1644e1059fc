import JSONDocument

/// Dynamic resource allocation.
extension Validation.Checker {
  private static let maximumSelectors = 32

  mutating func deviceClass() {
    deviceSelectors(value("spec.selectors"), "spec.selectors")
    let configurations = value("spec.config")?.arrayValue ?? []
    if configurations.count > 32 {
      add(.tooMany("spec.config", configurations.count, maximum: 32))
    }
    for (index, entry) in configurations.enumerated() {
      deviceConfiguration(entry, "spec.config[\(index)]")
    }
  }

  private mutating func deviceSelectors(_ value: JSONValue?, _ field: String) {
    let selectors = value?.arrayValue ?? []
    if selectors.count > Self.maximumSelectors {
      add(.tooMany(field, selectors.count, maximum: Self.maximumSelectors))
    }
    for (index, entry) in selectors.enumerated() {
      if let selector = entry["cel"] {
        deviceSelector(
          selector["expression"]?.stringValue ?? "", "\(field)[\(index)].cel.expression")
      } else {
        add(.required("\(field)[\(index)].cel"))
      }
    }
  }

  private mutating func deviceConfiguration(_ entry: JSONValue, _ field: String) {
    guard let opaque = entry["opaque"] else {
      add(.required("\(field).opaque"))
      return
    }
    driverName(opaque["driver"]?.stringValue ?? "", "\(field).opaque.driver")
    guard let parameters = opaque["parameters"] else {
      add(.required("\(field).opaque.parameters"))
      return
    }
    if parameters.objectValue == nil {
      add(
        .invalid("\(field).opaque.parameters", "<value omitted>", "must be a valid JSON object"))
    }
  }

  mutating func resourceClaim() { claimDevices(value("spec.devices"), "spec.devices") }

  mutating func resourceClaimTemplate() {
    labels(value("spec.metadata.labels"), "spec.metadata.labels")
    annotations(value("spec.metadata.annotations"), "spec.metadata.annotations")
    claimDevices(value("spec.spec.devices"), "spec.spec.devices")
  }

  mutating func resourceClaimUpdate(_ old: JSONValue) { immutable("spec", old["spec"]) }

  private mutating func claimDevices(_ devices: JSONValue?, _ field: String) {
    let requests = devices?["requests"]?.arrayValue ?? []
    if requests.count > 32 { add(.tooMany("\(field).requests", requests.count, maximum: 32)) }
    var names: Set<String> = []
    for (index, request) in requests.enumerated() {
      let place = "\(field).requests[\(index)]"
      let name = request["name"]?.stringValue ?? ""
      if required(.string(name), "\(place).name") {
        add(NameRules.dns1123Label(name), "\(place).name", .string(name))
      }
      if !name.isEmpty, !names.insert(name).inserted {
        add(.duplicate(place, .string(name)))
      }
      let alternatives = request["firstAvailable"]?.arrayValue ?? []
      let exactly = request["exactly"]
      if exactly != nil, !alternatives.isEmpty {
        add(
          .invalid(
            place, .string("{`exactly`, `firstAvailable`}"),
            "exactly one of `exactly`, `firstAvailable` is required"))
      } else if exactly == nil, alternatives.isEmpty {
        add(.required(place, "exactly one of `exactly`, `firstAvailable` is required"))
      }
      if let exactly { deviceRequest(exactly, "\(place).exactly") }
      if alternatives.count > 8 {
        add(.tooMany("\(place).firstAvailable", alternatives.count, maximum: 8))
      }
      var subrequests: Set<String> = []
      for (position, alternative) in alternatives.enumerated() {
        let inner = "\(place).firstAvailable[\(position)]"
        let text = alternative["name"]?.stringValue ?? ""
        add(NameRules.dns1123Label(text), "\(inner).name", .string(text))
        if !subrequests.insert(text).inserted { add(.duplicate(inner, .string(text))) }
        names.insert("\(name)/\(text)")
        deviceRequest(alternative, inner)
      }
    }
    let constraints = devices?["constraints"]?.arrayValue ?? []
    if constraints.count > 32 {
      add(.tooMany("\(field).constraints", constraints.count, maximum: 32))
    }
    for (index, constraint) in constraints.enumerated() {
      let place = "\(field).constraints[\(index)]"
      requestNames(constraint["requests"], "\(place).requests", names)
      if let attribute = constraint["matchAttribute"]?.stringValue {
        qualifiedAttribute(attribute, "\(place).matchAttribute")
      } else if constraint["distinctAttribute"] == nil {
        add(
          .required(
            place, "exactly one of matchAttribute or distinctAttribute is required"))
      }
    }
    let configurations = devices?["config"]?.arrayValue ?? []
    if configurations.count > 32 {
      add(.tooMany("\(field).config", configurations.count, maximum: 32))
    }
    for (index, entry) in configurations.enumerated() {
      requestNames(entry["requests"], "\(field).config[\(index)].requests", names)
      deviceConfiguration(entry, "\(field).config[\(index)]")
    }
  }

  private mutating func requestNames(
    _ value: JSONValue?, _ field: String, _ names: Set<String>
  ) {
    var seen: Set<String> = []
    for (index, name) in (value?.arrayValue ?? []).enumerated() {
      let text = name.stringValue ?? ""
      if !seen.insert(text).inserted { add(.duplicate("\(field)[\(index)]", name)) }
      if !names.contains(text) {
        add(
          .invalid(
            "\(field)[\(index)]", name,
            "must be the name of a request in the claim or the name of a request and a subrequest "
              + "separated by '/'"))
      }
    }
  }

  private mutating func qualifiedAttribute(_ name: String, _ field: String) {
    guard required(.string(name), field) else { return }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      if parts.count < 2 {
        add(
          .invalid(
            field, .string(name),
            "a fully qualified name must be a domain and a name separated by a slash"))
      } else {
        add(.invalid(field, .string(name), "too many slashes"))
      }
      return
    }
    domainAndName(parts, field)
  }

  private mutating func domainAndName(_ parts: [String], _ field: String) {
    if parts.count == 2 {
      if parts[0].isEmpty {
        add(.invalid(field, "", "the domain must not be empty"))
      } else {
        driverName(parts[0], field)
      }
    }
    let name = parts.last ?? ""
    if name.isEmpty {
      add(.invalid(field, "", "the name must not be empty"))
    } else {
      if name.utf8.count > 32 { add(FieldError(.tooLong, field, "may not be more than 32 bytes")) }
      if !NameRules.isIdentifier(name) {
        add(
          .invalid(
            field, .string(name),
            "a valid C identifier must start with alphabetic character or '_', followed by a string "
              + "of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', "
              + "regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"))
      }
    }
  }

  private mutating func deviceRequest(_ request: JSONValue, _ field: String) {
    let name = request["deviceClassName"]?.stringValue ?? ""
    if required(.string(name), "\(field).deviceClassName") {
      add(NameRules.dns1123Subdomain(name), "\(field).deviceClassName", .string(name))
    }
    deviceSelectors(request["selectors"], "\(field).selectors")
    let count = request["count"]?.intValue ?? 0
    switch request["allocationMode"]?.stringValue {
    case "All":
      if count != 0 {
        add(
          .invalid(
            "\(field).count", .int(count),
            "must not be specified when allocationMode is 'All'"))
      }
    case "ExactCount":
      if count <= 0 {
        add(.invalid("\(field).count", .int(count), "must be greater than zero"))
      }
    default:
      oneOf(request["allocationMode"], "\(field).allocationMode", ["All", "ExactCount"])
    }
    for (index, toleration) in (request["tolerations"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).tolerations[\(index)]"
      let key = toleration["key"]?.stringValue ?? ""
      if key.isEmpty {
        if toleration["operator"] != "Exists" {
          add(.required("\(place).key", "must be `Exists` when `key` is empty"))
        }
      } else {
        add(NameRules.labelKey(key), "\(place).key", .string(key))
      }
      oneOf(toleration["operator"], "\(place).operator", ["Equal", "Exists"])
      oneOf(toleration["effect"], "\(place).effect", ["NoExecute", "NoSchedule", "None"])
    }
  }

  mutating func resourceSlice() {
    let spec = object["spec"]
    driverName(spec?["driver"]?.stringValue ?? "", "spec.driver")
    let pool = spec?["pool"]
    let name = pool?["name"]?.stringValue ?? ""
    if required(.string(name), "spec.pool.name") {
      if name.utf8.count > 253 {
        add(FieldError(.tooLong, "spec.pool.name", "may not be more than 253 bytes"))
      }
      for part in name.split(separator: "/", omittingEmptySubsequences: false) {
        add(NameRules.dns1123Subdomain(String(part)), "spec.pool.name", .string(String(part)))
      }
    }
    let slices = pool?["resourceSliceCount"]?.intValue ?? 0
    if slices <= 0 {
      add(
        .invalid("spec.pool.resourceSliceCount", .int(slices), "must be greater than zero"))
    }
    if let generation = pool?["generation"]?.intValue, generation < 0 {
      add(
        .invalid(
          "spec.pool.generation", .int(generation), "must be greater than or equal to zero"))
    }
    let choices = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"]
    let given = choices.filter { key in
      spec?[key] != nil && spec?[key] != false && spec?[key] != ""
    }
    let detail =
      "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
    if given.isEmpty {
      add(.required("spec", detail))
    } else if given.count > 1 {
      let list = given.map { "`\($0)`" }.joined(separator: ", ")
      add(.invalid("spec", .string("{\(list)}"), "\(detail), but multiple fields are set"))
    }
    if let node = spec?["nodeName"]?.stringValue {
      add(NameRules.dns1123Subdomain(node), "spec.nodeName", .string(node))
    }
    let devices = spec?["devices"]?.arrayValue ?? []
    if devices.count > 128 { add(.tooMany("spec.devices", devices.count, maximum: 128)) }
    var names: Set<String> = []
    for (index, device) in devices.enumerated() {
      let field = "spec.devices[\(index)]"
      let name = device["name"]?.stringValue ?? ""
      add(NameRules.dns1123Label(name), "\(field).name", .string(name))
      if !names.insert(name).inserted { add(.duplicate(field, .string(name))) }
      for (key, attribute) in device["attributes"]?.objectValue ?? [:] {
        let place = "\(field).attributes[\(key)]"
        domainAndName(
          key.split(separator: "/", omittingEmptySubsequences: false).map(String.init), place)
        let members = ["int", "bool", "string", "version"].filter { attribute[$0] != nil }
        if members.count != 1 {
          add(.invalid(place, "", "exactly one value must be specified"))
        }
      }
      for key in (device["capacity"]?.objectValue ?? [:]).keys {
        domainAndName(
          key.split(separator: "/", omittingEmptySubsequences: false).map(String.init),
          "\(field).capacity[\(key)]")
      }
    }
  }

  mutating func resourceSliceUpdate(_ old: JSONValue) {
    for key in ["driver", "nodeName"] { immutable("spec.\(key)", old.at("spec", key)) }
    immutable("spec.pool.name", old.at("spec", "pool", "name"))
  }
}
