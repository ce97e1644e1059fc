import Keyspace
import KubernetesAPI

/// Finds out who makes a request: by client certificate, service account token or
/// bootstrap token.
struct Authenticator: Sendable {
  let tokens: ServiceAccountTokens?
  let store: any EventStore
  let anonymousAuth: Bool

  static let unauthorized = APIStatus(
    code: 401, reason: "Unauthorized", message: "Unauthorized")

  /// Paths that answer anybody.
  static let publicPaths = ["/healthz", "/livez", "/readyz", "/version"]

  private func user(ofToken token: String) -> UserInfo? {
    if let found = tokens?.user(of: token, reader: store.current()) { return found.user }
    return BootstrapTokens.user(
      of: token, reader: store.current(), nowSeconds: WallClock.seconds())
  }

  /// - Throws: 401 for missing and for wrong credentials.
  func authenticate(_ request: APIRequest, path: String) throws(APIStatus) -> UserInfo {
    if let header = request.headers.first(name: "authorization") {
      let parts = header.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "bearer" {
        let token = String(parts[1]).trimmed
        if let user = user(ofToken: token) { return user }
        // As upstream: a certificate that counts makes up for a token that does not.
        guard case .verified(let user) = request.peer.kind else { throw Self.unauthorized }
        return user
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
}
