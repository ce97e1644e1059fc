import JSONDocument

extension Validation.Checker {
  /// What upstream allows the annotations of an object to take together.
  static let maximumAnnotationBytes = 256 * 1024

  private func nameProblems(_ name: String) -> [String] {
    switch kindKey {
    case "/Namespace": NameRules.dns1123Label(name)
    case "/Service": NameRules.dns1123Label(name)
    case "apps/StatefulSet":
      isCreate ? NameRules.dns1123Label(name) : NameRules.dns1123Subdomain(name)
    case "rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/ClusterRole",
      "rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding",
      "apiregistration.k8s.io/APIService":
      NameRules.pathSegment(name)
    case "networking.k8s.io/IPAddress": IPAddress.canonicalProblems(name)
    case "storage.k8s.io/CSIDriver": NameRules.driverName(name)
    case "batch/CronJob":
      // Room for what the names of its jobs end in.
      NameRules.dns1123Subdomain(name)
        + (isCreate && name.utf8.count > 52 ? ["must be no more than 52 characters"] : [])
    default: NameRules.dns1123Subdomain(name)
    }
  }

  /// What is wrong with the metadata of an object within an object.
  static func embeddedMetadata(_ metadata: JSONValue, _ field: String) -> [FieldError] {
    var named = metadata
    if (named["name"]?.stringValue ?? "").isEmpty { named["name"] = "placeholder" }
    let isNamespaced = !(named["namespace"]?.stringValue ?? "").isEmpty
    // The names of any kind must do.
    let resource = ResourceInfo(
      group: "rbac.authorization.k8s.io", version: "v1", resource: "roles", kind: "Role",
      namespaced: isNamespaced, verbs: [])
    var checker = Self(resource: resource, object: ["metadata": named], old: nil)
    checker.metadata()
    return checker.errors.map { error in
      var error = error
      if error.field.hasPrefix("metadata") {
        error.field = field + error.field.dropFirst("metadata".count)
      }
      return error
    }
  }

  mutating func metadata() {
    let metadata = object["metadata"]
    let name = metadata?["name"]?.stringValue ?? ""
    let generateName = metadata?["generateName"]?.stringValue ?? ""
    if !generateName.isEmpty {
      // What it is made of shows in the name; only what is cut off to make the name does not.
      let problems = nameProblems(generateName).filter { $0.hasPrefix("must be no more than") }
      add(problems, "metadata.generateName", .string(generateName))
    }
    if name.isEmpty {
      add(.required("metadata.name", "name or generateName is required"))
    } else {
      add(nameProblems(name), "metadata.name", .string(name))
    }
    let namespace = metadata?["namespace"]?.stringValue ?? ""
    if resource.namespaced {
      if namespace.isEmpty {
        add(.required("metadata.namespace"))
      } else {
        add(NameRules.dns1123Label(namespace), "metadata.namespace", .string(namespace))
      }
    }
    if let generation = metadata?["generation"]?.intValue, generation < 0 {
      notNegative(metadata?["generation"], "metadata.generation")
    }
    // What an object had already was found valid then.
    func changed(_ name: String) -> JSONValue? {
      guard let value = metadata?[name] else { return nil }
      if let before = old?["metadata"]?[name], value.isIdentical(to: before) { return nil }
      return value
    }
    labels(changed("labels"), "metadata.labels")
    annotations(changed("annotations"), "metadata.annotations")
    owners(changed("ownerReferences"))
    for (index, finalizer) in (changed("finalizers")?.arrayValue ?? []).enumerated() {
      let text = finalizer.stringValue ?? ""
      let problems = NameRules.qualifiedName(text)
      add(problems, "metadata.finalizers", finalizer)
      let standard = ["orphan", "foregroundDeletion", "kubernetes"]
      if problems.isEmpty, !text.contains("/"), !standard.contains(text) {
        add(
          .invalid(
            "metadata.finalizers[\(index)]", finalizer,
            "name is neither a standard finalizer name nor is it fully qualified"))
      }
    }
  }

  mutating func annotations(_ value: JSONValue?, _ field: String) {
    var bytes = 0
    for (key, annotation) in value?.objectValue ?? [:] {
      // Annotation keys may have upper case letters in their prefix.
      add(NameRules.qualifiedName(key.lowercased()), field, .string(key))
      bytes += key.utf8.count + (annotation.stringValue ?? "").utf8.count
    }
    if bytes > Self.maximumAnnotationBytes {
      add(.tooLong(field, maximumBytes: Self.maximumAnnotationBytes))
    }
  }

  private mutating func owners(_ value: JSONValue?) {
    let field = "metadata.ownerReferences"
    var controller: JSONValue?
    for owner in value?.arrayValue ?? [] {
      let apiVersion = owner["apiVersion"]?.stringValue ?? ""
      if apiVersion.isEmpty {
        add(.invalid("\(field).apiVersion", "", "version must not be empty"))
      }
      for key in ["kind", "name", "uid"] where (owner[key]?.stringValue ?? "").isEmpty {
        add(.invalid("\(field).\(key)", "", "must not be empty"))
      }
      if apiVersion == "v1", owner["kind"] == "Event" {
        add(.invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner"))
      }
      guard owner["controller"] == true else { continue }
      if let first = controller {
        add(
          .invalid(
            field, value,
            "Only one reference can have Controller set to true. Found \"true\" in references for "
              + "\(first["kind"]?.stringValue ?? "")/\(first["name"]?.stringValue ?? "") and "
              + "\(owner["kind"]?.stringValue ?? "")/\(owner["name"]?.stringValue ?? "")"))
        break
      }
      controller = owner
    }
  }

  /// Whether all but the metadata is what was found valid before. Members that the two objects share
  /// tell so at no cost; equal ones that they don't share are looked at again.
  func hasOnlyNewMetadata(_ old: JSONValue) -> Bool {
    func isChanged(_ name: String) -> Bool { object["metadata"]?[name] != old["metadata"]?[name] }
    // What is asked of these kinds depends on their labels or annotations.
    switch kindKey {
    case "/Pod":
      let selectors = ["affinity", "topologySpreadConstraints"]
      if isChanged("labels"), selectors.contains(where: { object["spec"]?[$0] != nil }) {
        return false
      }
    case "/Secret", "apiextensions.k8s.io/CustomResourceDefinition":
      if isChanged("annotations") { return false }
    default: break
    }
    guard let now = object.objectValue, let before = old.objectValue, now.count == before.count
    else { return false }
    for position in 0..<now.count where now.keys[position] != "metadata" {
      guard let value = before[now.keys[position]], now.values[position].isIdentical(to: value)
      else { return false }
    }
    return true
  }

  mutating func metadataUpdate(_ old: JSONValue) {
    for key in [
      "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
      "deletionGracePeriodSeconds",
    ] {
      let (now, before) = (object["metadata"]?[key] ?? .null, old["metadata"]?[key] ?? .null)
      if now != before {
        add(.invalid("metadata.\(key)", object["metadata"]?[key], "field is immutable"))
      }
    }
    guard old.at("metadata", "deletionTimestamp")?.stringValue != nil else { return }
    let before = Set((old.at("metadata", "finalizers")?.arrayValue ?? []).compactMap(\.stringValue))
    let now = (value("metadata.finalizers")?.arrayValue ?? []).compactMap(\.stringValue)
    let added = now.filter { !before.contains($0) }
    if !added.isEmpty {
      add(
        .forbidden(
          "metadata.finalizers",
          "no new finalizers can be added if the object is being deleted, found new finalizers "
            + "[\(added.map(GoFormat.quoted).joined(separator: " "))]"))
    }
  }
}
