import JSONDocument

extension Validation.Checker {
  private static let maximumParameters = 512
  private static let maximumParameterBytes = 256 * 1024

  mutating func storageClass() {
    let provisioner = object["provisioner"]?.stringValue ?? ""
    if required(.string(provisioner), "provisioner") {
      add(
        NameRules.qualifiedName(provisioner.lowercased()), "provisioner", .string(provisioner))
    }
    parameters(isRequired: false)
    oneOf(object["reclaimPolicy"], "reclaimPolicy", ["Delete", "Retain"])
    if required(object["volumeBindingMode"], "volumeBindingMode") {
      oneOf(
        object["volumeBindingMode"], "volumeBindingMode", ["Immediate", "WaitForFirstConsumer"])
    }
    var seen: [JSONValue] = []
    for (index, term) in (object["allowedTopologies"]?.arrayValue ?? []).enumerated() {
      let field = "allowedTopologies[\(index)]"
      if seen.contains(term) { add(.duplicate("\(field).matchLabelExpressions", "")) }
      seen.append(term)
      var keys: Set<String> = []
      for (position, rule) in (term["matchLabelExpressions"]?.arrayValue ?? []).enumerated() {
        let place = "\(field).matchLabelExpressions[\(position)]"
        let key = rule["key"]?.stringValue ?? ""
        add(NameRules.labelKey(key), "\(place).key", .string(key))
        if !keys.insert(key).inserted { add(.duplicate("\(place).key", .string(key))) }
        let values = rule["values"]?.arrayValue ?? []
        if values.isEmpty { add(.required("\(place).values")) }
        var texts: Set<String> = []
        for (number, value) in values.enumerated() {
          let text = value.stringValue ?? ""
          if !texts.insert(text).inserted { add(.duplicate("\(place).values[\(number)]", value)) }
        }
      }
    }
  }

  private mutating func parameters(isRequired: Bool) {
    let parameters = object["parameters"]?.objectValue ?? [:]
    if isRequired, parameters.isEmpty {
      add(.required("parameters", "must contain at least one key/value pair"))
    }
    if parameters.count > Self.maximumParameters {
      add(
        FieldError(
          .tooLong, "Provisioner Parameters Length",
          "may not be more than \(Self.maximumParameters) bytes"))
      return
    }
    var bytes = 0
    for (key, text) in parameters {
      if key.isEmpty { add(.invalid("parameters", .string(key), "field can not be empty.")) }
      bytes += key.utf8.count + (text.stringValue ?? "").utf8.count
    }
    if bytes > Self.maximumParameterBytes {
      add(.tooLong("parameters", maximumBytes: Self.maximumParameterBytes))
    }
  }

