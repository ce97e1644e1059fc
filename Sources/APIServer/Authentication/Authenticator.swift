import Keyspace
import KubernetesAPI
import NIOHTTP1

/// Finds out who makes a request: by client certificate or by service account token.
struct Authenticator: Sendable {
  let tokens: ServiceAccountTokens?
  let store: any EventStore
  let anonymousAuth: Bool

  static let unauthorized = APIStatus(
    code: 401, reason: "Unauthorized", message: "Unauthorized")

  /// Paths that answer anybody.
  static let publicPaths = ["/healthz", "/livez", "/readyz", "/version"]

  /// - Throws: 401 for missing and for wrong credentials.
  func authenticate(_ request: APIRequest, path: String) throws(APIStatus) -> UserInfo {
    if let header = request.headers.first(name: "authorization") {
      let parts = header.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "bearer" {
        let token = String(parts[1]).trimmed
        guard let tokens, let found = tokens.user(of: token, reader: store.current()) else {
          throw Self.unauthorized
        }
        return found.user
      }
    }
    switch request.peer.kind {
    case .verified(let user): return user
    case .rejected: throw Self.unauthorized
    case .none: break
    }
    let isPublic = Self.publicPaths.contains { path == $0 || path.hasPrefix($0 + "/") }
    guard anonymousAuth || isPublic else { throw Self.unauthorized }
    return .anonymous
  }

  /// Whom a request asks to act as; `nil` for nobody.
  static func impersonation(_ headers: HTTPHeaders) throws(APIStatus) -> UserInfo? {
    let groups = headers["impersonate-group"]
    let uid = headers.first(name: "impersonate-uid") ?? ""
    var extra: [String: [String]] = [:]
    for (name, value) in headers {
      let lower = name.lowercased()
      guard lower.hasPrefix("impersonate-extra-") else { continue }
      extra[percentDecoded(lower.dropFirst("impersonate-extra-".count).utf8), default: []]
        .append(value)
    }
    guard let name = headers.first(name: "impersonate-user"), !name.isEmpty else {
      if !groups.isEmpty || !extra.isEmpty || !uid.isEmpty {
        throw .internalError(
          "requested \(groups) without impersonating a user")
      }
      return nil
    }
    var user = UserInfo(name: name, uid: uid, groups: groups, extra: extra)
    if groups.isEmpty, name.hasPrefix("system:serviceaccount:") {
      let parts = name.split(separator: ":")
      user.groups = ["system:serviceaccounts"]
      if parts.count == 4 { user.groups.append("system:serviceaccounts:\(parts[2])") }
    }
    if name == "system:anonymous" {
      if !user.groups.contains("system:unauthenticated") {
        user.groups.append("system:unauthenticated")
      }
    } else if !user.groups.contains("system:authenticated") {
      user.groups.append("system:authenticated")
    }
    return user
  }
}
