import JSONDocument

/// What pods and containers may do on their node, and on which system.
extension Validation.Checker {
  /// The profiles that seccomp and AppArmor confine with.
  mutating func profiles(of context: JSONValue?, _ field: String) {
    for (key, name) in [("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")] {
      guard let profile = context?[key] else { continue }
      let place = "\(field).\(key)"
      let type = profile["type"]?.stringValue ?? ""
      let path = profile["localhostProfile"]?.stringValue
      if type.isEmpty {
        add(.required("\(place).type", "type is required when \(key) is set"))
      } else {
        oneOf(.string(type), "\(place).type", ["Localhost", "RuntimeDefault", "Unconfined"])
      }
      if type == "Localhost" {
        if let path, !path.isEmpty {
          if key == "seccompProfile" { localPath(path, "\(place).localhostProfile") }
        } else {
          add(
            .required(
              "\(place).localhostProfile", "must be set when \(name) type is Localhost"))
        }
      } else if let path {
        add(
          .invalid(
            "\(place).localhostProfile", .string(path),
            "can only be set when \(name) type is Localhost"))
      }
    }
  }

  /// A relative path that stays below where it begins.
  mutating func localPath(_ path: String, _ field: String) {
    if path.hasPrefix("/") {
      add(.invalid(field, .string(path), "must be a relative path"))
    }
    if path.split(separator: "/").contains("..") {
      add(.invalid(field, .string(path), "must not contain '..'"))
    }
  }

  mutating func containerSecurity(_ context: JSONValue?, _ field: String, spec: JSONValue) {
    guard let context else { return }
    profiles(of: context, field)
    if context["procMount"] == "Unmasked", spec["hostUsers"] != false {
      add(
        .invalid(
          "\(field).procMount", "Unmasked", "`hostUsers` must be false to use `Unmasked`"))
    }
    guard context["allowPrivilegeEscalation"] == false else { return }
    if context["privileged"] == true {
      add(
        .invalid(
          field, context,
          "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
    }
    if context.at("capabilities", "add")?.arrayValue?.contains("CAP_SYS_ADMIN") == true {
      add(
        .invalid(
          field, context,
          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
    }
  }

  /// The host's namespaces, and those that are the pod's own.
  mutating func hostNamespaces(_ spec: JSONValue, _ field: String) {
    if spec["shareProcessNamespace"] == true, spec["hostPID"] == true {
      add(
        .invalid(
          "\(field).securityContext.shareProcessNamespace", true,
          "ShareProcessNamespace and HostPID cannot both be enabled"))
    }
    guard spec["hostUsers"] == false else { return }
    for key in ["hostNetwork", "hostPID", "hostIPC"] where spec[key] == true {
      add(.forbidden("\(field).\(key)", "when `hostUsers` is false"))
    }
  }

  private static let notForWindows = [
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy",
    "seLinuxChangePolicy", "sysctls", "runAsUser", "runAsGroup", "supplementalGroups",
    "supplementalGroupsPolicy",
  ]
  private static let notForWindowsContainers = [
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities",
    "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser",
    "runAsGroup",
  ]

  /// Fields that the other system has no use for.
  mutating func operatingSystem(_ name: String, _ spec: JSONValue, _ field: String) {
    let lists = ["containers", "initContainers", "ephemeralContainers"]
    if name == "linux" {
      if spec.at("securityContext", "windowsOptions") != nil {
        add(
          .forbidden(
            "\(field).securityContext.windowsOptions",
            "windows options cannot be set for a linux pod"))
      }
      for list in lists {
        for (index, container) in (spec[list]?.arrayValue ?? []).enumerated()
        where container.at("securityContext", "windowsOptions") != nil {
          add(
            .forbidden(
              "\(field).\(list)[\(index)].securityContext.windowsOptions",
              "windows options cannot be set for a linux pod"))
        }
      }
    }
    guard name == "windows" else { return }
    let detail = "cannot be set for a windows pod"
    for key in Self.notForWindows where spec.at("securityContext", key) != nil {
      add(.forbidden("\(field).securityContext.\(key)", detail))
    }
    for key in ["hostPID", "hostIPC"] where spec[key] == true {
      add(.forbidden("\(field).\(key)", detail))
    }
    for key in ["hostUsers", "shareProcessNamespace"] where spec[key] != nil {
      let place = key == "hostUsers" ? "\(field).\(key)" : "\(field).securityContext.\(key)"
      add(.forbidden(place, detail))
    }
    for list in lists {
      for (index, container) in (spec[list]?.arrayValue ?? []).enumerated() {
        for key in Self.notForWindowsContainers where container.at("securityContext", key) != nil {
          add(.forbidden("\(field).\(list)[\(index)].securityContext.\(key)", detail))
        }
      }
    }
  }
}
