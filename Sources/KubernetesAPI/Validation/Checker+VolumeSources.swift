import JSONDocument

/// Sources of volumes that have little to check, and the files that sources make.
extension Validation.Checker {
  /// What each source can't do without.
  private static let necessary: [String: [String]] = [
    "gcePersistentDisk": ["pdName"], "awsElasticBlockStore": ["volumeID"],
    "iscsi": ["targetPortal", "iqn"], "glusterfs": ["endpoints", "path"],
    "rbd": ["monitors", "image"], "cinder": ["volumeID"], "cephfs": ["monitors"],
    "azureFile": ["secretName", "shareName"], "vsphereVolume": ["volumePath"],
    "azureDisk": ["diskName", "diskURI"], "portworxVolume": ["volumeID"],
    "scaleIO": ["gateway", "system", "volumeName"], "gitRepo": ["repository"],
    "flexVolume": ["driver"], "quobyte": ["registry", "volume"],
  ]

  mutating func otherSource(_ source: JSONValue, kind: String, _ field: String) {
    for name in Self.necessary[kind] ?? [] { required(source[name], "\(field).\(name)") }
    if kind == "gitRepo" { localPath(source["directory"]?.stringValue ?? "", "\(field).directory") }
    if kind == "gcePersistentDisk" || kind == "awsElasticBlockStore",
      let partition = source["partition"]?.intValue, !(0...255).contains(partition)
    {
      add(
        .invalid(
          "\(field).partition", .int(partition), "must be between 0 and 255, inclusive"))
    }
    if kind == "iscsi", let unit = source["lun"]?.intValue, !(0...255).contains(unit) {
      add(.invalid("\(field).lun", .int(unit), "must be between 0 and 255, inclusive"))
    }
  }

  /// The permissions of a file.
  mutating func mode(_ value: JSONValue?, _ field: String) {
    guard let mode = value?.intValue, !(0...0o777).contains(mode) else { return }
    add(
      .invalid(
        field, .int(mode), "must be a number between 0 and 0777 (octal), both inclusive"))
  }

  /// The files that a Secret or a ConfigMap becomes.
  mutating func files(_ source: JSONValue, _ field: String) {
    mode(source["defaultMode"], "\(field).defaultMode")
    for (index, item) in (source["items"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).items[\(index)]"
      required(item["key"], "\(place).key")
      let path = item["path"]?.stringValue ?? ""
      if required(.string(path), "\(place).path") {
        localPath(path, "\(place).path")
        if path.hasPrefix("..") {
          let isAlone = path == ".." || path.hasPrefix("../")
          if !isAlone { add(.invalid("\(place).path", .string(path), "must not start with '..'")) }
        }
      }
      mode(item["mode"], "\(place).mode")
    }
  }

  mutating func networkShare(_ share: JSONValue, _ field: String) {
    required(share["server"], "\(field).server")
    if required(share["path"], "\(field).path"),
      share["path"]?.stringValue?.hasPrefix("/") == false
    {
      add(.invalid("\(field).path", share["path"], "must be an absolute path"))
    }
  }

  /// Who has a volume for one pod alone can't have it in another way as well.
  mutating func accessModes(_ modes: [JSONValue], _ field: String) {
    for mode in modes { oneOf(mode, field, Self.accessModes) }
    if modes.contains("ReadWriteOncePod"), modes.contains(where: { $0 != "ReadWriteOncePod" }) {
      add(.forbidden(field, "may not use ReadWriteOncePod with other access modes"))
    }
  }

  /// What a claim is filled from.
  mutating func dataSources(_ spec: JSONValue?, _ field: String) {
    for key in ["dataSource", "dataSourceRef"] {
      guard let source = spec?[key] else { continue }
      let place = "\(field).\(key)"
      for name in ["name", "kind"] { required(source[name], "\(place).\(name)") }
      let group = source["apiGroup"]?.stringValue ?? ""
      let kind = source["kind"]?.stringValue ?? ""
      if group.isEmpty, kind != "PersistentVolumeClaim" {
        add(
          .invalid(
            place, .string(kind),
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
      } else if !group.isEmpty {
        add(NameRules.dns1123Subdomain(group), "\(place).apiGroup", .string(group))
      }
      if key == "dataSourceRef", let namespace = source["namespace"]?.stringValue,
        !namespace.isEmpty
      {
        add(NameRules.dns1123Label(namespace), "\(place).namespace", .string(namespace))
      }
    }
    guard let source = spec?["dataSource"], let reference = spec?["dataSourceRef"] else { return }
    if !(reference["namespace"]?.stringValue ?? "").isEmpty {
      add(
        .invalid(
          field, .string("\(field).dataSource"),
          "may not be specified when dataSourceRef.namespace is specified"))
    } else if ["name", "kind", "apiGroup"].contains(where: {
      (source[$0]?.stringValue ?? "") != (reference[$0]?.stringValue ?? "")
    }) {
      add(.invalid(field, .string("\(field).dataSource"), "must match dataSourceRef"))
    }
  }
}
