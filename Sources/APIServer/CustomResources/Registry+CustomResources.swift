import JSONDocument
import Keyspace
import KubernetesAPI

extension ResourceInfo {
  /// CustomResourceDefinitions themselves.
  var isDefinitions: Bool { gvr == CustomResources.definitions }
}

extension Registry {
  // MARK: Serving what is stored

  /// The bytes of a stored object in the version that was asked for.
  func servedBytes(_ entry: Entry, _ info: ResourceInfo) -> [UInt8] {
    guard let custom = info.custom,
      entry.modRevision <= custom.schemaRevision || info.gvr != info.storageGVR,
      var object = try? JSONValue(parsing: entry.value)
    else { return entry.value }
    custom.convert(&object, isStored: false)
    return ObjectCodec.encode(object).bytes(at: entry.modRevision)
  }

  // MARK: Validation

  /// What is wrong with a new object.
  ///
  /// - Parameter isKnownValid: whether all but its metadata was found valid before.
  func problemsOfCreation(
    _ object: JSONValue, _ info: ResourceInfo, _ context: RequestContext, isKnownValid: Bool
  ) -> [FieldError] {
    if info.isDefinitions { warn(of: object, context) }
    let errors = Validation.create(object, resource: info, isKnownValid: isKnownValid)
    guard let custom = info.custom else { return errors }
    let verdict = custom.validate(object, old: nil)
    for warning in verdict.warnings { context.warnings.add(warning) }
    return errors + verdict.errors
  }

  /// What is wrong with a changed object.
  func problemsOfUpdate(
    _ new: JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) -> [FieldError] {
    if info.isDefinitions, subresource.isEmpty { warn(of: new, context) }
    let errors = Validation.update(
      new: new, old: old, resource: info, subresource: subresource)
    guard let custom = info.custom else { return errors }
    let verdict = custom.validate(new, old: old)
    for warning in verdict.warnings { context.warnings.add(warning) }
    return errors + verdict.errors
  }

  private func warn(of definition: JSONValue, _ context: RequestContext) {
    for format in CustomResourceDefinition.unknownFormats(in: definition) {
      context.warnings.add("unrecognized format \(GoFormat.quoted(format))")
    }
  }

  // MARK: Creation

  private static let deletionPath = [Array("metadata".utf8), Array("deletionTimestamp".utf8)]

  /// Nothing new comes to a definition that is missing or going away.
  ///
  /// - Returns: a compare that makes the write fail if the definition changes meanwhile.
  func definitionGuard(_ info: ResourceInfo, object: JSONValue) throws(APIStatus) -> Compare? {
    guard let custom = info.custom else { return nil }
    let key = CustomResources.key(ofDefinition: custom.definition)
    guard let entry = store.current().get(key) else { throw .unknownResource }
    if JSONScan.range(of: Self.deletionPath, in: entry.value) != nil {
      throw .forbidden(
        info.gvr, name: object.name,
        "create not allowed while custom resource definition is terminating")
    }
    return Compare(key: key, revision: entry.modRevision)
  }

  /// The status of a new definition: nothing is accepted yet.
  static func prepareDefinition(_ object: inout JSONValue) {
    let storage = (object.at("spec", "versions")?.arrayValue ?? []).filter {
      $0["storage"] == true
    }
    object["status"] = [
      "conditions": .null, "acceptedNames": ["plural": "", "kind": ""],
      "storedVersions": .array(storage.compactMap { $0["name"] }),
    ]
  }

  /// A version that becomes the storage version is one that objects are stored in.
  static func noteStorageVersion(_ object: inout JSONValue) {
    guard
      let name = (object.at("spec", "versions")?.arrayValue ?? [])
        .first(where: { $0["storage"] == true })?["name"]
    else { return }
    var stored = object.at("status", "storedVersions")?.arrayValue ?? []
    guard !stored.contains(name) else { return }
    stored.append(name)
    object.set(.array(stored), at: "status", "storedVersions")
  }
}
