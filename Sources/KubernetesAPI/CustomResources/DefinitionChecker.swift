import JSONDocument

/// Checks CustomResourceDefinitions as upstream does: names, versions, schemas, columns.
///
/// Upstream checks a form in which what all versions have in common stands above them, so that
/// paths begin with `spec.validation` where all versions have the same schema.
struct DefinitionChecker {
  var errors: [FieldError] = []
  let object: JSONValue
  private let old: JSONValue?
  private let versions: [JSONValue]

  init(_ object: JSONValue, old: JSONValue?) {
    self.object = object
    self.old = old
    versions = object.at("spec", "versions")?.arrayValue ?? []
  }

  /// What is wrong with a definition, its metadata aside.
  static func errors(in object: JSONValue, old: JSONValue?) -> [FieldError] {
    var checker = DefinitionChecker(object, old: old)
    checker.check()
    return checker.errors
  }

  /// Formats that upstream does not know, which are not looked at.
  static func unknownFormats(in object: JSONValue) -> [String] {
    var found: [String] = []
    func visit(_ schema: JSONValue, _ depth: Int) {
      guard depth < StructuralSchema.maximumDepth, let members = schema.objectValue else { return }
      if let format = schema["format"]?.stringValue, !format.isEmpty, !ValueFormat.isKnown(format),
        !found.contains(format)
      {
        found.append(format)
      }
      for (_, child) in members["properties"]?.objectValue ?? [:] { visit(child, depth + 1) }
      for name in ["items", "additionalProperties", "not"] {
        if let child = members[name] { visit(child, depth + 1) }
      }
      for name in ["allOf", "anyOf", "oneOf"] {
        for child in members[name]?.arrayValue ?? [] { visit(child, depth + 1) }
      }
    }
    for version in object.at("spec", "versions")?.arrayValue ?? [] {
      if let schema = version.at("schema", "openAPIV3Schema") { visit(schema, 0) }
    }
    return found
  }

  mutating func add(_ error: FieldError) { errors.append(error) }

  mutating func label(_ text: String, _ field: String, prefix: String = "") {
    let problems = NameRules.dns1035Label(text)
    if !problems.isEmpty {
      add(.invalid(field, .string(text), prefix + problems.joined(separator: ",")))
    }
  }

  func text(_ path: String...) -> String { object.at(path: path)?.stringValue ?? "" }

