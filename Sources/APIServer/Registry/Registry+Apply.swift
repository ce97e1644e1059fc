import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// Server-side apply: creates the object, or lays the configuration over it.
  ///
  /// - Returns: the object, and whether it is new.
  /// - Throws: 409 with a cause for each field that another manager owns and that would change.
  public func apply(
    _ info: ResourceInfo, namespace: String?, name: String, configuration: JSONValue, force: Bool,
    subresource: String = "", context: RequestContext
  ) async throws(APIStatus) -> (object: StoredObject, isCreated: Bool) {
    var configuration = configuration
    let sentNamespace = configuration.namespace
    try checkConfiguration(&configuration, info, namespace: namespace, name: name)
    let manager = fieldManager(info, subresource: subresource)
    guard let manager else {
      throw APIStatus(
        code: 415, reason: "UnsupportedMediaType",
        message: "\(info.gvr) has no schema that a configuration could be applied by")
    }
    do throws(FieldMismatch) {
      try manager.check(configuration)
    } catch {
      let kind = "\(info.group.isEmpty ? "" : info.group)/\(info.version), Kind=\(info.kind)"
      throw APIStatus(
        code: 500, reason: "",
        message: "failed to create typed patch object (\(sentNamespace)/\(name); \(kind)): "
          + error.description)
    }
    let wanted = configuration
    let write = write(info, subresource: subresource, context)
    for attempt in 0..<5 {
      if attempt > 0 { try await barrier() }
      let key = key(info, namespace: namespace, name: name)
      if try await entry(key) == nil {
        guard subresource.isEmpty else { throw .notFound(info.gvr, name: name) }
        if !configuration.uid.isEmpty {
          throw .conflict(
            info.gvr, name: name,
            "uid mismatch: the provided object specified uid \(configuration.uid), "
              + "and no existing object was found")
        }
        var object = try applied(
          wanted, to: manager.empty, manager, info, force: force, isCreation: true, write)
        object.set(.string(name), at: "metadata", "name")
        do throws(APIStatus) {
          return (
            try await create(
              info, namespace: namespace, object: object, context: context, isApply: true), true
          )
        } catch {
          // Somebody else was faster: then it is an update.
          guard error.reason == "AlreadyExists", attempt < 4 else { throw error }
          continue
        }
      }
      let object = try await modify(
        info, namespace: namespace, name: name, verb: "apply", subresource: subresource,
        attempts: 5, expected: nil, context: context, isApply: true
      ) { (current: JSONValue) throws(APIStatus) in
        try self.applied(
          wanted, to: current, manager, info, force: force, isCreation: false, write)
      }
      return (object, false)
    }
    throw .internalError("the object came and went too often")
  }

  private func checkConfiguration(
    _ configuration: inout JSONValue, _ info: ResourceInfo, namespace: String?, name: String
  ) throws(APIStatus) {
    let kind = configuration["kind"]?.stringValue ?? ""
    let apiVersion = configuration["apiVersion"]?.stringValue ?? ""
    guard kind == info.kind, apiVersion == info.gvr.apiVersion else {
      let version = apiVersion.contains("/") ? apiVersion : "/\(apiVersion)"
      throw .badRequest("invalid object type: \(version), Kind=\(kind)")
    }
    if configuration.at("metadata", "managedFields").map({ !$0.isNull }) ?? false {
      throw .badRequest("metadata.managedFields must be nil")
    }
    if configuration.name.isEmpty {
      throw .badRequest(
        "the name of the object (\(name) based on URL) was undeterminable: name must be provided")
    }
    if configuration.name != name {
      throw .badRequest(
        "the name of the object (\(configuration.name)) does not match the name on the URL "
          + "(\(name))")
    }
    try checkNamespace(of: &configuration, info, requested: namespace)
  }

  private func applied(
    _ configuration: JSONValue, to live: JSONValue, _ manager: FieldManager, _ info: ResourceInfo,
    force: Bool, isCreation: Bool, _ write: FieldManager.Write
  ) throws(APIStatus) -> JSONValue {
    var result: JSONValue
    do throws(FieldManager.Conflicts) {
      guard
        let applied = try manager.apply(
          configuration, to: live, force: force, isCreation: isCreation, write)
      else { return live }
      result = applied
    } catch {
      throw Self.status(error.conflicts)
    }
    let managedFields = result.at("metadata", "managedFields")
    result.set(nil, at: "metadata", "managedFields")
    let findings = FieldValidation.prune(&result, resource: info)
    if let mismatch = findings.mismatch {
      throw FieldValidation.decodingError(mismatch, resource: info)
    }
    result.set(managedFields, at: "metadata", "managedFields")
    return result
  }

  static func status(_ conflicts: [FieldManager.Conflict]) -> APIStatus {
    let message: String
    if conflicts.count == 1, let conflict = conflicts.first {
      message = "Apply failed with 1 conflict: conflict with \(conflict.manager): \(conflict.path)"
    } else {
      var managers: [String] = []
      for conflict in conflicts where !managers.contains(conflict.manager) {
        managers.append(conflict.manager)
      }
      let lines = managers.map { manager in
        let paths = conflicts.filter { $0.manager == manager }.map { "- \($0.path)" }
        return "conflicts with \(manager):\n" + paths.joined(separator: "\n")
      }
      message =
        "Apply failed with \(conflicts.count) conflicts: " + lines.joined(separator: "\n")
    }
    return APIStatus(
      code: 409, reason: "Conflict", message: message,
      causes: conflicts.map {
        APIStatus.Cause(
          reason: "FieldManagerConflict", message: "conflict with \($0.manager)", field: $0.path)
      })
  }

  // MARK: Other writes

  /// Notes in an updated object who changed what.
  func trackUpdate(
    _ new: inout JSONValue, old: JSONValue, sent: JSONValue?, _ info: ResourceInfo,
    subresource: String, _ context: RequestContext
  ) {
    let before = old.at("metadata", "managedFields")
    guard ["", "status", "scale"].contains(subresource),
      let manager = fieldManager(info, subresource: subresource)
    else {
      new.set(before, at: "metadata", "managedFields")
      return
    }
    // Clients that don't know the field must not delete it by leaving it out.
    var current = before
    let isAsBefore = sent.map { sent in before.map { sent.isIdentical(to: $0) } ?? false } ?? false
    if subresource.isEmpty, !isAsBefore {
      if FieldManager.isReset(sent) {
        current = nil
      } else if FieldManager.isUsable(sent) {
        current = sent
      }
    }
    new.set(
      manager.update(
        from: old, to: new, managedFields: current,
        write(info, subresource: subresource, context)), at: "metadata", "managedFields")
  }

  /// `managedFields` of an object that is created: what was asked for and its defaults, not what
  /// admission adds.
  func managedFieldsOfCreation(
    _ object: JSONValue, sent: JSONValue?, _ info: ResourceInfo, _ context: RequestContext,
    _ known: PodSpecs.Known? = nil
  ) -> JSONValue? {
    guard let manager = fieldManager(info, subresource: "") else { return nil }
    var asked = object
    if info.isNamespaces {
      asked.set(.string(asked.name), at: "metadata", "labels", "kubernetes.io/metadata.name")
    }
    let isReset = FieldManager.isReset(sent)
    let owned = known?[\.owned]
    let managedFields = manager.update(
      from: nil, to: asked,
      managedFields: !isReset && FieldManager.isUsable(sent) ? sent : nil,
      write(info, subresource: "", context), ownedSpec: owned)
    if owned == nil, sent == nil { known?[\.owned] = managedFields?[0]?["fieldsV1"]?["f:spec"] }
    return managedFields
  }

  func write(_ info: ResourceInfo, subresource: String, _ context: RequestContext)
    -> FieldManager.Write
  {
    FieldManager.Write(
      manager: context.managerName, apiVersion: info.gvr.apiVersion, subresource: subresource,
      time: WallClock.now())
  }

  private func fieldManager(_ info: ResourceInfo, subresource: String) -> FieldManager? {
    info.custom?.fieldManager(subresource: subresource)
      ?? FieldManagers.shared.manager(info, subresource: subresource)
  }
}

