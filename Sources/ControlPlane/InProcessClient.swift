import APIServer
import JSONDocument
import KubernetesAPI
import KubernetesClient

/// The API for reconcilers in the server's own process: the same path through the registry as
/// over HTTPS, without connections and encodings in between.
public struct InProcessClient: KubernetesClient {
  private let registry: Registry
  private let user: UserInfo
  private let agent: String

  /// - Parameters:
  ///   - user: whom the writes are recorded under. Nothing is asked of RBAC here: these callers
  ///     are part of the server.
  ///   - agent: stands in the log in the place of a User-Agent.
  public init(
    registry: Registry, user: String = "system:kube-controller-manager",
    groups: [String] = ["system:masters", "system:authenticated"], agent: String
  ) {
    self.registry = registry
    self.user = UserInfo(name: user, groups: groups)
    self.agent = agent
  }

  private var context: RequestContext {
    RequestContext(user: user, agent: agent, cause: WriteContext.cause)
  }

  public func get(_ resource: GroupVersionResource, namespace: String?, name: String)
    async throws -> JSONValue
  {
    let info = try registry.resource(resource)
    return try await registry.get(info, namespace: namespace, name: name).value()
  }

  public func list(_ resource: GroupVersionResource, namespace: String?, options: ListOptions)
    async throws -> ObjectList
  {
    let info = try registry.resource(resource)
    let result = try await registry.list(
      info, namespace: namespace, selection: try selection(info, options))
    return ObjectList(
      items: try result.objects.map { try $0.value() },
      resourceVersion: String(result.revision))
  }

  public func watch(
    _ resource: GroupVersionResource, namespace: String?, after resourceVersion: String,
    options: ListOptions, receive: @escaping @Sendable ([WatchEvent]) -> Void
  ) async throws {
    let info = try registry.resource(resource)
    var selection = try selection(info, options)
    selection.resourceVersion = resourceVersion
    try await registry.watch(
      info, namespace: namespace, request: WatchRequest(selection: selection)
    ) { changes in
      receive(
        changes.compactMap { change in
          WatchEvent.Kind(rawValue: change.kind.rawValue).map {
            WatchEvent(kind: $0, object: change.object)
          }
        })
    }
  }

  public func create(
    _ resource: GroupVersionResource, namespace: String?, object: JSONValue,
    subresource: (name: String, subresource: String)?
  ) async throws -> JSONValue {
    let info = try registry.resource(resource)
    var object = object
    if let answer = try registry.answerAccessReview(object, info) { return answer }
    guard let subresource else {
      Self.complete(&object, info)
      return try await registry.create(
        info, namespace: namespace, object: object, context: context
      ).value()
    }
    switch subresource.subresource {
    case "binding":
      try await registry.bind(
        namespace: namespace ?? "", name: subresource.name, binding: object, context: context)
      return object
    case "eviction":
      try await registry.evict(
        namespace: namespace ?? "", name: subresource.name, eviction: object, context: context)
      return object
    default:
      throw APIStatus(
        code: 405, reason: "MethodNotAllowed",
        message: "\(resource.resource)/\(subresource.subresource) takes no create in-process")
    }
  }

  public func update(
    _ resource: GroupVersionResource, namespace: String?, name: String, object: JSONValue,
    subresource: String?
  ) async throws -> JSONValue {
    let info = try registry.resource(resource)
    var object = object
    switch subresource {
    case "finalize":
      return try await registry.finalize(name: name, object: object, context: context).value()
    case "scale":
      return try await registry.scale(
        info, namespace: namespace, name: name, scale: object, context: context)
    default:
      Self.complete(&object, info)
      return try await registry.update(
        info, namespace: namespace, name: name, object: object,
        subresource: subresource ?? "", context: context
      ).value()
    }
  }

  public func patch(
    _ resource: GroupVersionResource, namespace: String?, name: String, patch: JSONValue,
    type: PatchType, subresource: String?
  ) async throws -> JSONValue {
    let info = try registry.resource(resource)
    let change: ObjectPatch =
      switch type {
      case .json: .json(patch)
      case .merge: .merge(patch)
      case .strategicMerge: .strategicMerge(patch)
      }
    return try await registry.patch(
      info, namespace: namespace, name: name, patch: change, subresource: subresource ?? "",
      context: context
    ).value()
  }

  public func delete(
    _ resource: GroupVersionResource, namespace: String?, name: String, options: DeleteOptions
  ) async throws {
    let info = try registry.resource(resource)
    _ = try await registry.delete(
      info, namespace: namespace, name: name,
      options: DeletionOptions(
        gracePeriodSeconds: options.gracePeriodSeconds.map(Int64.init),
        propagationPolicy: options.propagationPolicy, preconditionUID: options.preconditionUID,
        preconditionResourceVersion: options.preconditionResourceVersion), context: context)
  }

  private func selection(_ info: ResourceInfo, _ options: ListOptions) throws -> ListSelection {
    var selection = ListSelection()
    if !options.labelSelector.isEmpty {
      selection.labels = try LabelSelector(parsing: options.labelSelector)
    }
    if !options.fieldSelector.isEmpty {
      selection.fields = try FieldSelector(parsing: options.fieldSelector, resource: info)
    }
    return selection
  }

  /// Objects from lists lack kind and apiVersion, as everywhere in the API.
  private static func complete(_ object: inout JSONValue, _ info: ResourceInfo) {
    if object["kind"] == nil { object["kind"] = .string(info.kind) }
    if object["apiVersion"] == nil { object["apiVersion"] = .string(info.apiVersion) }
    FieldValidation.prune(&object, resource: info)
  }
}
