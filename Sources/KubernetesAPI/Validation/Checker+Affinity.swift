import JSONDocument

/// Where pods and volumes may be: selectors of nodes, and of the pods that a pod wants near or far.
extension Validation.Checker {
  private static let required = "requiredDuringSchedulingIgnoredDuringExecution"
  private static let preferred = "preferredDuringSchedulingIgnoredDuringExecution"

  mutating func affinity(_ affinity: JSONValue?, _ field: String) {
    if let node = affinity?["nodeAffinity"] {
      let place = "\(field).nodeAffinity"
      if let required = node[Self.required] {
        nodeSelector(required, "\(place).\(Self.required)")
      }
      for (index, term) in (node[Self.preferred]?.arrayValue ?? []).enumerated() {
        let inner = "\(place).\(Self.preferred)[\(index)]"
        weight(term["weight"], inner)
        nodeTerm(term["preference"], "\(inner).preference", checksValues: false)
      }
    }
    for key in ["podAffinity", "podAntiAffinity"] {
      let place = "\(field).\(key)"
      for (index, term) in (affinity?.at(key, Self.required)?.arrayValue ?? []).enumerated() {
        podTerm(term, "\(place).\(Self.required)[\(index)]")
      }
      for (index, term) in (affinity?.at(key, Self.preferred)?.arrayValue ?? []).enumerated() {
        let inner = "\(place).\(Self.preferred)[\(index)]"
        weight(term["weight"], inner)
        podTerm(term["podAffinityTerm"] ?? [:], "\(inner).podAffinityTerm")
      }
    }
  }

  private mutating func weight(_ value: JSONValue?, _ field: String) {
    let weight = value?.intValue ?? 0
    if !(1...100).contains(weight) {
      add(.invalid("\(field).weight", .int(weight), "must be in the range 1-100"))
    }
  }

  /// A `NodeSelector`.
  mutating func nodeSelector(_ selector: JSONValue, _ field: String) {
    let place = "\(field).nodeSelectorTerms"
    let terms = selector["nodeSelectorTerms"]?.arrayValue ?? []
    if terms.isEmpty { add(.required(place, "must have at least one node selector term")) }
    for (index, term) in terms.enumerated() {
      nodeTerm(term, "\(place)[\(index)]", checksValues: true)
    }
  }

  private mutating func nodeTerm(_ term: JSONValue?, _ field: String, checksValues: Bool) {
    for (index, rule) in (term?["matchExpressions"]?.arrayValue ?? []).enumerated() {
      nodeRequirement(rule, "\(field).matchExpressions[\(index)]", checksValues: checksValues)
    }
    for (index, rule) in (term?["matchFields"]?.arrayValue ?? []).enumerated() {
      nodeField(rule, "\(field).matchFields[\(index)]")
    }
  }

  private mutating func nodeRequirement(_ rule: JSONValue, _ field: String, checksValues: Bool) {
    let values = rule["values"]?.arrayValue ?? []
    switch rule["operator"]?.stringValue {
    case "In", "NotIn":
      if values.isEmpty {
        add(
          .required("\(field).values", "must be specified when `operator` is 'In' or 'NotIn'"))
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        add(
          .forbidden(
            "\(field).values",
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
    case "Gt", "Lt":
      if values.count != 1 {
        add(
          .required(
            "\(field).values", "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      }
    default:
      add(.invalid("\(field).operator", rule["operator"] ?? "", "not a valid selector operator"))
    }
    let key = rule["key"]?.stringValue ?? ""
    add(NameRules.labelKey(key), "\(field).key", .string(key))
    guard checksValues else { return }
    for (index, value) in values.enumerated() {
      add(NameRules.labelValue(value.stringValue ?? ""), "\(field).values[\(index)]", value)
    }
  }

  private mutating func nodeField(_ rule: JSONValue, _ field: String) {
    let values = rule["values"]?.arrayValue ?? []
    switch rule["operator"]?.stringValue {
    case "In", "NotIn":
      if values.count != 1 {
        add(
          .required(
            "\(field).values",
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
      }
    default:
      add(.invalid("\(field).operator", rule["operator"] ?? "", "not a valid selector operator"))
    }
    guard rule["key"] == "metadata.name" else {
      return add(.invalid("\(field).key", rule["key"] ?? "", "not a valid field selector key"))
    }
    for (index, value) in values.enumerated() {
      add(
        NameRules.dns1123Subdomain(value.stringValue ?? ""), "\(field).values[\(index)]", value)
    }
  }

  private mutating func podTerm(_ term: JSONValue, _ field: String) {
    selector(term["labelSelector"], "\(field).labelSelector")
    selector(term["namespaceSelector"], "\(field).namespaceSelector")
    for name in term["namespaces"]?.arrayValue ?? [] {
      add(NameRules.dns1123Label(name.stringValue ?? ""), "\(field).namespace", name)
    }
    let mismatched = term["mismatchLabelKeys"]?.arrayValue ?? []
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
      let keys = term[list]?.arrayValue ?? []
      if !keys.isEmpty, term["labelSelector"] == nil {
        add(
          .forbidden(
            "\(field).\(list)", "must not be specified when labelSelector is not set"))
        continue
      }
      for (index, key) in keys.enumerated() {
        add(NameRules.labelKey(key.stringValue ?? ""), "\(field).\(list)[\(index)]", key)
      }
    }
    for (index, key) in (term["matchLabelKeys"]?.arrayValue ?? []).enumerated()
    where mismatched.contains(key) {
      add(
        .invalid(
          "\(field).matchLabelKeys[\(index)]", key,
          "exists in both matchLabelKeys and mismatchLabelKeys"))
    }
    let key = term["topologyKey"]?.stringValue ?? ""
    required(.string(key), "\(field).topologyKey", "can not be empty")
    add(NameRules.labelKey(key), "\(field).topologyKey", .string(key))
  }
}
