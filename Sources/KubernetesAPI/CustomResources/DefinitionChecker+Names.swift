import JSONDocument

extension DefinitionChecker {
  mutating func checkNames() {
    for name in ["plural", "singular", "kind", "listKind"] where text("spec", "names", name).isEmpty
    {
      add(.required("spec.names.\(name)"))
    }
    checkNames(object.at("spec", "names"), "spec.names")
  }

  mutating func checkNames(_ names: JSONValue?, _ place: String) {
    func text(_ name: String) -> String { names?[name]?.stringValue ?? "" }
    for name in ["plural", "singular"] where !text(name).isEmpty {
      label(text(name), "\(place).\(name)")
    }
    for name in ["kind", "listKind"] where !text(name).isEmpty {
      let problems = NameRules.dns1035Label(text(name).lowercased())
      if !problems.isEmpty {
        add(
          .invalid(
            "\(place).\(name)", .string(text(name)),
            "may have mixed case, but should otherwise match: "
              + problems.joined(separator: ",")))
      }
    }
    for (index, name) in (names?["shortNames"]?.arrayValue ?? []).enumerated() {
      label(name.stringValue ?? "", "\(place).shortNames[\(index)]")
    }
    if !text("kind").isEmpty, text("kind") == text("listKind") {
      add(
        .invalid(
          "\(place).listKind", .string(text("listKind")),
          "kind and listKind may not be the same"))
    }
    for (index, name) in (names?["categories"]?.arrayValue ?? []).enumerated() {
      label(name.stringValue ?? "", "\(place).categories[\(index)]")
    }
  }
}
