import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// Takes a request through its stations: who is it, may it, what does it want.
final class RequestDispatcher: Sendable {
  let registry: Registry
  let authenticator: Authenticator
  let authorizer: Authorizer
  let impersonation: ImpersonationGate
  let tokens: ServiceAccountTokens
  let kubelet: KubeletConnection
  let limiter: RequestLimiter
  let clusterStatus: @Sendable () async -> JSONValue
  let serverMetrics: @Sendable () async -> [MetricFamily]
  let clusterChange: ClusterChange?
  let logger: Logger
  let metrics = Metrics()
  let listPieces = ListPieces()
  var discovery: Discovery {
    Discovery(catalogue: registry.catalogue, custom: registry.customResources.current())
  }
  private let started = Atomic<Bool>(false)

  init(
    registry: Registry, authenticator: Authenticator, authorizer: Authorizer,
    tokens: ServiceAccountTokens, kubelet: KubeletConnection, limiter: RequestLimiter,
    clusterStatus: @escaping @Sendable () async -> JSONValue,
    serverMetrics: @escaping @Sendable () async -> [MetricFamily] = { [] },
    clusterChange: ClusterChange? = nil, logger: Logger
  ) {
    self.registry = registry
    self.authenticator = authenticator
    self.authorizer = authorizer
    impersonation = ImpersonationGate(authorizer: authorizer)
    self.tokens = tokens
    self.kubelet = kubelet
    self.limiter = limiter
    self.clusterStatus = clusterStatus
    self.serverMetrics = serverMetrics
    self.clusterChange = clusterChange
    self.logger = logger
  }

  var isStarted: Bool { started.load(ordering: .acquiring) }
  func markStarted() { started.store(true, ordering: .releasing) }
  func stop() { authorizer.stop() }

  func respond(to request: APIRequest) async -> APIResponse {
    let info = request.info
    let begun = ContinuousClock.now
    var response = info.isUndetermined ? Self.undetermined(info) : await admit(request, info)
    metrics.count(
      info, code: Int(response.status.code), duration: ContinuousClock.now - begun)
    response.headers.add(name: "Cache-Control", value: "no-cache, private")
    return response
  }

  private static func undetermined(_ info: RequestInfo) -> APIResponse {
    APIResponse(
      text: "Internal Server Error: \(GoFormat.quoted(info.path)): failed to create RequestInfo: "
        + "unable to determine kind and namespace from url, \(info.path)\n",
      status: .internalServerError)
  }

  /// Finds out who asks, and has the request wait for its turn.
  private func admit(_ request: APIRequest, _ info: RequestInfo) async -> APIResponse {
    let user: UserInfo
    do throws(APIStatus) {
      user = try authenticator.authenticate(request, path: info.path)
    } catch {
      return failure(error, request)
    }
    let kind = Self.kind(of: info, user)
    // Whoever impersonates others takes from the own share.
    guard await limiter.enter(kind, user: user.name) else {
      return failure(RequestLimiter.tooMany, request)
    }
    guard kind == .longRunning else {
      let response = await answer(request, info, user)
      limiter.leave(kind, user: user.name)
      return response
    }
    let response = await answer(request, info, user)
    guard case .stream(let run) = response.body else {
      limiter.leave(kind, user: user.name)
      return response
    }
    // The place is taken until the stream ends.
    var counted = response
    let limiter = limiter
    counted.body = .stream { stream in
      stream.onClose { limiter.leave(kind, user: user.name) }
      await run(stream)
    }
    return counted
  }

  /// Leases, statuses and heartbeats of the cluster's own parts must get through when clients are
  /// over-eager: without them nodes and leaders would count as dead.
  static func kind(of info: RequestInfo, _ user: UserInfo) -> RequestLimiter.Kind {
    if info.isLongRunning { return .longRunning }
    guard info.isResource else {
      return Authenticator.publicPaths.contains(info.path) ? .system : .reading
    }
    let isPart =
      user.groups.contains("system:nodes") || user.name.hasPrefix("system:kube-")
      || user.name.hasPrefix("system:serviceaccount:kube-system:")
    let isVital =
      info.resource == "leases" || info.resource == "nodes" && info.subresource == "status"
    if isPart, isVital { return .system }
    return info.isMutating ? .mutating : .reading
  }

