import JSONDocument
import KubernetesAPI
import NIOHTTP1

extension RequestDispatcher {
  /// Answers the kinds that are questions and are stored nowhere; `nil` for all others.
  func answerReview(_ call: ResourceCall) async throws(APIStatus) -> APIResponse? {
    guard call.info.verb == "create" else { return nil }
    let kind = call.resource.kind
    let reviews = [
      "SubjectAccessReview", "LocalSubjectAccessReview", "SelfSubjectAccessReview",
      "SelfSubjectRulesReview", "SelfSubjectReview", "TokenReview",
    ]
    if call.resource.group.isEmpty, call.resource.resource == "bindings" {
      let binding = try body(call.request, kind: "Binding", versions: ["v1"])
      try await registry.bind(
        namespace: call.info.namespace, name: binding.name, binding: binding,
        context: call.context)
      return try respond(Self.success, call, status: .created)
    }
    guard reviews.contains(kind) else { return nil }
    var review = try body(call)
    if review["metadata"] == nil { review["metadata"] = [:] }
    let user = call.context.user
    switch kind {
    case "SelfSubjectReview":
      review["metadata"] = ["creationTimestamp": .string(WallClock.now())]
      review["status"] = ["userInfo": Self.describe(user)]
    case "SelfSubjectAccessReview":
      review["status"] = try accessStatus(review, user: user, hasSubject: false, call)
    case "SubjectAccessReview", "LocalSubjectAccessReview":
      if kind == "LocalSubjectAccessReview" {
        try registry.checkNamespace(
          of: &review, call.resource, requested: call.info.namespace)
      }
      review["status"] = try accessStatus(
        review, user: AccessReviews.subject(review), hasSubject: true, call)
    case "SelfSubjectRulesReview":
      let namespace = review.at("spec", "namespace")?.stringValue ?? ""
      guard !namespace.isEmpty else { throw .badRequest("no namespace on request") }
      review["spec"] = [:]
      review["status"] = rulesStatus(user, namespace)
    default:
      guard !(review.at("spec", "token")?.stringValue ?? "").isEmpty else {
        throw .badRequest("token is required for TokenReview in authentication")
      }
      review["status"] = tokenStatus(review)
    }
    return try respond(review, call, status: .created)
  }

  static func describe(_ user: UserInfo) -> JSONValue {
    var value: JSONValue = ["username": .string(user.name)]
    if !user.uid.isEmpty { value["uid"] = .string(user.uid) }
    if !user.groups.isEmpty { value["groups"] = .array(user.groups.map { .string($0) }) }
    if !user.extra.isEmpty {
      var extra = JSONObject()
      for (key, values) in user.extra.sorted(by: { $0.key < $1.key }) {
        extra[key] = .array(values.map { .string($0) })
      }
      value["extra"] = .object(extra)
    }
    return value
  }

  private func accessStatus(
    _ review: JSONValue, user: UserInfo, hasSubject: Bool, _ call: ResourceCall
  ) throws(APIStatus) -> JSONValue {
    let errors = AccessReviews.problems(
      review, hasSubject: hasSubject,
      namespace: call.resource.namespaced ? call.info.namespace : nil)
    guard errors.isEmpty else { throw AccessReviews.invalid(errors) }
    let decision = authorizer.decide(AccessReviews.attributes(review, user: user))
    var status: JSONValue = ["allowed": .bool(decision.isAllowed)]
    if !decision.reason.isEmpty { status["reason"] = .string(decision.reason) }
    if let problem = AccessReviews.evaluationError(review) {
      status["evaluationError"] = .string(problem)
    }
    return status
  }