  private mutating func check() {
    let group = text("spec", "group")
    let plural = text("spec", "names", "plural")
    let name = text("metadata", "name")
    if old == nil, name != "\(plural).\(group)" {
      add(
        .invalid(
          "metadata.name", .string(name), "must be spec.names.plural+\".\"+spec.group"))
    }
    checkGroupAndScope(group)
    checkVersions()
    checkNames()
    checkShared()
    checkConversion()
    if let old { checkUpdate(old) }
    checkStatus()
    checkApproval(group)
    if object.at("spec", "preserveUnknownFields") == true,
      old?.at("spec", "preserveUnknownFields") != true
    {
      add(
        .invalid(
          "spec.preserveUnknownFields", true,
          "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            + "spec.versions[*].schema instead"))
    }
  }

  private mutating func checkGroupAndScope(_ group: String) {
    let problems = NameRules.dns1123Subdomain(group)
    if group.isEmpty {
      add(.required("spec.group"))
    } else if !problems.isEmpty {
      add(.invalid("spec.group", .string(group), problems.joined(separator: ",")))
    } else if !group.contains(".") {
      add(.invalid("spec.group", .string(group), "should be a domain with at least one dot"))
    }
    let scope = text("spec", "scope")
    if scope.isEmpty {
      add(.required("spec.scope"))
    } else if scope != "Cluster", scope != "Namespaced" {
      add(.notSupported("spec.scope", .string(scope), ["Cluster", "Namespaced"]))
    }
  }

  // MARK: Versions

  /// What all versions have, if all have the same.
  private func shared(_ name: String) -> JSONValue? {
    guard let first = versions.first else { return nil }
    let value = first[name]
    return versions.allSatisfy { $0[name] == value } ? value : nil
  }

  private func isShared(_ name: String) -> Bool {
    versions.allSatisfy { $0[name] == versions.first?[name] }
  }

  private func hasStatus(_ version: JSONValue) -> Bool {
    version.at("subresources", "status")?.objectValue != nil
  }

  private mutating func checkVersions() {
    let sharesSchema = isShared("schema")
    if !(sharesSchema && shared("schema")?["openAPIV3Schema"]?.objectValue != nil) {
      for (index, version) in versions.enumerated()
      where version.at("schema", "openAPIV3Schema")?.objectValue == nil {
        add(.required("spec.versions[\(index)].schema.openAPIV3Schema", "schemas are required"))
      }
    }
    var names: Set<String> = []
    var isUnique = true
    for (index, version) in versions.enumerated() {
      let place = "spec.versions[\(index)]"
      let name = version["name"]?.stringValue ?? ""
      if !names.insert(name).inserted { isUnique = false }
      label(name, "\(place).name")
      checkDeprecation(version, place)
      if !sharesSchema {
        checkSchema(version["schema"], "\(place).schema", hasStatus: hasStatus(version))
      }
      if !isShared("subresources") {
        checkSubresources(version["subresources"], "\(place).subresources")
      }
      if !isShared("additionalPrinterColumns") {
        checkColumns(
          version["additionalPrinterColumns"], "\(place).additionalPrinterColumns")
      }
      if !isShared("selectableFields") {
        checkSelectableFields(
          version["selectableFields"], version.at("schema", "openAPIV3Schema"),
          "\(place).selectableFields")
      }
    }
    let shown = object.at("spec", "versions")
    if !isUnique {
      add(.invalid("spec.versions", shown, "must contain unique version names"))
    }
    if versions.count(where: { $0["storage"] == true }) != 1 {
      add(
        .invalid(
          "spec.versions", shown, "must have exactly one version marked as storage version"))
    }
  }

  private mutating func checkShared() {
    if isShared("schema"), !versions.isEmpty {
      checkSchema(
        shared("schema"), "spec.validation", hasStatus: versions.contains(where: hasStatus))
    }
    if isShared("subresources") {
      checkSubresources(shared("subresources"), "spec.subresources")
    }
    if isShared("additionalPrinterColumns") {
      checkColumns(shared("additionalPrinterColumns"), "spec.additionalPrinterColumns")
    }
    if isShared("selectableFields") {
      checkSelectableFields(
        shared("selectableFields"),
        versions.first?.at("schema", "openAPIV3Schema"), "spec.selectableFields")
    }
  }

  private mutating func checkDeprecation(_ version: JSONValue, _ place: String) {
    guard let value = version["deprecationWarning"], let warning = value.stringValue else {
      return
    }
    let field = "\(place).deprecationWarning"
    guard version["deprecated"] == true else {
      add(.invalid(field, value, "can only be set for deprecated versions"))
      return
    }
    if warning.utf8.count > 256 { add(.invalid(field, value, "must be <= 256 characters long")) }
    if warning.isEmpty { add(.invalid(field, value, "must not be an empty string")) }
    for (index, scalar) in warning.unicodeScalars.enumerated() {
      let category = scalar.properties.generalCategory
      let isHidden =
        scalar != " "
        && [
          .control, .format, .unassigned, .privateUse, .lineSeparator, .paragraphSeparator,
          .spaceSeparator,
        ].contains(category)
      if isHidden {
        add(
          .invalid(
            field, value,
            "must only contain printable UTF-8 characters; non-printable character found at index "
              + "\(index)"))
        break
      }
    }
  }

  // MARK: Status and what may not change

  private mutating func checkUpdate(_ old: JSONValue) {
    func immutable(_ path: String...) {
      let now = object.at(path: ["spec"] + path)
      if (now ?? "") != (old.at(path: ["spec"] + path) ?? "") {
        add(
          .invalid("spec." + path.joined(separator: "."), now ?? "", "field is immutable"))
      }
    }
    if CustomResourceDefinition.isTrue("Established", old) {
      immutable("scope")
      immutable("names", "kind")
    }
    immutable("group")
    immutable("names", "plural")
  }

  private mutating func checkStatus() {
    checkNames(object.at("status", "acceptedNames"), "status.acceptedNames")
    let stored = (object.at("status", "storedVersions")?.arrayValue ?? [])
      .compactMap(\.stringValue)
    let field = "status.storedVersions"
    let shown = object.at("status", "storedVersions")
    guard !stored.isEmpty else {
      add(.invalid(field, [], "must have at least one stored version"))
      return
    }
    let names = versions.compactMap { $0["name"]?.stringValue }
    for version in versions where version["storage"] == true {
      let name = version["name"]?.stringValue ?? ""
      if !stored.contains(name) {
        add(.invalid(field, shown, "must have the storage version \(name)"))
      }
    }
    for (index, name) in stored.enumerated() where !names.contains(name) {
      add(
        .invalid(
          "\(field)[\(index)]", .string(name),
          "missing from spec.versions; \(name) was previously a storage version, and must remain "
            + "in spec.versions until a storage migration ensures no data remains persisted in "
            + "\(name) and removes \(name) from status.storedVersions"))
    }
  }

  private mutating func checkApproval(_ group: String) {
    guard ProtectedGroup.isProtected(group) else { return }
    let state = ProtectedGroup.approval(of: object)
    if let old, ProtectedGroup.approval(of: old) == state { return }
    let field = "metadata.annotations[\(ProtectedGroup.annotation)]"
    switch state {
    case .approved, .bypassed: break
    case .missing: add(.required(field, state.reason))
    case .invalid(let text): add(.invalid(field, .string(text), state.reason))
    }
  }

  // MARK: Schemas

  private mutating func checkSchema(_ value: JSONValue?, _ place: String, hasStatus: Bool) {
    guard let schema = value?["openAPIV3Schema"], schema.objectValue != nil else { return }
    let isUnchanged =
      old.map { old in
        (old.at("spec", "versions")?.arrayValue ?? []).contains {
          $0.at("schema", "openAPIV3Schema") == schema
        }
      } ?? false
    var checker = SchemaChecker(skipsCost: isUnchanged)
    errors += checker.check(schema, "\(place).openAPIV3Schema", hasStatus: hasStatus)
  }
}
