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
      "image", "flexVolume",
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
    case "secret":
      _ = required(source["secretName"], "\(place).secretName")
      files(source, place)
    case "configMap":
      _ = required(source["name"], "\(place).name")
      files(source, place)
    case "nfs": networkShare(source, place)
    case "persistentVolumeClaim": _ = required(source["claimName"], "\(place).claimName")
    case "csi":
      driverName(source["driver"]?.stringValue ?? "", "\(place).driver")
      if let secret = source["nodePublishSecretRef"] {
        required(secret["name"], "\(place).nodePublishSecretRef.name")
      }
    case "image":
      _ = required(source["reference"], "\(place).reference")
      oneOf(source["pullPolicy"], "\(place).pullPolicy", ["Always", "IfNotPresent", "Never"])
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
      for key in ["name", "generateName", "namespace"]
      where !(template.at("metadata", key)?.stringValue ?? "").isEmpty {
        add(.forbidden("\(place).volumeClaimTemplate.metadata.\(key)", "cannot be set"))
      }
      claimSpec(template["spec"], "\(place).volumeClaimTemplate.spec")
    case "downwardAPI":
      mode(source["defaultMode"], "\(place).defaultMode")
      for item in source["items"]?.arrayValue ?? [] { downwardFile(item, place) }
    case "projected":
      mode(source["defaultMode"], "\(place).defaultMode")
      projectedPaths(source, place)
      for (index, entry) in (source["sources"]?.arrayValue ?? []).enumerated() {
        projection(entry, "\(place).sources[\(index)]", spec: spec)
      }
    default: otherSource(source, kind: kind, place)
    }
  }

  /// `spec.volumes[0].projected` of `spec.volumes[0].projected.sources[1]`.
  private func projectedRoot(_ field: String) -> String {
    guard let dot = field.lastIndex(of: ".") else { return field }
    return String(field[..<dot])
  }

  /// Two sources can't write one file.
  private mutating func projectedPaths(_ source: JSONValue, _ field: String) {
    var paths: [String: String] = [:]
    for entry in source["sources"]?.arrayValue ?? [] {
      for kind in ["secret", "configMap"] {
        for item in entry[kind]?["items"]?.arrayValue ?? [] {
          let path = item["path"]?.stringValue ?? ""
          let name = entry[kind]?["name"]?.stringValue ?? ""
          if paths.updateValue(name, forKey: path) != nil, !path.isEmpty {
            add(.invalid(field, .string(name), "conflicting duplicate paths"))
          }
        }
      }
    }
  }

  static let environmentFields = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
  ]
  private static let fileFields = [
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
  ]
  private static let resourceFields = ["cpu", "ephemeral-storage", "memory"].flatMap {
    ["limits.\($0)", "requests.\($0)"]
  }

  private mutating func downwardFile(_ item: JSONValue, _ field: String) {
    let path = item["path"]?.stringValue ?? ""
    if path.isEmpty {
      add(.required("\(field).path"))
    } else if path.hasPrefix("/") {
      add(.invalid("\(field).path", .string(path), "must be a relative path"))
    } else if path.split(separator: "/").contains("..") {
      add(.invalid("\(field).path", .string(path), "must not contain '..'"))
    }
    let reference = item["fieldRef"]
    let resources = item["resourceFieldRef"]
    if let reference {
      fieldReference(reference, "\(field).fieldRef", Self.fileFields)
      if resources != nil {
        add(
          .invalid(
            field, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
      }
    } else if let resources {
      resourceReference(resources, "\(field).resourceFieldRef", needsContainer: true)
    } else {
      add(.required(field, "one of fieldRef and resourceFieldRef is required"))
    }
    mode(item["mode"], "\(field).mode")
  }

  /// A field of the pod that its containers are told.
  mutating func fieldReference(_ reference: JSONValue, _ field: String, _ allowed: [String]) {
    let path = reference["fieldPath"]?.stringValue ?? ""
    guard required(.string(path), "\(field).fieldPath") else { return }
    for map in ["metadata.annotations", "metadata.labels"] where path.hasPrefix("\(map)['") {
      guard path.hasSuffix("']") else { break }
      let key = String(path.dropFirst(map.count + 2).dropLast(2))
      add(
        map.hasSuffix("labels")
          ? NameRules.qualifiedName(key) : NameRules.qualifiedName(key.lowercased()), field,
        .string(key))
      return
    }
    let known =
      Self.environmentFields + Self.fileFields
      + ["spec.schedulerName", "spec.restartPolicy", "spec.hostNetwork", "status.phase"]
    if !known.contains(path) {
      add(
        .invalid(
          "\(field).fieldPath", .string(path),
          "error converting fieldPath: field label not supported: \(path)"))
    } else if !allowed.contains(path) {
      add(.notSupported("\(field).fieldPath", .string(path), allowed))
    }
  }

  mutating func resourceReference(_ reference: JSONValue, _ field: String, needsContainer: Bool) {
    let name = reference["resource"]?.stringValue ?? ""
    if needsContainer, (reference["containerName"]?.stringValue ?? "").isEmpty {
      add(.required("\(field).containerName"))
    } else if name.isEmpty {
      add(.required("\(field).resource"))
    } else if !Self.resourceFields.contains(name), !name.hasPrefix("limits.hugepages-"),
      !name.hasPrefix("requests.hugepages-")
    {
      add(.notSupported("\(field).resource", .string(name), Self.resourceFields))
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
    // Upstream names the volume's source here, not the token's.
    _ = required(token["path"], "\(projectedRoot(field)).path")
    if (spec["serviceAccountName"]?.stringValue ?? "").isEmpty, resource.kind == "Pod" {
      add(.forbidden(place, "must not be specified when serviceAccountName is not set"))
    }
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
    accessModes(modes, "\(field).accessModes")
    dataSources(spec, field)
    selector(spec?["selector"], "\(field).selector")
    if let amount = spec?.at("resources", "requests", "storage") {
      positive(amount, "\(field).resources[storage]")
    } else {
      add(.required("\(field).resources[storage]"))
    }
    for key in ["storageClassName", "volumeAttributesClassName"] {
      if let name = spec?[key]?.stringValue, !name.isEmpty {
        add(NameRules.dns1123Subdomain(name), "\(field).\(key)", .string(name))
      }
    }
    oneOf(spec?["volumeMode"], "\(field).volumeMode", ["Block", "Filesystem"])
  }

  private mutating func positive(_ value: JSONValue, _ field: String) {
    let quantity = value.stringValue.flatMap(Quantity.init(parsing:))
    if let quantity, quantity <= .zero {
      add(.invalid(field, value, "must be greater than zero"))
    }
  }

  /// What a volume holds does not change, nor where it can be reached from.
  mutating func persistentVolumeUpdate(_ old: JSONValue) {
    func source(_ spec: JSONValue?) -> JSONObject {
      JSONObject((spec?.objectValue ?? [:]).filter { !Self.plainVolumeFields.contains($0.0) })
    }
    var now = JSONValue.object(source(object["spec"]))
    let before = JSONValue.object(source(old["spec"]))
    let secret = "controllerExpandSecretRef"
    if before["csi"] != nil, before.at("csi", secret) == nil { now.set(nil, at: "csi", secret) }
    if now != before {
      add(
        .forbidden(
          "spec.persistentvolumesource",
          "spec.persistentvolumesource is immutable after creation"))
    }
    let mode = value("spec.volumeMode")
    if (mode ?? .null) != (old.at("spec", "volumeMode") ?? .null) {
      add(.invalid("volumeMode", mode, "field is immutable"))
    }
    if let affinity = old.at("spec", "nodeAffinity"), affinity != value("spec.nodeAffinity") {
      add(
        .invalid(
          "nodeAffinity", value("spec.nodeAffinity"),
          "field is immutable, except for updating from beta label to GA"))
    }
  }

  mutating func persistentVolumeClaimUpdate(_ old: JSONValue) {
    var now = object["spec"] ?? .null
    let before = old["spec"] ?? .null
    let size = now.at("resources", "requests", "storage")
    let sizeBefore = before.at("resources", "requests", "storage")
    // Only what is bound to a volume can grow, or get another class of attributes.
    if object.at("status", "phase") == "Bound" {
      now.set(sizeBefore, at: "resources", "requests", "storage")
      now["volumeAttributesClassName"] = before["volumeAttributesClassName"]
    }
    // The binder names the volume; a class may be named where there was none.
    for key in ["volumeName", "storageClassName"] where before[key] == nil { now[key] = nil }
    if now != before {
      add(
        .forbidden(
          "spec",
          "spec is immutable after creation except resources.requests and "
            + "volumeAttributesClassName for bound claims"))
    }
    shrinkage(from: sizeBefore, to: size, capacity: old.at("status", "capacity", "storage"))
    let name = "volumeAttributesClassName"
    if let given = old.at("spec", name), value("spec.\(name)") != given {
      let detail = "update from non-nil value to"
      switch value("spec.\(name)") {
      case nil: add(.forbidden("spec.\(name)", "\(detail) nil is forbidden"))
      case "": add(.forbidden("spec.\(name)", "\(detail) an empty string is forbidden"))
      default: break
      }
    }
  }

  /// A claim asks for less again only while its volume has not grown that far.
  private mutating func shrinkage(
    from before: JSONValue?, to now: JSONValue?, capacity: JSONValue?
  ) {
    func amount(_ value: JSONValue?) -> Quantity {
      value?.stringValue.flatMap(Quantity.init(parsing:)) ?? .zero
    }
    if amount(now) < amount(before), amount(now) <= amount(capacity) {
      add(
        .forbidden(
          "spec.resources.requests.storage", "field can not be less than status.capacity"))
    }
  }

  /// Fields of a volume that are no source of it.
  private static let plainVolumeFields: Set<String> = [
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
    "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName",
    "volumeMode",
  ]

  mutating func persistentVolume() {
    let spec = object["spec"]
    let modes = spec?["accessModes"]?.arrayValue ?? []
    if modes.isEmpty { add(.required("spec.accessModes")) }
    accessModes(modes, "spec.accessModes")
    let capacity = spec?["capacity"]?.objectValue ?? [:]
    if capacity.isEmpty { add(.required("spec.capacity")) }
    if capacity.count != 1 || capacity["storage"] == nil {
      add(.notSupported("spec.capacity", spec?["capacity"], ["storage"]))
    }
    for (name, amount) in capacity { positive(amount, "spec.capacity[\(name)]") }
    let sources = (spec?.objectValue ?? [:]).keys.filter { !Self.plainVolumeFields.contains($0) }
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
    for kind in sources where kind != "azureFile" {
      otherSource(spec?[kind] ?? [:], kind: kind, "spec.\(kind)")
    }
    if let share = spec?["nfs"] { networkShare(share, "spec.nfs") }
    if let disk = spec?["local"] {
      let path = disk["path"]?.stringValue ?? ""
      if required(.string(path), "spec.local.path"), path.split(separator: "/").contains("..") {
        add(.invalid("spec.local.path", .string(path), "must not contain '..'"))
      }
    }
    if let csi = spec?["csi"] {
      _ = required(csi["driver"], "spec.csi.driver")
      _ = required(csi["volumeHandle"], "spec.csi.volumeHandle")
    }
    if let name = spec?["storageClassName"]?.stringValue, !name.isEmpty {
      add(NameRules.dns1123Subdomain(name), "spec.storageClassName", .string(name))
    }
    if let affinity = spec?["nodeAffinity"] {
      if let required = affinity["required"] {
        nodeSelector(required, "spec.nodeAffinity.required")
      } else {
        add(
          .required("spec.nodeAffinity.required", "must specify required node constraints"))
      }
    } else if spec?["local"] != nil {
      add(.required("spec.nodeAffinity", "Local volume requires node affinity"))
    }
    oneOf(
      spec?["persistentVolumeReclaimPolicy"], "spec.persistentVolumeReclaimPolicy",
      ["Delete", "Recycle", "Retain"])
    oneOf(spec?["volumeMode"], "spec.volumeMode", ["Block", "Filesystem"])
  }
}