  private func answer(_ request: APIRequest, _ info: RequestInfo, _ authenticated: UserInfo) async
    -> APIResponse
  {
    do throws(APIStatus) {
      var user = authenticated
      var impersonator = ""
      if let asked = try Impersonation.requested(request.headers) {
        try impersonation.check(
          asked, by: user, action: Self.access(request, info, user))
        impersonator = user.name
        user = asked
      }
      try authorize(request, info, user)
      guard info.isResource else { return try await answerPath(request, info, user) }
      return try await answerResource(request, info, user: user, impersonator: impersonator)
    } catch {
      return failure(error, request)
    }
  }

  /// What a request asks to be allowed.
  static func access(_ request: APIRequest, _ info: RequestInfo, _ user: UserInfo)
    -> AccessAttributes
  {
    guard info.isResource else {
      return AccessAttributes(user: user, verb: info.verb, path: info.path)
    }
    var access = AccessAttributes(
      user: user, verb: info.verb, group: info.group, resource: info.resource,
      subresource: info.subresource, namespace: info.namespace,
      name: info.name.isEmpty ? info.listedName : info.name)
    // Only the node authorizer looks at fields.
    if NodeIdentity.nodeName(of: user) != nil, let text = request.query["fieldSelector"] {
      for term in text.split(separator: ",") {
        let sides = term.split(separator: "=", omittingEmptySubsequences: true)
        if sides.count == 2, !term.contains("!=") {
          access.selectedFields[String(sides[0])] = String(sides[1])
        }
      }
    }
    return access
  }

  private func authorize(_ request: APIRequest, _ info: RequestInfo, _ user: UserInfo)
    throws(APIStatus)
  {
    let access = Self.access(request, info, user)
    if authorizer.allows(access) { return }
    // The health of a server is nobody's secret, also before the roles are there.
    if !info.isResource, info.verb == "get",
      Authenticator.publicPaths.contains(where: {
        info.path == $0 || info.path.hasPrefix($0 + "/")
      })
    {
      return
    }
    throw access.denial(authorizer.decide(access).reason)
  }

  /// What a request says about itself, for the registry and the log.
  func context(_ request: APIRequest, user: UserInfo, impersonator: String) throws(APIStatus)
    -> RequestContext
  {
    var context = RequestContext(
      user: user, impersonator: impersonator, agent: String(request.userAgent.prefix(256)),
      fieldManager: request.query["fieldManager"] ?? "")
    // Only parts of the cluster may say what they react to; anybody else begins a chain.
    if user.isMaster || user.name.hasPrefix("system:"), user.name != "system:anonymous",
      let cause = request.headers.first(name: "taffrail-cause").flatMap(Revision.init)
    {
      context.cause = cause
    }
    // Reading takes no notice of it.
    let dryRun = request.method == .GET ? [] : request.query.all("dryRun")
    let options: String
    switch request.method {
    case .POST: options = "CreateOptions"
    case .PUT: options = "UpdateOptions"
    case .DELETE: options = "DeleteOptions"
    default: options = "PatchOptions"
    }
    if dryRun.contains(where: { $0 != "All" }) {
      let values = dryRun.map(GoFormat.quoted).joined(separator: ",")
      throw Self.invalidOptions(
        options, field: "dryRun", reason: "FieldValueNotSupported",
        "Unsupported value: [\(values)]: supported values: \"All\"")
    }
    context.dryRun = !dryRun.isEmpty
    switch request.query["fieldValidation"] {
    case nil, "": context.fieldValidation = .warn
    case _? where request.method == .DELETE || request.method == .GET:
      context.fieldValidation = .ignore
    case let mode?:
      guard let mode = RequestContext.FieldValidationMode(rawValue: mode) else {
        throw APIStatus(
          code: 422, reason: "Invalid",
          message: "\(options).meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: "
            + "\"\(mode)\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
          kind: options, group: "meta.k8s.io",
          causes: [
            APIStatus.Cause(
              reason: "FieldValueNotSupported",
              message: "Unsupported value: \"\(mode)\": supported values: \"\", \"Ignore\", "
                + "\"Strict\", \"Warn\"", field: "fieldValidation")
          ])
      }
      context.fieldValidation = mode
    }
    return context
  }
}
