import JSONDocument

/// The variables of a container.
extension Validation.Checker {
  private static func environmentNameProblems(_ name: String) -> [String] {
    let printable = name.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    return printable
      ? []
      : [
        "a valid environment variable name must consist only of printable ASCII characters other "
          + "than '='"
      ]
  }

  mutating func environment(_ container: JSONValue, _ field: String) {
    for (index, variable) in (container["env"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).env[\(index)]"
      let name = variable["name"]?.stringValue ?? ""
      if name.isEmpty {
        add(.required("\(place).name"))
      } else {
        add(Self.environmentNameProblems(name), "\(place).name", .string(name))
      }
      guard let source = variable["valueFrom"] else { continue }
      let from = "\(place).valueFrom"
      let members = [
        "fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef",
      ]
      .filter { source[$0] != nil }
      if let reference = source["fieldRef"] {
        fieldReference(reference, "\(from).fieldRef", Self.environmentFields)
      }
      if let reference = source["resourceFieldRef"] {
        resourceReference(reference, "\(from).resourceFieldRef", needsContainer: false)
      }
      for kind in ["configMapKeyRef", "secretKeyRef"] {
        guard let reference = source[kind] else { continue }
        let object = reference["name"]?.stringValue ?? ""
        add(NameRules.dns1123Subdomain(object), "\(from).\(kind).name", .string(object))
        if required(reference["key"], "\(from).\(kind).key") {
          dataKey(reference["key"]?.stringValue ?? "", "\(from).\(kind).key")
        }
      }
      if members.isEmpty {
        add(
          .invalid(
            from, "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` "
              + "or `fileKeyRef`"))
      } else if members.count > 1 {
        add(.invalid(from, "", "may not have more than one field specified at a time"))
      } else if !(variable["value"]?.stringValue ?? "").isEmpty {
        add(.invalid(from, "", "may not be specified when `value` is not empty"))
      }
    }
    for (index, source) in (container["envFrom"]?.arrayValue ?? []).enumerated() {
      let place = "\(field).envFrom[\(index)]"
      if let prefix = source["prefix"]?.stringValue, !prefix.isEmpty {
        add(Self.environmentNameProblems(prefix), "\(place).prefix", .string(prefix))
      }
      let members = ["configMapRef", "secretRef"].filter { source[$0] != nil }
      for kind in members {
        let name = source[kind]?["name"]?.stringValue ?? ""
        add(NameRules.dns1123Subdomain(name), "\(place).\(kind).name", .string(name))
      }
      if members.isEmpty {
        add(
          .invalid(
            "\(field).envFrom", "", "must specify one of: `configMapRef` or `secretRef`"))
      } else if members.count > 1 {
        add(
          .invalid(
            "\(field).envFrom", "", "may not have more than one field specified at a time"))
      }
    }
  }
}