  mutating func storageClassUpdate(_ old: JSONValue) {
    for key in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
      immutable(key, old[key])
    }
  }

  mutating func volumeAttributesClass() {
    let driver = object["driverName"]?.stringValue ?? ""
    driverName(driver, "driverName")
    parameters(isRequired: true)
  }

  mutating func volumeAttributesClassUpdate(_ old: JSONValue) {
    immutable("driverName", old["driverName"])
    immutable("parameters", old["parameters"])
  }

  mutating func driverName(_ name: String, _ field: String) {
    guard required(.string(name), field) else { return }
    if name.utf8.count > 63 {
      add(FieldError(.tooLong, field, "may not be more than 63 bytes"))
    }
    add(NameRules.dns1123Subdomain(name.lowercased()), field, .string(name))
  }

  mutating func csiDriver() {
    let spec = object["spec"]
    for key in ["attachRequired", "podInfoOnMount", "storageCapacity"] where spec?[key] == nil {
      add(.required("spec.\(key == "attachRequired" ? "attachedRequired" : key)"))
    }
    oneOf(
      spec?["fsGroupPolicy"], "spec.fsGroupPolicy", ["ReadWriteOnceWithFSType", "File", "None"])
    for mode in spec?["volumeLifecycleModes"]?.arrayValue ?? [] {
      oneOf(mode, "spec.volumeLifecycleModes", ["Persistent", "Ephemeral"])
    }
    var audiences: Set<String> = []
    for (index, request) in (spec?["tokenRequests"]?.arrayValue ?? []).enumerated() {
      let field = "spec.tokenRequests[\(index)]"
      let audience = request["audience"]?.stringValue ?? ""
      if !audiences.insert(audience).inserted {
        add(.duplicate("\(field).audience", .string(audience)))
      }
      guard let seconds = request["expirationSeconds"]?.intValue else { continue }
      if seconds < 600 {
        add(
          .invalid(
            "\(field).expirationSeconds", .int(seconds),
            "may not specify a duration less than 10 minutes"))
      } else if seconds > 1 << 32 {
        add(
          .invalid(
            "\(field).expirationSeconds", .int(seconds),
            "may not specify a duration larger than 2^32 seconds"))
      }
    }
    if let period = spec?["nodeAllocatableUpdatePeriodSeconds"]?.intValue, period < 10 {
      add(
        .invalid(
          "spec.nodeAllocatableUpdatePeriodSeconds", .int(period),
          "must be greater than or equal to 10 seconds"))
    }
  }

  mutating func csiDriverUpdate(_ old: JSONValue) {
    if (value("spec.attachRequired") ?? .null) != (old.at("spec", "attachRequired") ?? .null) {
      add(
        .invalid(
          "spec.attachedRequired", value("spec.attachRequired"), "field is immutable"))
    }
    immutable("spec.volumeLifecycleModes", old.at("spec", "volumeLifecycleModes"))
  }

  mutating func csiNode() {
    var names: Set<String> = []
    for (index, driver) in (value("spec.drivers")?.arrayValue ?? []).enumerated() {
      let field = "spec.drivers[\(index)]"
      let name = driver["name"]?.stringValue ?? ""
      driverName(name, "\(field).name")
      let node = driver["nodeID"]?.stringValue ?? ""
      if node.isEmpty {
        add(.required("\(field).nodeID"))
      } else if node.utf8.count > 256 {
        add(.invalid("\(field).nodeID", .string(node), "must be 256 characters or less"))
      }
      if let count = driver.at("allocatable", "count")?.intValue {
        notNegative(.int(count), "\(field).allocatable.count")
      }
      var keys: Set<String> = []
      for key in driver["topologyKeys"]?.arrayValue ?? [] {
        let text = key.stringValue ?? ""
        if !keys.insert(text).inserted { add(.duplicate(field, key)) }
        add(NameRules.qualifiedName(text), field, key)
      }
      if !name.isEmpty, !names.insert(name).inserted {
        add(.duplicate("\(field).name", .string(name)))
      }
    }
  }

  mutating func csiNodeUpdate(_ old: JSONValue) {
    let drivers = value("spec.drivers")?.arrayValue ?? []
    for before in old.at("spec", "drivers")?.arrayValue ?? [] {
      guard let index = drivers.firstIndex(where: { $0["name"] == before["name"] }) else {
        continue
      }
      var now = drivers[index]
      var was = before
      now["allocatable"] = nil
      was["allocatable"] = nil
      if now != was { add(.invalid("CSINode.Spec.Drivers", drivers[index], "field is immutable")) }
    }
  }

  mutating func csiStorageCapacity() {
    let name = object["storageClassName"]?.stringValue ?? ""
    add(NameRules.dns1123Subdomain(name), "storageClassName", .string(name))
    selector(object["nodeTopology"], "nodeTopology")
    // Upstream does not look at the maximum.
    if let amount = object["capacity"],
      amount.stringValue.flatMap(Quantity.init(parsing:))?.isNegative == true
    {
      add(.invalid("capacity", amount, "must be greater than or equal to 0"))
    }
  }

  mutating func csiStorageCapacityUpdate(_ old: JSONValue) {
    immutable("nodeTopology", old["nodeTopology"])
    immutable("storageClassName", old["storageClassName"])
  }

  mutating func volumeAttachment() {
    let attacher = value("spec.attacher")?.stringValue ?? ""
    driverName(attacher, "spec.attacher")
    let name = value("spec.source.persistentVolumeName")?.stringValue
    let inline = value("spec.source.inlineVolumeSpec")
    if name == nil, inline == nil {
      add(
        .required(
          "spec.source",
          "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
    } else if name != nil, inline != nil {
      add(
        .forbidden(
          "spec.source",
          "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
    } else if let name {
      if name.isEmpty {
        add(
          .required(
            "spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"))
      }
    }
    let node = value("spec.nodeName")?.stringValue ?? ""
    add(NameRules.dns1123Subdomain(node), "spec.nodeName", .string(node))
    for key in ["attachError", "detachError"] {
      if let code = object.at("status", key, "errorCode")?.intValue {
        notNegative(.int(code), "status.\(key).errorCode")
      }
    }
  }

  mutating func volumeAttachmentUpdate(_ old: JSONValue) { immutable("spec", old["spec"]) }
}
