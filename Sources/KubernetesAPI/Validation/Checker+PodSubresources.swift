import JSONDocument

extension Validation.Checker {
  /// What a pod's `ephemeralcontainers` may do: add containers, never change or remove one.
  mutating func ephemeralContainers(_ old: JSONValue) {
    let field = "spec.ephemeralContainers"
    let containers = value(field)?.arrayValue ?? []
    var names: Set<String> = []
    for list in ["containers", "initContainers"] {
      for container in object.at("spec", list)?.arrayValue ?? [] {
        names.insert(container["name"]?.stringValue ?? "")
      }
    }
    let targets = names
    for (index, container) in containers.enumerated() {
      let place = "\(field)[\(index)]"
      let name = container["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(place).name"))
      } else {
        add(NameRules.dns1123Label(name), "\(place).name", .string(name))
      }
      if !names.insert(name).inserted { add(.duplicate("\(place).name", .string(name))) }
      required(container["image"], "\(place).image")
      if let target = container["targetContainerName"]?.stringValue, !target.isEmpty,
        !targets.contains(target)
      {
        add(.notFound("\(place).targetContainerName", .string(target)))
      }
      for (key, value) in container.objectValue ?? [:]
      where Self.neverEphemeral.contains(key) && !value.isEmptyCollection {
        add(.forbidden("\(place).\(key)", "cannot be set for an Ephemeral Container"))
      }
    }
    for before in old.at("spec", "ephemeralContainers")?.arrayValue ?? [] {
      let name = before["name"]?.stringValue ?? ""
      let now = containers.first { $0["name"] == before["name"] }
      guard now != before else { continue }
      let change = now == nil ? "removed" : "changed"
      add(
        .forbidden(field, "existing ephemeral containers \"\(name)\" may not be \(change)\n"))
    }
  }

  /// Fields that a container has and an ephemeral one may not set.
  private static let neverEphemeral: Set<String> = [
    "ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle",
    "resizePolicy",
  ]

  /// Of a pod's containers `resize` changes processor and memory only.
  mutating func resize(_ old: JSONValue) {
    pod()
    for list in ["containers", "initContainers"] {
      let before = old.at("spec", list)?.arrayValue ?? []
      let now = object.at("spec", list)?.arrayValue ?? []
      for (was, new) in zip(before, now) {
        for kind in ["requests", "limits"] {
          let fixed = was.at("resources", kind)?.withoutResizable ?? [:]
          if (new.at("resources", kind)?.withoutResizable ?? [:]) != fixed {
            add(.forbidden("spec", "only cpu and memory resources are mutable"))
            return
          }
        }
      }
    }
  }

  /// A pod's class of service is decided when it is created.
  mutating func podStatus() {
    for (index, condition) in (value("status.conditions")?.arrayValue ?? []).enumerated() {
      let type = condition["type"]?.stringValue ?? ""
      // Upstream writes this field's name as its own code does.
      add(
        NameRules.qualifiedName(type), "status.conditions[\(index)].Type", .string(type))
    }
    let now = value("status.qosClass")
    guard let before = old?.at("status", "qosClass"), now != before else { return }
    add(.invalid("status.qosClass", now, "field is immutable"))
  }
}

extension JSONValue {
  fileprivate var isEmptyCollection: Bool {
    switch self {
    case .null: true
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  /// Amounts of resources less those that a running pod can be given more or less of.
  fileprivate var withoutResizable: JSONObject {
    var amounts = objectValue ?? [:]
    for name in ["cpu", "memory"] { amounts[name] = nil }
    return amounts
  }
}
