import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore
import NIOHTTP1

extension RequestDispatcher {
  /// One request for a resource, with everything that its parts share.
  struct ResourceCall: Sendable {
    var request: APIRequest
    var info: RequestInfo
    var resource: ResourceInfo
    var representation: Representation
    var context: RequestContext
    /// What a table carries besides its cells.
    var includeObject = TablePrinter.IncludeObject.metadata

    var namespace: String? { resource.namespaced && !info.namespace.isEmpty ? info.namespace : nil }
  }

  func answerResource(
    _ request: APIRequest, _ info: RequestInfo, user: UserInfo, impersonator: String
  ) async throws(APIStatus) -> APIResponse {
    let resource: ResourceInfo
    do throws(APIStatus) {
      resource = try registry.resource(
        GroupVersionResource(
          group: info.group, version: info.version, resource: info.resource))
    } catch {
      // Of versions that are not served there is not even a resource that might be missing, but
      // for groups of the server's own.
      guard
        registry.catalogue.groups.contains(where: { $0.group == info.group })
          || discovery.resourceList(group: info.group, version: info.version) != nil
      else { return Self.pageNotFound }
      throw error
    }
    // A path that has a namespace where there is none, or lacks one where it must be.
    let isNamespaceItself = resource.isNamespaces
    if !resource.namespaced, !info.namespace.isEmpty, !isNamespaceItself {
      throw .unknownResource
    }
    if resource.namespaced, info.namespace.isEmpty, !info.name.isEmpty { throw .unknownResource }
    if !info.rest.isEmpty, info.subresource != "proxy" { throw .unknownResource }
    if !info.subresource.isEmpty {
      guard let subresource = resource.subresource(info.subresource) else {
        throw resource.custom == nil
          ? .unknownResource : .notFound(resource.gvr, name: info.name)
      }
      guard subresource.verbs.contains(info.verb) else { throw .methodNotAllowed }
    } else {
      guard resource.verbs.contains(info.verb) else { throw .methodNotAllowed }
      let needsName = info.verb == "update" || info.verb == "patch"
      if needsName && info.name.isEmpty || info.verb == "create" && !info.name.isEmpty {
        throw .methodNotAllowed
      }
      if info.verb == "create", resource.namespaced, info.namespace.isEmpty {
        throw .methodNotAllowed
      }
    }
    let representation = try Representation(
      accept: request.headers.first(name: "accept"),
      hasProtobuf: Catalogue.shared.type(resource.typeName) != nil)
    var call = ResourceCall(
      request: request, info: info, resource: resource, representation: representation,
      context: try context(request, user: user, impersonator: impersonator))
    if ["create", "update", "patch"].contains(info.verb) {
      try Self.checkFieldManager(call.context.fieldManager, verb: info.verb)
      if info.verb == "patch", request.query["force"] != nil,
        MediaType(request.headers.first(name: "content-type") ?? "").type
          != "application/apply-patch+yaml"
      {
        throw Self.invalidOptions(
          "PatchOptions", field: "force", reason: "FieldValueForbidden",
          "Forbidden: may not be specified for non-apply patch")
      }
    }
    if let deprecation = resource.deprecation { call.context.warnings.add(deprecation) }
    if representation.transform == .table {
      call.includeObject = try TablePrinter.IncludeObject(
        parsing: request.query["includeObject"] ?? "")
    }
    var response: APIResponse
    do throws(APIStatus) {
      if !info.subresource.isEmpty {
        response = try await answerSubresource(call)
      } else if let review = try await answerReview(call) {
        response = review
      } else {
        response = try await answerObject(call)
      }
    } catch {
      // Warnings are worth as much where the request fails for another reason.
      guard !call.context.warnings.all.isEmpty else { throw error }
      response = failure(error, request)
    }
    for warning in call.context.warnings.all {
      response.headers.add(
        name: "Warning", value: "299 - \"\(Self.headerText(warning))\"")
    }
    return response
  }

