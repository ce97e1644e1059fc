import JSONDocument
import Keyspace
import KubernetesAPI
import NIOHTTP1

extension RequestDispatcher {
  func answerSubresource(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let (info, resource) = (call.info, call.resource)
    switch info.subresource {
    case "scale": return try await answerScale(call)
    case "log": return try await answerLog(call)
    case "token": return try await answerTokenRequest(call)
    case "binding": return try await answerBinding(call)
    case "eviction": return try await answerEviction(call)
    case "finalize": return try await answerFinalize(call)
    case "exec", "attach", "portforward", "proxy":
      try authorizeUpgrade(call)
      throw APIStatus(
        code: 501, reason: "NotImplemented",
        message: "\(resource.resource)/\(info.subresource) is not available yet")
    default: break
    }
    switch info.verb {
    case "get":
      let object = try await registry.get(
        resource, namespace: call.namespace, name: info.name,
        resourceVersion: call.request.query["resourceVersion"] ?? "")
      return try respond(object, call)
    case "update":
      let updated = try await registry.update(
        resource, namespace: call.namespace, name: info.name, object: try body(call),
        subresource: info.subresource, context: call.context)
      return try respond(updated, call)
    case "patch":
      var call = call
      let patch = try patch(&call)
      let patched = try await registry.patch(
        resource, namespace: call.namespace, name: info.name, patch: patch,
        subresource: info.subresource, context: call.context)
      return try respond(patched, call)
    default: throw .methodNotAllowed
    }
  }

  /// A stream into a pod is opened by GET as well, and takes the right to create it all the same.
  private func authorizeUpgrade(_ call: ResourceCall) throws(APIStatus) {
    guard call.info.verb == "get", call.resource.isPods, call.info.subresource != "proxy" else {
      return
    }
    var access = Self.access(call.request, call.info, call.context.user)
    access.verb = "create"
    guard authorizer.allows(access) else {
      throw .forbidden(call.resource.gvr, name: call.info.name, "")
    }
  }

  /// The body of a request whose kind is its subresource's own, such as `Scale`.
  ///
  /// What it leaves out of kind and version is what its path says, as with every other object.
  /// - Parameter versions: those that are taken, the path's own first.
  /// - Throws: 400 for another kind or version.
  func body(
    _ request: APIRequest, kind: String, versions: [String]
  ) throws(APIStatus) -> JSONValue {
    let parsed = try RequestBody.parse(request, kind: kind).value
    var object = parsed.isNull ? .object([:]) : parsed
    guard object.objectValue != nil else {
      throw .badRequest("Object 'Kind' is missing in '\(String(object.text.prefix(200)))'")
    }
    let given = object["kind"]?.stringValue ?? ""
    let version = object["apiVersion"]?.stringValue ?? ""
    guard given.isEmpty || given == kind, version.isEmpty || versions.contains(version) else {
      throw .badRequest(
        "\(given) in version \"\(version)\" cannot be handled as a \(kind): no kind "
          + "\"\(given)\" is registered for version \"\(version)\" here")
    }
    object["kind"] = .string(kind)
    if version.isEmpty, let own = versions.first { object["apiVersion"] = .string(own) }
    return object
  }

  // MARK: Scale

  private func answerScale(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let (info, resource) = (call.info, call.resource)
    switch info.verb {
    case "get":
      let object = try await registry.get(
        resource, namespace: call.namespace, name: info.name)
      return try respond(scale: Scale.of(try object.value(), resource), call)
    case "update":
      let scale = try body(call.request, kind: "Scale", versions: ["autoscaling/v1"])
      let scaled = try await registry.scale(
        resource, namespace: call.namespace, name: info.name, context: call.context,
        verb: "update"
      ) { (_: JSONValue) throws(APIStatus) in scale }
      return try respond(scale: Scale.of(try scaled.value(), resource), call)
    case "patch":
      var call = call
      let patch = try patch(&call)
      if case .apply(let configuration, let force) = patch {
        let scaled = try await registry.applyScale(
          resource, namespace: call.namespace, name: info.name, configuration: configuration,
          force: force, context: call.context)
        return try respond(scale: Scale.of(try scaled.value(), resource), call)
      }
      let scaled = try await registry.scale(
        resource, namespace: call.namespace, name: info.name, context: call.context,
        verb: "patch"
      ) { (current: JSONValue) throws(APIStatus) in
        try patch.apply(toScale: current)
      }
      return try respond(scale: Scale.of(try scaled.value(), resource), call)
    default: throw .methodNotAllowed
    }
  }

  private func respond(scale: JSONValue, _ call: ResourceCall) throws(APIStatus) -> APIResponse {
    switch call.representation.transform {
    case .none: return try respond(scale, call)
    case .partial: return try encode(Self.partial(scale, call), call.representation)
    case .table:
      let table = TablePrinter.table(
        scale: scale, resource: call.resource, includeObject: call.includeObject,
        now: Timestamp(milliseconds: Int64(WallClock.milliseconds())),
        version: call.representation.metaVersion)
      return try encode(table, call.representation)
    }
  }

  // MARK: Finalize

  private func answerFinalize(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let object = try await registry.finalize(
      name: call.info.name, object: try body(call), context: call.context)
    return try respond(object, call)
  }

  // MARK: Binding

  private func answerBinding(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let binding = try body(call.request, kind: "Binding", versions: ["v1"])
    try await registry.bind(
      namespace: call.info.namespace, name: call.info.name, binding: binding,
      context: call.context)
    return try respond(Self.success, call, status: .created)
  }

  static let success: JSONValue = [
    "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201,
  ]

  // MARK: Eviction

  private func answerEviction(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let eviction = try body(
      call.request, kind: "Eviction", versions: ["policy/v1", "policy/v1beta1"])
    try await registry.evict(
      namespace: call.info.namespace, name: call.info.name, eviction: eviction,
      context: call.context)
    return try respond(Self.success, call, status: .created)
  }
}
