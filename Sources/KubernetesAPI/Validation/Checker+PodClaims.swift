import JSONDocument

/// How containers are given more while they run, and the claims of devices that they use.
extension Validation.Checker {
  mutating func resizePolicy(_ value: JSONValue?, _ field: String, spec: JSONValue) {
    var seen: Set<String> = []
    for (index, policy) in (value?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let name = policy["resourceName"]?.stringValue ?? ""
      if !seen.insert(name).inserted { add(.duplicate(place, .string(name))) }
      if required(.string(name), "\(place).resourceName") {
        oneOf(.string(name), "\(place).resourceName", ["cpu", "memory"])
      }
      let restart = policy["restartPolicy"]?.stringValue ?? ""
      if required(.string(restart), "\(place).restartPolicy") {
        oneOf(
          .string(restart), "\(place).restartPolicy", ["NotRequired", "RestartContainer"])
      }
      if spec["restartPolicy"] == "Never", restart == "RestartContainer" {
        add(
          .invalid(
            "\(place).restartPolicy", .string(restart),
            "must be 'NotRequired' when `restartPolicy` is 'Never'"))
      }
    }
  }

  /// The devices that a pod claims.
  mutating func podClaims(_ value: JSONValue?, _ field: String) {
    var names: Set<String> = []
    for (index, claim) in (value?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let name = claim["name"]?.stringValue ?? ""
      if required(.string(name), "\(place).name") {
        if names.insert(name).inserted {
          add(NameRules.dns1123Label(name), "\(place).name", .string(name))
        } else {
          add(.duplicate("\(place).name", .string(name)))
        }
      }
      let sources = ["resourceClaimName", "resourceClaimTemplateName"]
      let given = sources.filter { claim[$0] != nil }
      if given.count > 1 {
        add(
          .invalid(
            place, claim,
            "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
      } else if given.isEmpty {
        add(
          .invalid(
            place, claim,
            "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
      }
      for key in given {
        let text = claim[key]?.stringValue ?? ""
        add(NameRules.dns1123Subdomain(text), "\(place).\(key)", .string(text))
      }
    }
  }

  /// Containers use what their pod claims.
  mutating func claims(of resources: JSONValue?, _ field: String, spec: JSONValue) {
    let known = Set(
      (spec["resourceClaims"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue })
    var seen: Set<String> = []
    for (index, claim) in (resources?["claims"]?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let name = claim["name"]?.stringValue ?? ""
      let request = claim["request"]?.stringValue ?? ""
      guard required(.string(name), "\(place).name") else { continue }
      let key = request.isEmpty ? name : "\(name)/\(request)"
      if !seen.insert(key).inserted { add(.duplicate(place, .string(key))) }
      if !known.contains(name) {
        add(
          FieldError(
            .notFound, "\(place).name", value: .string(name),
            "must be one of the names in pod.spec.resourceClaims"
              + (known.isEmpty ? " which is empty" : "")))
      }
    }
  }
}