  static func headerText(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result.append("\\")
        result.unicodeScalars.append(scalar)
      case " "..."~": result.unicodeScalars.append(scalar)
      default: result.append("?")
      }
    }
    return result
  }

  private func answerObject(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let (info, resource) = (call.info, call.resource)
    switch info.verb {
    case "get":
      let object = try await registry.get(
        resource, namespace: call.namespace, name: info.name,
        resourceVersion: call.request.query["resourceVersion"] ?? "")
      return try respond(object, call)
    case "list":
      let selection = try selection(call)
      if let response = try await wholeList(call, selection) { return response }
      let result = try await registry.list(
        resource, namespace: call.namespace, selection: selection)
      return try respond(result, call)
    case "watch": return try await answerWatch(call)
    case "create":
      let object = try body(call)
      let created = try await registry.create(
        resource, namespace: call.namespace, object: object, context: call.context)
      return try respond(created, call, status: .created)
    case "update":
      let object = try body(call)
      let result = try await registry.updateOrCreate(
        resource, namespace: call.namespace, name: info.name, object: object,
        context: call.context)
      return try respond(result.object, call, status: result.isCreated ? .created : .ok)
    case "patch":
      var call = call
      let patch = try patch(&call)
      if case .apply(let configuration, let force) = patch {
        let result = try await registry.apply(
          resource, namespace: call.namespace, name: info.name, configuration: configuration,
          force: force, context: call.context)
        return try respond(result.object, call, status: result.isCreated ? .created : .ok)
      }
      let patched = try await registry.patch(
        resource, namespace: call.namespace, name: info.name, patch: patch,
        context: call.context)
      return try respond(patched, call)
    case "delete":
      var call = call
      let options = try deletionOptions(&call)
      let result = try await registry.delete(
        resource, namespace: call.namespace, name: info.name, options: options,
        context: call.context)
      return try respond(result, call)
    case "deletecollection":
      var call = call
      let options = try deletionOptions(&call)
      let result = try await registry.deleteCollection(
        resource, namespace: call.namespace, selection: try selection(call), options: options,
        context: call.context)
      return try respond(result, call)
    default: throw .methodNotAllowed
    }
  }

  // MARK: Reading what was sent

  /// The object in the body, with unknown fields seen to.
  func body(_ call: ResourceCall, resource: ResourceInfo? = nil) throws(APIStatus) -> JSONValue {
    let resource = resource ?? call.resource
    let parsed = try RequestBody.parse(
      call.request, kind: resource.kind, isTyped: resource.custom == nil)
    var object = parsed.value.isNull ? .object([:]) : parsed.value
    try registry.checkType(of: object, resource)
    if object["kind"]?.stringValue ?? "" == "" { object["kind"] = .string(resource.kind) }
    if object["apiVersion"]?.stringValue ?? "" == "" {
      object["apiVersion"] = .string(resource.gvr.apiVersion)
    }
    func check(_ object: inout JSONValue, stored: JSONValue?) throws(APIStatus)
      -> FieldValidation.Findings
    {
      try FieldChecks.apply(
        to: &object, info: resource, stored: stored, problems: parsed.problems,
        context: call.context)
    }
    if resource.isPods, parsed.isSharing {
      try registry.podSpecs.decode(&object, check)
    } else {
      _ = try check(&object, stored: nil)
    }
    return object
  }

  static func invalidOptions(
    _ kind: String, field: String, reason: String, _ message: String
  ) -> APIStatus {
    APIStatus(
      code: 422, reason: "Invalid",
      message: "\(kind).meta.k8s.io \"\" is invalid: \(field): \(message)", kind: kind,
      group: "meta.k8s.io",
      causes: [APIStatus.Cause(reason: reason, message: message, field: field)])
  }

  /// - Throws: 422 for the name of a field manager that can't be kept.
  static func checkFieldManager(_ name: String, verb: String) throws(APIStatus) {
    let kind =
      verb == "create" ? "CreateOptions" : verb == "update" ? "UpdateOptions" : "PatchOptions"
    if name.utf8.count > 128 {
      throw invalidOptions(
        kind, field: "fieldManager", reason: "FieldValueTooLong",
        "Too long: may not be more than 128 bytes")
    }
    for (position, scalar) in name.unicodeScalars.enumerated() where !scalar.isPrintable {
      let digits = String(scalar.value, radix: 16, uppercase: true)
      let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      throw invalidOptions(
        kind, field: "fieldManager", reason: "FieldValueInvalid",
        "Invalid value: \(GoFormat.quoted(name)): invalid character U+\(code) "
          + "(at position \(position))")
    }
  }

  /// The options of a deletion, from the body or the query.
  func deletionOptions(_ call: inout ResourceCall) throws(APIStatus) -> DeletionOptions {
    var value = JSONValue.object([:])
    if call.request.body.readableBytes > 0 {
      let type = MediaType(call.request.headers.first(name: "content-type") ?? "").type
      value =
        type == "application/yaml"
        ? try RequestBody.yaml(call.request.body, kind: "DeleteOptions").value
        : try deleteOptionsJSON(call.request.body)
      if let kind = value["kind"]?.stringValue, kind != "DeleteOptions" {
        throw .badRequest(
          "no kind \"\(kind)\" is registered for version "
            + "\"\(value["apiVersion"]?.stringValue ?? "")\" in scheme: a deletion takes "
            + "DeleteOptions")
      }
    }
    let query = call.request.query
    if value.objectValue?.isEmpty ?? true {
      if let seconds = try Self.integer(query, "gracePeriodSeconds") {
        value["gracePeriodSeconds"] = .int(seconds)
      }
      if let policy = query["propagationPolicy"] { value["propagationPolicy"] = .string(policy) }
      if let orphan = query["orphanDependents"] {
        value["orphanDependents"] = .bool(orphan == "true")
      }
    }
    if let wrong = value.strings("dryRun").first(where: { $0 != "All" }) {
      throw Self.invalidDeleteOptions(
        "dryRun", "FieldValueNotSupported",
        "Unsupported value: [\"\(wrong)\"]: supported values: \"All\"")
    }
    if !value.strings("dryRun").isEmpty { call.context.dryRun = true }
    var options = DeletionOptions(
      gracePeriodSeconds: value["gracePeriodSeconds"]?.intValue,
      propagationPolicy: value["propagationPolicy"]?.stringValue,
      preconditionUID: value.at("preconditions", "uid")?.stringValue,
      preconditionResourceVersion: value.at("preconditions", "resourceVersion")?.stringValue)
    if let orphan = value["orphanDependents"]?.boolValue {
      if let policy = options.propagationPolicy {
        throw Self.invalidDeleteOptions(
          "propagationPolicy", "FieldValueInvalid",
          "Invalid value: \"\(policy)\": orphanDependents and deletionPropagation cannot be "
            + "both set")
      }
      options.propagationPolicy = orphan ? "Orphan" : "Background"
    }
    if let policy = options.propagationPolicy,
      !["Foreground", "Background", "Orphan"].contains(policy)
    {
      throw Self.invalidDeleteOptions(
        "propagationPolicy", "FieldValueNotSupported",
        "Unsupported value: \"\(policy)\": supported values: \"Foreground\", \"Background\", "
          + "\"Orphan\", \"nil\"")
    }
    return options
  }

  private func deleteOptionsJSON(_ body: ByteBuffer) throws(APIStatus) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: body.readableBytesView)
    } catch {
      throw .badRequest("couldn't get version/kind; json parse error: \(error)")
    }
  }

  private static func invalidDeleteOptions(_ field: String, _ reason: String, _ message: String)
    -> APIStatus
  {
    APIStatus(
      code: 422, reason: "Invalid",
      message: "DeleteOptions.meta.k8s.io \"\" is invalid: \(field): \(message)",
      kind: "DeleteOptions", group: "meta.k8s.io",
      causes: [APIStatus.Cause(reason: reason, message: message, field: field)])
  }

  func selection(_ call: ResourceCall) throws(APIStatus) -> ListSelection {
    let query = call.request.query
    var selection = ListSelection(
      continueToken: query["continue"] ?? "", resourceVersion: query["resourceVersion"] ?? "",
      resourceVersionMatch: query["resourceVersionMatch"] ?? "")
    // Zero and less mean no limit.
    selection.limit = max(0, Int(clamping: try Self.integer(query, "limit") ?? 0))
    _ = try Self.integer(query, "timeoutSeconds")
    if let text = query["labelSelector"], !text.isEmpty {
      selection.labels = try Selectors.labels(text)
    }
    if let text = query["fieldSelector"], !text.isEmpty {
      selection.fields = try Selectors.fields(text, call.resource)
    }
    if call.info.verb == "watch", !call.info.name.isEmpty {
      selection.fields = try Selectors.fields("metadata.name=\(call.info.name)", call.resource)
    }
    try ListOptions.check(
      selection, isWatch: call.info.verb == "watch",
      sendInitialEvents: query["sendInitialEvents"])
    return selection
  }

  /// A parameter that is a number; `nil` where it is absent or empty.
  ///
  /// - Throws: 400 for anything else, in the words of Go's parser.
  static func integer(_ query: QueryParameters, _ name: String) throws(APIStatus) -> Int64? {
    guard let text = query[name], !text.isEmpty else { return nil }
    if let number = Int64(text) { return number }
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    throw .badRequest(
      "strconv.ParseInt: parsing \(GoFormat.quoted(text)): "
        + (isNumber ? "value out of range" : "invalid syntax"))
  }
}