extension RequestContext {
  /// Who owns what this call writes: what the caller says, or the first word of its user agent.
  var managerName: String {
    if !fieldManager.isEmpty { return fieldManager }
    let word = agent.utf8.prefix { $0 != UInt8(ascii: "/") }.prefix(128)
    if word.allSatisfy({ (0x20...0x7E).contains($0) }) { return String(Substring(word)) }
    let name = agent.prefix { $0 != "/" }
    return String(String.UnicodeScalarView(name.unicodeScalars.filter(\.isPrintable).prefix(128)))
  }
}

extension Unicode.Scalar {
  /// Whether it shows, as Go's `unicode.IsPrint` sees it.
  var isPrintable: Bool {
    if self == " " { return true }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}

/// The field managers of all built-in resources, made once.
final class FieldManagers: Sendable {
  static let shared = FieldManagers()

  private struct Name: Hashable {
    var typeName: String
    var isStatus: Bool
  }

  private let managers: [Name: FieldManager]
  let scale: FieldManager?

  private init() {
    var managers: [Name: FieldManager] = [:]
    let catalogue = Catalogue.shared
    for info in catalogue.resources {
      guard let schema = catalogue.applySchema(ofType: info.typeName) else { continue }
      let versions = catalogue.groups.first { $0.group == info.group }?.versions ?? []
      var names = Set(versions.map { info.group.isEmpty ? $0 : "\(info.group)/\($0)" })
      names.insert(info.storageGVR.apiVersion)
      let hasStatus = info.subresource("status") != nil
      managers[Name(typeName: info.typeName, isStatus: false)] = FieldManager(
        schema: schema, kind: info.kind, apiVersion: info.gvr.apiVersion, versions: names,
        ignoredFields: hasStatus ? [["status"]] : [])
      var ignored = [["spec"]]
      if info.gvr == .deployments { ignored.append(["metadata", "labels"]) }
      managers[Name(typeName: info.typeName, isStatus: true)] = FieldManager(
        schema: schema, kind: info.kind, apiVersion: info.gvr.apiVersion, versions: names,
        ignoredFields: ignored)
    }
    self.managers = managers
    scale = catalogue.applySchema(ofType: "io.k8s.api.autoscaling.v1.Scale").map {
      FieldManager(
        schema: $0, kind: "Scale", apiVersion: "autoscaling/v1", versions: ["autoscaling/v1"])
    }
  }

  func manager(_ info: ResourceInfo, subresource: String) -> FieldManager? {
    managers[Name(typeName: info.typeName, isStatus: subresource == "status")]
  }
}
