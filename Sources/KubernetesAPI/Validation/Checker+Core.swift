import JSONDocument

extension Validation.Checker {
  /// What a ConfigMap or a Secret may hold.
  static let maximumDataBytes = 1024 * 1024

  mutating func configMap() {
    var total = 0
    for list in ["data", "binaryData"] {
      for (key, value) in object[list]?.objectValue ?? [:] {
        dataKey(key, "\(list)[\(key)]")
        let text = value.stringValue ?? ""
        total += list == "data" ? text.utf8.count : Base64.decode(text)?.count ?? 0
        if list == "binaryData", object["data"]?[key] != nil {
          add(.invalid("data[\(key)]", .string(key), "duplicate of key present in binaryData"))
        }
      }
    }
    if total > Self.maximumDataBytes { add(.tooLong("[]", maximumBytes: Self.maximumDataBytes)) }
  }

  mutating func dataKey(_ key: String, _ field: String) {
    if key.utf8.count > 253 {
      add(.invalid(field, .string(key), "must be no more than 253 characters"))
    }
    let allowed = key.utf8.allSatisfy {
      NameRules.isAlphanumeric($0) || "-._".utf8.contains($0)
    }
    if key.isEmpty || !allowed {
      add(
        .invalid(
          field, .string(key),
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
            + "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
            + "'[-._a-zA-Z0-9]+')"))
    } else if key == "." || key == ".." || key.hasPrefix("..") {
      add(
        .invalid(
          field, .string(key), key.count > 2 ? "must not start with '..'" : "must not be '\(key)'"))
    }
  }

  mutating func secret() {
    var total = 0
    let data = object["data"]?.objectValue ?? [:]
    for (key, value) in data {
      dataKey(key, "data[\(key)]")
      total += Base64.decode(value.stringValue ?? "")?.count ?? 0
    }
    if total > Self.maximumDataBytes {
      add(.tooLong("data", maximumBytes: Self.maximumDataBytes))
    }
    func missing(_ key: String) -> Bool { data[key] == nil }
    switch object["type"]?.stringValue {
    case "kubernetes.io/service-account-token":
      let key = "kubernetes.io/service-account.name"
      if (object["metadata"]?["annotations"]?[key]?.stringValue ?? "").isEmpty {
        add(.required("metadata.annotations[\(key)]"))
      }
    case "kubernetes.io/dockerconfigjson": dockerConfiguration(".dockerconfigjson", data)
    case "kubernetes.io/dockercfg": dockerConfiguration(".dockercfg", data)
    case "kubernetes.io/basic-auth":
      if missing("username"), missing("password") {
        add(.required("data[username]"))
        add(.required("data[password]"))
      }
    case "kubernetes.io/ssh-auth":
      if missing("ssh-privatekey") { add(.required("data[ssh-privatekey]")) }
    case "kubernetes.io/tls":
      for key in ["tls.crt", "tls.key"] where missing(key) { add(.required("data[\(key)]")) }
    default: break
    }
  }

  private mutating func dockerConfiguration(_ key: String, _ data: JSONObject) {
    guard let text = data[key]?.stringValue, let bytes = Base64.decode(text) else {
      add(.required("data[\(key)]"))
      return
    }
    do throws(JSONError) {
      _ = try JSONValue(parsing: bytes)
    } catch {
      add(.invalid("data[\(key)]", "<secret contents redacted>", error.message))
    }
  }

  mutating func immutableData(_ old: JSONValue) {
    guard old["immutable"] == true else { return }
    let detail = "field is immutable when `immutable` is set"
    if object["immutable"] != true { add(.forbidden("immutable", detail)) }
    for key in ["data", "binaryData"]
    where (object[key]?.objectValue ?? [:]) != (old[key]?.objectValue ?? [:]) {
      add(.forbidden(key, detail))
    }
  }

  mutating func namespace() {
    for finalizer in value("spec.finalizers")?.arrayValue ?? [] {
      let text = finalizer.stringValue ?? ""
      add(NameRules.qualifiedName(text), "spec.finalizers", finalizer)
      if !text.contains("/"), text != "kubernetes" {
        add(
          .invalid(
            "spec.finalizers", finalizer,
            "name is neither a standard finalizer name nor is it fully qualified"))
      }
    }
  }

  mutating func nodeStatus() {
    nodeAmounts()
    let addresses = value("status.addresses")?.arrayValue ?? []
    for (index, address) in addresses.enumerated() where addresses[..<index].contains(address) {
      add(.duplicate("status.addresses[\(index)]", address))
    }
  }

  private mutating func nodeAmounts() {
    for list in ["capacity", "allocatable"] {
      for (name, amount) in object.at("status", list)?.objectValue ?? [:] {
        let quantity = amount.stringValue.flatMap(Quantity.init(parsing:))
        if quantity?.isNegative == true {
          add(
            .invalid("status.\(list)[\(name)]", amount, "must be greater than or equal to 0"))
        }
      }
    }
  }

  mutating func node() {
    nodeAmounts()
    var families: Set<Bool> = []
    let ranges = value("spec.podCIDRs")?.arrayValue ?? []
    for (index, range) in ranges.enumerated() {
      guard let address = IPRange(range.stringValue ?? "") else {
        add(
          .invalid(
            "spec.podCIDRs[\(index)]", range,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
        continue
      }
      if !families.insert(address.address.isIPv6).inserted {
        add(
          .invalid(
            "spec.podCIDRs", value("spec.podCIDRs"),
            "may specify no more than one CIDR for each IP family"))
      }
    }
    var taints: Set<String> = []
    for (index, taint) in (value("spec.taints")?.arrayValue ?? []).enumerated() {
      let field = "spec.taints[\(index)]"
      let key = taint["key"]?.stringValue ?? ""
      add(NameRules.labelKey(key), "\(field).key", .string(key))
      let label = taint["value"]?.stringValue ?? ""
      add(NameRules.labelValue(label), "\(field).value", .string(label))
      let effect = taint["effect"]?.stringValue ?? ""
      if effect.isEmpty {
        add(.required("\(field).effect"))
      } else {
        oneOf(taint["effect"], "\(field).effect", ["NoSchedule", "PreferNoSchedule", "NoExecute"])
      }
      if !taints.insert("\(key):\(effect)").inserted {
        add(
          FieldError(
            .duplicate, field, value: taint, "taints must be unique by key and effect pair"))
      }
    }
  }

  mutating func nodeUpdate(_ old: JSONValue) {
    for (key, name) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
      guard let before = old["spec"]?[key], before != object["spec"]?[key] else { continue }
      add(
        .forbidden(
          "spec.\(key)", "node updates may not change \(name) except from \"\" to valid"))
    }
  }

  mutating func lease() {
    if let seconds = value("spec.leaseDurationSeconds")?.intValue, seconds <= 0 {
      add(
        .invalid(
          "spec.leaseDurationSeconds", .int(seconds), "must be greater than 0"))
    }
    notNegative(value("spec.leaseTransitions"), "spec.leaseTransitions")
  }
}