  private func rulesStatus(_ user: UserInfo, _ namespace: String) -> JSONValue {
    func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
    var resources: [JSONValue] = []
    var paths: [JSONValue] = []
    for rule in authorizer.rules(for: user, namespace: namespace) {
      if rule.paths.isEmpty {
        var value: JSONValue = [
          "verbs": list(rule.verbs), "apiGroups": list(rule.groups),
          "resources": list(rule.resources),
        ]
        if !rule.names.isEmpty { value["resourceNames"] = list(rule.names) }
        resources.append(value)
      } else {
        paths.append(["verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)])
      }
    }
    return [
      "resourceRules": .array(resources), "nonResourceRules": .array(paths),
      "incomplete": false,
    ]
  }

  private func tokenStatus(_ review: JSONValue) -> JSONValue {
    let token = review.at("spec", "token")?.stringValue ?? ""
    let audiences = review["spec"]?.strings("audiences") ?? []
    let reader = registry.store.current()
    guard let found = tokens.user(of: token, audiences: audiences, reader: reader) else {
      let joining = BootstrapTokens.user(
        of: token, reader: reader, nowSeconds: WallClock.seconds())
      // A bootstrap token is for this server alone.
      if let joining, audiences.isEmpty || audiences.contains(tokens.defaultAudience) {
        return [
          "authenticated": true, "user": Self.describe(joining),
          "audiences": [.string(tokens.defaultAudience)],
        ]
      }
      var error = "invalid bearer token"
      if let reason = tokens.reason(toRefuse: token, reader: reader) {
        error = "[\(error), \(reason)]"
      }
      return ["user": [:], "error": .string(error)]
    }
    return [
      "authenticated": true, "user": Self.describe(found.user),
      "audiences": .array(found.audiences.map { .string($0) }),
    ]
  }

  // MARK: Tokens

  /// Makes a token for a service account.
  func answerTokenRequest(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    var request = try body(
      call.request, kind: "TokenRequest", versions: ["authentication.k8s.io/v1"])
    let account = try await registry.get(
      call.resource, namespace: call.namespace, name: call.info.name
    ).value()
    let seconds = request.at("spec", "expirationSeconds")?.intValue ?? 3600
    guard seconds >= 600, seconds <= 1 << 32 else {
      let error = FieldError(
        .invalid, "spec.expirationSeconds", value: .int(seconds),
        seconds < 600
          ? "may not specify a duration less than 10 minutes"
          : "may not specify a duration larger than 2^32 seconds")
      throw APIStatus.invalid(
        kind: "TokenRequest", group: "authentication.k8s.io", name: "", errors: [error])
    }
    var audiences = request["spec"]?.strings("audiences") ?? []
    if audiences.isEmpty { audiences = [tokens.defaultAudience] }
    try registry.checkNodeToken(
      boundTo: request.at("spec", "boundObjectRef"), namespace: call.info.namespace,
      name: account.name, call.context)
    var bound: ServiceAccountTokens.BoundObject?
    var node: ServiceAccountTokens.BoundObject?
    if let reference = request.at("spec", "boundObjectRef"), reference.objectValue != nil {
      (bound, node) = try await boundObject(reference, call)
    }
    let (token, expires) = try tokens.sign(
      namespace: call.info.namespace, name: account.name, uid: account.uid,
      audiences: audiences, expirationSeconds: seconds, bound: bound, node: node)
    request["metadata"] = [
      "name": .string(account.name), "namespace": .string(call.info.namespace),
      "uid": .string(account.uid), "creationTimestamp": .string(WallClock.now()),
    ]
    request.set(.array(audiences.map { .string($0) }), at: "spec", "audiences")
    request.set(.int(seconds), at: "spec", "expirationSeconds")
    if request.at("spec", "boundObjectRef") == nil {
      request.set(.null, at: "spec", "boundObjectRef")
    }
    request["status"] = [
      "token": .string(token),
      "expirationTimestamp": .string(WallClock.timestamp(seconds: expires)),
    ]
    return try respond(request, call, status: .created)
  }

  /// A group and version as Go prints them: the core group is the empty one.
  private static func groupVersion(_ reference: JSONValue) -> String {
    let text = reference["apiVersion"]?.stringValue ?? ""
    return text.contains("/") ? text : "/\(text)"
  }

  private func boundObject(_ reference: JSONValue, _ call: ResourceCall) async throws(APIStatus)
    -> (ServiceAccountTokens.BoundObject, node: ServiceAccountTokens.BoundObject?)
  {
    let kind = reference["kind"]?.stringValue ?? ""
    let name = reference["name"]?.stringValue ?? ""
    let resources = ["Pod": "pods", "Secret": "secrets", "Node": "nodes"]
    guard let resource = resources[kind] else {
      throw .badRequest(
        "cannot bind token to object of type \(Self.groupVersion(reference)), Kind=\(kind)")
    }
    let info = try registry.resource(GroupVersionResource(resource: resource))
    let object = try await registry.get(
      info, namespace: info.namespaced ? call.namespace : nil, name: name
    ).value()
    if let uid = reference["uid"]?.stringValue, !uid.isEmpty, uid != object.uid {
      throw .conflict(
        GroupVersionResource(resource: kind), name: name,
        "the UID in the bound object reference (\(uid)) does not match the UID in record. The "
          + "object might have been deleted and then recreated")
    }
    var node: ServiceAccountTokens.BoundObject?
    if kind == "Pod" {
      let account = object.at("spec", "serviceAccountName")?.stringValue ?? ""
      guard account == call.info.name else {
        throw .badRequest(
          "cannot bind token for serviceaccount \"\(call.info.name)\" to pod running with "
            + "different serviceaccount name.")
      }
      if let name = object.at("spec", "nodeName")?.stringValue, !name.isEmpty {
        let key = registry.key(try registry.resource(.nodes), namespace: nil, name: name)
        let entry = registry.store.current().get(key)
        let uid = try entry.map { entry throws(APIStatus) in
          try ObjectCodec.parse(entry.value, key: key).uid
        }
        node = .init(kind: "Node", name: name, uid: uid ?? "")
      }
    }
    return (.init(kind: kind, name: name, uid: object.uid), node)
  }
}
