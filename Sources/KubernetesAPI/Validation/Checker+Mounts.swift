import JSONDocument

/// What containers mount, as files and as devices.
extension Validation.Checker {
  mutating func mounts(_ container: JSONValue, _ field: String, _ names: Set<String>) {
    var paths: Set<String> = []
    let devices = container["volumeDevices"]?.arrayValue ?? []
    let isPrivileged = container.at("securityContext", "privileged") == true
    for (index, mount) in (container["volumeMounts"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).volumeMounts[\(index)]"
      let name = mount["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(place).name"))
      } else if !names.contains(name) {
        add(.notFound("\(place).name", .string(name)))
      }
      let path = mount["mountPath"]?.stringValue ?? ""
      if devices.contains(where: { $0["name"]?.stringValue == name }) {
        add(.invalid("\(place).name", .string(name), "must not already exist in volumeDevices"))
      }
      if devices.contains(where: { $0["devicePath"]?.stringValue == path }), !path.isEmpty {
        add(
          .invalid(
            "\(place).mountPath", .string(path), "must not already exist as a path in volumeDevices"
          ))
      }
      mountOptions(mount, "\(field).volumeMounts", isPrivileged: isPrivileged)
      if path.isEmpty {
        add(.required("\(place).mountPath"))
      } else if !paths.insert(path).inserted {
        add(.invalid("\(place).mountPath", .string(path), "must be unique"))
      }
      if let expression = mount["subPathExpr"]?.stringValue {
        localPath(expression, "\(place).subPathExpr")
      }
      if let sub = mount["subPath"]?.stringValue, !sub.isEmpty {
        if sub.hasPrefix("/") {
          add(.invalid("\(place).subPath", .string(sub), "must be a relative path"))
        }
        if sub.split(separator: "/").contains("..") {
          add(.invalid("\(place).subPath", .string(sub), "must not contain '..'"))
        }
        if let expression = mount["subPathExpr"], expression != "" {
          add(
            .invalid(
              "\(place).subPathExpr", expression, "subPathExpr and subPath are mutually exclusive"))
        }
      }
    }
  }

  private mutating func mountOptions(_ mount: JSONValue, _ field: String, isPrivileged: Bool) {
    let propagation = mount["mountPropagation"]
    oneOf(
      propagation, "\(field).mountPropagation", ["Bidirectional", "HostToContainer", "None"])
    if propagation == "Bidirectional", !isPrivileged {
      add(
        .forbidden(
          "\(field).mountPropagation",
          "Bidirectional mount propagation is available only to privileged containers"))
    }
    guard let mode = mount["recursiveReadOnly"] else { return }
    let place = "\(field).recursiveReadOnly"
    oneOf(mode, place, ["Disabled", "Enabled", "IfPossible"])
    guard mode == "Enabled" || mode == "IfPossible" else { return }
    if mount["readOnly"] != true {
      add(.forbidden(place, "may only be specified when readOnly is true"))
    }
    if let propagation, propagation != "None" {
      add(
        .forbidden(
          place, "may only be specified when mountPropagation is None or not specified"))
    }
  }

  mutating func devices(_ container: JSONValue, _ field: String, spec: JSONValue) {
    let volumes = spec["volumes"]?.arrayValue ?? []
    let mounts = container["volumeMounts"]?.arrayValue ?? []
    var names: Set<String> = []
    var paths: Set<String> = []
    for (index, device) in (container["volumeDevices"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).volumeDevices[\(index)]"
      let name = device["name"]?.stringValue ?? ""
      let path = device["devicePath"]?.stringValue ?? ""
      if name.isEmpty { add(.required("\(place).name")) }
      if path.isEmpty { add(.required("\(place).devicePath")) }
      if !names.insert(name).inserted {
        add(.invalid("\(place).name", .string(name), "must be unique"))
      }
      if let volume = volumes.first(where: { $0["name"]?.stringValue == name }) {
        if volume["persistentVolumeClaim"] == nil, volume["ephemeral"] == nil {
          add(
            .invalid(
              "\(place).name", .string(name),
              "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            ))
        }
      } else if !claimNames.contains(name) {
        add(.notFound("\(place).name", .string(name)))
      }
      if path.split(separator: "/").contains("..") {
        add(.invalid("\(place).devicePath", .string(path), "must not contain '..'"))
      }
      if !paths.insert(path).inserted {
        add(.invalid("\(place).devicePath", .string(path), "must be unique"))
      }
      if mounts.contains(where: { $0["name"]?.stringValue == name }) {
        add(.invalid("\(place).name", .string(name), "must not already exist in volumeMounts"))
      }
      if mounts.contains(where: { $0["mountPath"]?.stringValue == path }), !path.isEmpty {
        add(
          .invalid(
            "\(place).devicePath", .string(path), "must not already exist as a path in volumeMounts"
          ))
      }
    }
  }
}
