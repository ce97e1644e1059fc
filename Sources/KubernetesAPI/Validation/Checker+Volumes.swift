import JSONDocument

extension Validation.Checker {
  /// - Returns: the names that containers may mount.
  mutating func volumes(
    _ value: JSONValue?, _ field: String, spec: JSONValue, claims: Set<String>
  ) -> Set<String> {
    var names: Set<String> = []
    for (index, volume) in (value?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let name = volume["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(place).name"))
      } else {
        let problems = NameRules.dns1123Label(name)
        add(problems, "\(place).name", .string(name))
        if problems.isEmpty, !names.insert(name).inserted {
          add(.duplicate("\(place).name", .string(name)))
        }
      }
      source(of: volume, place, spec: spec)
    }
    return names.union(claims)
  }

  private mutating func source(of volume: JSONValue, _ field: String, spec: JSONValue) {
    // In the order in which upstream looks at them.
    let order = [
      "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret",
      "nfs", "iscsi", "glusterfs", "persistentVolumeClaim", "rbd", "cinder", "cephfs",
      "flocker", "downwardAPI", "fc", "azureFile", "configMap", "vsphereVolume", "quobyte",
      "azureDisk", "portworxVolume", "scaleIO", "storageos", "projected", "csi", "ephemeral",
      "image",
    ]
    let sources = order.filter { volume[$0] != nil }
    for extra in sources.dropFirst() {
      add(.forbidden("\(field).\(extra)", "may not specify more than 1 volume type"))
    }
    guard let kind = sources.first, let source = volume[kind] else {
      if sources.isEmpty { add(.required(field, "must specify a volume type")) }
      return
    }
    let place = "\(field).\(kind)"
    switch kind {
    case "hostPath": hostPath(source, place)
    case "secret": _ = required(source["secretName"], "\(place).secretName")
    case "configMap": _ = required(source["name"], "\(place).name")
    case "nfs":
      _ = required(source["server"], "\(place).server")
      if required(source["path"], "\(place).path"),
        source["path"]?.stringValue?.hasPrefix("/") == false
      {
        add(.invalid("\(place).path", source["path"], "must be an absolute path"))
      }
    case "persistentVolumeClaim": _ = required(source["claimName"], "\(place).claimName")
    case "csi": _ = required(source["driver"], "\(place).driver")
    case "image": _ = required(source["reference"], "\(place).reference")
    case "emptyDir":
      let limit = source["sizeLimit"]?.stringValue.flatMap(Quantity.init(parsing:))
      if limit?.isNegative == true {
        add(
          .forbidden(
            "\(place).sizeLimit", "SizeLimit field must be a valid resource quantity"))
      }
    case "ephemeral":
      guard let template = source["volumeClaimTemplate"] else {
        add(.required("\(place).volumeClaimTemplate"))
        return
      }
      claimSpec(template["spec"], "\(place).volumeClaimTemplate.spec")
    case "projected":
      for (index, entry) in (source["sources"]?.arrayValue ?? []).enumerated() {
        projection(entry, "\(place).sources[\(index)]", spec: spec)
      }
    default: break
    }
  }

  private mutating func hostPath(_ source: JSONValue, _ field: String) {
    let path = source["path"]?.stringValue ?? ""
    if path.isEmpty {
      add(.required("\(field).path"))
    } else if path.split(separator: "/").contains("..") {
      add(.invalid("\(field).path", .string(path), "must not contain '..'"))
    }
    oneOf(
      source["type"], "\(field).type",
      [
        "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
        "FileOrCreate", "Socket",
      ])
  }

  private mutating func projection(_ source: JSONValue, _ field: String, spec: JSONValue) {
    for kind in ["secret", "configMap"] {
      if let reference = source[kind] { _ = required(reference["name"], "\(field).\(kind).name") }
    }
    guard let token = source["serviceAccountToken"] else { return }
    let place = "\(field).serviceAccountToken"
    if let seconds = token["expirationSeconds"]?.intValue {
      if seconds < 600 {
        add(
          .invalid(
            "\(place).expirationSeconds", .int(seconds),
            "may not specify a duration less than 10 minutes"))
      } else if seconds > 1 << 32 {
        add(
          .invalid(
            "\(place).expirationSeconds", .int(seconds),
            "may not specify a duration larger than 2^32 seconds"))
      }
    }
    _ = required(token["path"], "\(place).path")
  }

  static let accessModes = [
    "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod",
  ]

  mutating func persistentVolumeClaim() { claimSpec(object["spec"], "spec") }

  mutating func claimSpec(_ spec: JSONValue?, _ field: String) {
    let modes = spec?["accessModes"]?.arrayValue ?? []
    if modes.isEmpty {
      add(.required("\(field).accessModes", "at least 1 access mode is required"))
    }
    for mode in modes { oneOf(mode, "\(field).accessModes", Self.accessModes) }
    selector(spec?["selector"], "\(field).selector")
    if let amount = spec?.at("resources", "requests", "storage") {
      positive(amount, "\(field).resources[storage]")
    } else {
      add(.required("\(field).resources[storage]"))
    }
    if let name = spec?["storageClassName"]?.stringValue, !name.isEmpty {
      add(NameRules.dns1123Subdomain(name), "\(field).storageClassName", .string(name))
    }
    oneOf(spec?["volumeMode"], "\(field).volumeMode", ["Block", "Filesystem"])
  }

  private mutating func positive(_ value: JSONValue, _ field: String) {
    let quantity = value.stringValue.flatMap(Quantity.init(parsing:))
    if let quantity, quantity <= .zero {
      add(.invalid(field, value, "must be greater than zero"))
    }
  }

  mutating func persistentVolumeClaimUpdate(_ old: JSONValue) {
    var now = object["spec"] ?? .null
    var before = old["spec"] ?? .null
    let bound = !(before["volumeName"]?.stringValue ?? "").isEmpty
    for key in ["resources", "volumeAttributesClassName"] {
      now[key] = nil
      before[key] = nil
    }
    // The binder names the volume, and may name a class where there was none.
    for key in ["volumeName", "storageClassName"] where !bound && before[key] == nil {
      now[key] = nil
    }
    if now != before {
      add(
        .forbidden(
          "spec",
          "spec is immutable after creation except resources.requests and "
            + "volumeAttributesClassName for bound claims"))
    }
  }

  mutating func persistentVolume() {
    let spec = object["spec"]
    let modes = spec?["accessModes"]?.arrayValue ?? []
    if modes.isEmpty { add(.required("spec.accessModes")) }
    for mode in modes { oneOf(mode, "spec.accessModes", Self.accessModes) }
    let capacity = spec?["capacity"]?.objectValue ?? [:]
    if capacity.isEmpty { add(.required("spec.capacity")) }
    if capacity.count != 1 || capacity["storage"] == nil {
      add(.notSupported("spec.capacity", spec?["capacity"], ["storage"]))
    }
    for (name, amount) in capacity { positive(amount, "spec.capacity[\(name)]") }
    let plain: Set<String> = [
      "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
      "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName",
      "volumeMode",
    ]
    let sources = (spec?.objectValue?.keys ?? []).filter { !plain.contains($0) }
    if sources.isEmpty { add(.required("spec", "must specify a volume type")) }
    for extra in sources.dropFirst() {
      add(.forbidden("spec.\(extra)", "may not specify more than 1 volume type"))
    }
    if let path = spec?["hostPath"] {
      hostPath(path, "spec.hostPath")
      if path["path"] == "/", spec?["persistentVolumeReclaimPolicy"] == "Recycle" {
        add(
          .forbidden(
            "spec.persistentVolumeReclaimPolicy",
            "may not be 'recycle' for a hostPath mount of '/'"))
      }
    }
    if let csi = spec?["csi"] {
      _ = required(csi["driver"], "spec.csi.driver")
      _ = required(csi["volumeHandle"], "spec.csi.volumeHandle")
    }
    if spec?["local"] != nil, spec?["nodeAffinity"] == nil {
      add(.required("spec.nodeAffinity", "Local volume requires node affinity"))
    }
    oneOf(
      spec?["persistentVolumeReclaimPolicy"], "spec.persistentVolumeReclaimPolicy",
      ["Delete", "Recycle", "Retain"])
    oneOf(spec?["volumeMode"], "spec.volumeMode", ["Block", "Filesystem"])
  }
}
