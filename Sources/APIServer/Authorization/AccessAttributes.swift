import KubernetesAPI

/// One question of authorization.
struct AccessAttributes: Sendable, Hashable {
  var user: UserInfo
  var verb: String
  /// A resource, or else a path.
  var isResource: Bool
  var path = ""
  var group = ""
  var version = ""
  var resource = ""
  var subresource = ""
  var namespace = ""
  var name = ""
  /// The fields that a list or watch is restricted to by equality, e.g. `spec.nodeName`.
  var selectedFields: [String: String] = [:]

  init(user: UserInfo, verb: String, path: String) {
    self.user = user
    self.verb = verb
    self.path = path
    isResource = false
  }

  init(
    user: UserInfo, verb: String, group: String, resource: String, subresource: String = "",
    namespace: String = "", name: String = ""
  ) {
    self.user = user
    self.verb = verb
    isResource = true
    self.group = group
    self.resource = resource
    self.subresource = subresource
    self.namespace = namespace
    self.name = name
  }

  /// The refusal as upstream words it; `reason` is what the authorizers say about it, if anything.
  func denial(_ reason: String = "") -> APIStatus {
    let suffix = reason.isEmpty ? "" : ": \(reason)"
    guard isResource else {
      return APIStatus(
        code: 403, reason: "Forbidden",
        message: "forbidden: User \"\(user.name)\" cannot \(verb) path \"\(path)\"\(suffix)")
    }
    let what = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
    let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
    return .forbidden(
      GroupVersionResource(group: group, resource: resource), name: name,
      "User \"\(user.name)\" cannot \(verb) resource \"\(what)\" in API group \"\(group)\" "
        + place + suffix)
  }
}

/// What came of a question of authorization.
struct AccessDecision: Sendable, Hashable {
  var isAllowed: Bool
  /// Why; empty where there is nothing to say.
  var reason: String

  static let allowed = AccessDecision(isAllowed: true, reason: "")

  static func allowed(_ reason: String) -> AccessDecision {
    AccessDecision(isAllowed: true, reason: reason)
  }

  static func refused(_ reason: String = "") -> AccessDecision {
    AccessDecision(isAllowed: false, reason: reason)
  }
}
