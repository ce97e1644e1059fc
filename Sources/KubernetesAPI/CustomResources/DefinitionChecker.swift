import JSONDocument

/// Checks CustomResourceDefinitions as upstream does: names, versions, schemas, columns.
///
/// Upstream checks a form in which what all versions have in common stands above them, so that
/// paths begin with `spec.validation` where all versions have the same schema.
struct DefinitionChecker {
  var errors: [FieldError] = []
  private let object: JSONValue
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

  private mutating func add(_ error: FieldError) { errors.append(error) }

  private mutating func label(_ text: String, _ field: String, prefix: String = "") {
    let problems = NameRules.dns1035Label(text)
    if !problems.isEmpty {
      add(.invalid(field, .string(text), prefix + problems.joined(separator: ",")))
    }
  }

  private func text(_ path: String...) -> String { object.at(path: path)?.stringValue ?? "" }

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

  // MARK: Names

  private mutating func checkNames() {
    for name in ["plural", "singular", "kind", "listKind"] where text("spec", "names", name).isEmpty
    {
      add(.required("spec.names.\(name)"))
    }
    checkNames(object.at("spec", "names"), "spec.names")
  }

  private mutating func checkNames(_ names: JSONValue?, _ place: String) {
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

  // MARK: Subresources, columns and selectable fields

  private mutating func simplePath(_ path: String, _ field: String) -> Bool {
    guard path.hasPrefix(".") else {
      add(.invalid(field, .string(path), "must be a simple json path starting with ."))
      return false
    }
    return true
  }

  private mutating func checkSubresources(_ value: JSONValue?, _ place: String) {
    guard let scale = value?["scale"], scale.objectValue != nil else { return }
    for (name, root) in [("specReplicasPath", "spec"), ("statusReplicasPath", "status")] {
      let field = "\(place).scale.\(name)"
      let path = scale[name]?.stringValue ?? ""
      if path.isEmpty {
        add(.required(field))
      } else if simplePath(path, field), !path.hasPrefix(".\(root).") {
        add(.invalid(field, .string(path), "should be a json path under .\(root)"))
      }
    }
    let path = scale["labelSelectorPath"]?.stringValue ?? ""
    let field = "\(place).scale.labelSelectorPath"
    if !path.isEmpty, simplePath(path, field), !path.hasPrefix(".spec."),
      !path.hasPrefix(".status.")
    {
      add(
        .invalid(field, .string(path), "should be a json path under either .spec or .status"))
    }
  }

  private static let columnTypes = ["boolean", "date", "integer", "number", "string"]
  private static let columnFormats = [
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password",
  ]

  private mutating func checkColumns(_ value: JSONValue?, _ place: String) {
    for (index, column) in (value?.arrayValue ?? []).enumerated() {
      let field = "\(place)[\(index)]"
      func text(_ name: String) -> String { column[name]?.stringValue ?? "" }
      if text("name").isEmpty { add(.required("\(field).name")) }
      let types = "must be one of \(Self.columnTypes.joined(separator: ","))"
      if text("type").isEmpty {
        add(.required("\(field).type", types))
      } else if !Self.columnTypes.contains(text("type")) {
        add(.invalid("\(field).type", .string(text("type")), types))
      }
      if !text("format").isEmpty, !Self.columnFormats.contains(text("format")) {
        add(
          .invalid(
            "\(field).format", .string(text("format")),
            "must be one of \(Self.columnFormats.joined(separator: ","))"))
      }
      if text("jsonPath").isEmpty {
        add(.required("\(field).JSONPath"))
      } else {
        _ = simplePath(text("jsonPath"), "\(field).JSONPath")
      }
    }
  }

  private mutating func checkSelectableFields(
    _ value: JSONValue?, _ schema: JSONValue?, _ place: String
  ) {
    let fields = value?.arrayValue ?? []
    guard !fields.isEmpty else { return }
    guard let schema, schema.objectValue != nil else {
      add(
        .invalid(place, "", "selectableFields may only be set when validations.schema is included"))
      return
    }
    let root = StructuralSchema(schema)
    var seen: Set<String> = []
    for (index, entry) in fields.enumerated() {
      let path = entry["jsonPath"]?.stringValue ?? ""
      let field = "\(place)[\(index)].jsonPath"
      guard !path.isEmpty else {
        add(.required(field))
        continue
      }
      switch SchemaPath.resolve(path, in: root, allowsBrackets: false) {
      case .failure(let problem):
        add(.invalid(field, .string(path), "is an invalid path: \(problem.message)"))
      case .success(let found):
        if found.names.first == "metadata" {
          add(.invalid(field, .string(path), "must not point to fields in metadata"))
        }
        if !["string", "boolean", "integer"].contains(found.schema.type) {
          add(
            .invalid(
              field, .string(path),
              "must point to a field of type string, boolean or integer. Enum string fields and "
                + "strings with formats are allowed."))
        }
        if !seen.insert(found.names.joined(separator: ".")).inserted {
          add(.duplicate(field, .string(path)))
        }
      }
    }
    // KEP-4358's bound.
    if seen.count > 8 {
      add(StructuralSchema.tooMany(place, seen.count, 8))
    }
  }

  // MARK: Conversion, status and what may not change

  private mutating func checkConversion() {
    guard let conversion = object.at("spec", "conversion"), conversion.objectValue != nil else {
      return
    }
    let place = "spec.conversion"
    let strategy = conversion["strategy"]?.stringValue ?? ""
    let webhook = conversion["webhook"]
    let client = webhook?["clientConfig"]
    let reviews = (webhook?["conversionReviewVersions"]?.arrayValue ?? []).compactMap(\.stringValue)
    if strategy.isEmpty {
      add(.required("\(place).strategy"))
    } else if strategy != "None", strategy != "Webhook" {
      add(.notSupported("\(place).strategy", .string(strategy), ["None", "Webhook"]))
    }
    guard strategy == "Webhook" else {
      if client != nil {
        add(
          .forbidden(
            "\(place).webhookClientConfig",
            "should not be set when strategy is not set to Webhook"))
      }
      if !reviews.isEmpty {
        add(
          .forbidden(
            "\(place).conversionReviewVersions",
            "should not be set when strategy is not set to Webhook"))
      }
      return
    }
    if let client, client.objectValue != nil {
      checkClient(client, "\(place).webhookClientConfig")
    } else {
      add(
        .required("\(place).webhookClientConfig", "required when strategy is set to Webhook"))
    }
    let field = "\(place).conversionReviewVersions"
    if reviews.isEmpty {
      add(.required(field))
      return
    }
    var seen: Set<String> = []
    for (index, version) in reviews.enumerated() {
      if !seen.insert(version).inserted {
        add(.invalid("\(field)[\(index)]", .string(version), "duplicate version"))
        continue
      }
      label(version, "\(field)[\(index)]")
    }
    if seen.isDisjoint(with: ["v1", "v1beta1"]) {
      add(
        .invalid(
          field, .array(reviews.map { .string($0) }), "must include at least one of v1, v1beta1"))
    }
  }

  private mutating func checkClient(_ client: JSONValue, _ place: String) {
    let url = client["url"]?.stringValue
    let service = client["service"]?.objectValue != nil ? client["service"] : nil
    guard (url == nil) != (service == nil) else {
      add(.required(place, "exactly one of url or service is required"))
      return
    }
    if let url {
      let field = "\(place).url"
      guard let address = WebAddress(parsing: url) else {
        add(.required(field, "url must be a valid URL: invalid URI for request"))
        return
      }
      if address.scheme != "https" {
        add(
          .invalid(
            field, .string(address.scheme), "'https' is the only allowed URL scheme"))
      }
      if address.host.isEmpty {
        add(.invalid(field, .string(address.host), "host must be specified"))
      }
      if !address.fragment.isEmpty {
        add(
          .invalid(
            field, .string(address.fragment), "fragments are not permitted in the URL"))
      }
      if !address.query.isEmpty {
        add(
          .invalid(
            field, .string(address.query), "query parameters not permitted in the URL"))
      }
      return
    }
    for name in ["name", "namespace"] where (service?[name]?.stringValue ?? "").isEmpty {
      add(.required("\(place).service.\(name)", "service \(name) is required"))
    }
    if let port = service?["port"]?.intValue, !(1...65535).contains(port) {
      add(
        .invalid(
          "\(place).service.port", .int(port),
          "port is not valid: must be between 1 and 65535, inclusive"))
    }
    if let path = service?["path"]?.stringValue, !path.hasPrefix("/") {
      add(
        .invalid("\(place).service.path", .string(path), "must start with a '/'"))
    }
  }

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

/// Groups that belong to the Kubernetes community, whose definitions need its approval.
enum ProtectedGroup {
  static let annotation = "api-approved.kubernetes.io"

  enum Approval: Equatable {
    case missing
    case invalid(String)
    case bypassed(String)
    case approved(String)

    var reason: String {
      switch self {
      case .missing:
        "protected groups must have approval annotation \"\(ProtectedGroup.annotation)\", see "
          + "https://github.com/kubernetes/enhancements/pull/1111"
      case .invalid:
        "protected groups must have approval annotation \"\(ProtectedGroup.annotation)\" with "
          + "either a URL or a reason starting with \"unapproved\", see "
          + "https://github.com/kubernetes/enhancements/pull/1111"
      case .bypassed(let text): "not approved: \(GoFormat.quoted(text))"
      case .approved(let text): "approved in \(text)"
      }
    }
  }

  static func isProtected(_ group: String) -> Bool {
    group == "k8s.io" || group.hasSuffix(".k8s.io") || group == "kubernetes.io"
      || group.hasSuffix(".kubernetes.io")
  }

  static func approval(of object: JSONValue) -> Approval {
    guard let text = object.at("metadata", "annotations", annotation)?.stringValue, !text.isEmpty
    else { return .missing }
    if text.hasPrefix("unapproved") { return .bypassed(text) }
    if let address = WebAddress(parsing: text), !address.scheme.isEmpty, !address.host.isEmpty {
      return .approved(text)
    }
    return .invalid(text)
  }
}
