import Crypto
import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI

/// Signs and verifies the tokens of service accounts: JWTs with ES256 (RFC 7518).
struct ServiceAccountTokens: Sendable {
  private let keys: TokenKeys
  let issuer: String

  init(keys: TokenKeys, issuer: String) {
    self.keys = keys
    self.issuer = issuer
  }

  var defaultAudience: String { issuer }

  /// The object that a token is bound to: it dies with it.
  struct BoundObject: Sendable {
    var kind: String
    var name: String
    var uid: String
  }

  func sign(
    namespace: String, name: String, uid: String, audiences: [String],
    expirationSeconds: Int64, bound: BoundObject?, node: BoundObject?
  ) throws(APIStatus) -> (token: String, expires: Int64) {
    let now = WallClock.seconds()
    var kubernetes: JSONValue = [
      "namespace": .string(namespace),
      "serviceaccount": ["name": .string(name), "uid": .string(uid)],
    ]
    if let bound {
      kubernetes[bound.kind.lowercased()] = [
        "name": .string(bound.name), "uid": .string(bound.uid),
      ]
    }
    if let node {
      kubernetes["node"] = ["name": .string(node.name)]
      if !node.uid.isEmpty { kubernetes.set(.string(node.uid), at: "node", "uid") }
    }
    guard let signing = keys.signing else {
      throw .internalError("there is no key to sign tokens with")
    }
    let claims: JSONValue = [
      "aud": .array(audiences.map { .string($0) }), "exp": .int(now + expirationSeconds),
      "iat": .int(now), "iss": .string(issuer), "jti": .string(Identifier.uuid()),
      "kubernetes.io": kubernetes, "nbf": .int(now),
      "sub": .string("system:serviceaccount:\(namespace):\(name)"),
    ]
    let header: JSONValue = ["alg": "ES256", "kid": .string(signing.id)]
    let signed =
      Base64URL.encode(header.serialized()) + "." + Base64URL.encode(claims.serialized())
    do {
      let signature = try signing.key.signature(for: Data(signed.utf8))
      return (
        signed + "." + Base64URL.encode(signature.rawRepresentation), now + expirationSeconds
      )
    } catch {
      throw .internalError("signing a token failed: \(error)")
    }
  }

  /// The user of a token; `nil` where it is not valid (any more).
  ///
  /// - Parameter audiences: one of these must be among the token's; empty: the server itself.
  func user(of token: String, audiences: [String] = [], reader: any KeyspaceReader)
    -> (user: UserInfo, audiences: [String])?
  {
    guard let claims = verifiedClaims(of: token) else { return nil }
    let now = WallClock.seconds()
    guard let expires = claims["exp"]?.intValue, now < expires,
      now >= (claims["nbf"]?.intValue ?? 0) - 60
    else { return nil }
    let wanted = audiences.isEmpty ? [defaultAudience] : audiences
    let common = claims.strings("aud").filter(wanted.contains)
    guard !common.isEmpty, let facts = claims["kubernetes.io"],
      let namespace = facts["namespace"]?.stringValue,
      let name = facts.at("serviceaccount", "name")?.stringValue,
      let uid = facts.at("serviceaccount", "uid")?.stringValue,
      Self.uid("serviceaccounts", namespace, name, reader) == uid
    else { return nil }
    var extra = [
      "authentication.kubernetes.io/credential-id": ["JTI=\(claims["jti"]?.stringValue ?? "")"]
    ]
    for (kind, resource, scope) in [
      ("pod", "pods", namespace), ("secret", "secrets", namespace), ("node", "nodes", ""),
    ] {
      guard let bound = facts[kind], let boundName = bound["name"]?.stringValue else { continue }
      let boundUID = bound["uid"]?.stringValue
      // The node of a pod's token only says where the pod runs.
      let isHint = kind == "node" && facts["pod"] != nil
      if !isHint, let boundUID, Self.uid(resource, scope, boundName, reader) != boundUID {
        return nil
      }
      if kind != "secret" {
        extra["authentication.kubernetes.io/\(kind)-name"] = [boundName]
        if let boundUID { extra["authentication.kubernetes.io/\(kind)-uid"] = [boundUID] }
      }
    }
    let user = UserInfo(
      name: "system:serviceaccount:\(namespace):\(name)", uid: uid,
      groups: [
        "system:serviceaccounts", "system:serviceaccounts:\(namespace)", "system:authenticated",
      ], extra: extra)
    return (user, common)
  }

  /// The claims of a token that one of the keys signed for this issuer.
  private func verifiedClaims(of token: String) -> JSONValue? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Self.json(parts[0]), let claims = Self.json(parts[1]),
      header["alg"]?.stringValue == "ES256", let raw = Base64URL.decode(String(parts[2])),
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: Data(raw)),
      claims["iss"]?.stringValue == issuer
    else { return nil }
    let signed = Data("\(parts[0]).\(parts[1])".utf8)
    guard
      keys.verifying(id: header["kid"]?.stringValue).contains(where: {
        $0.publicKey.isValidSignature(signature, for: signed)
      })
    else { return nil }
    return claims
  }

  /// Why a token that was signed here is no longer good, as far as it can be told; `nil` for one
  /// that was never good.
  func reason(toRefuse token: String, reader: any KeyspaceReader) -> String? {
    guard let facts = verifiedClaims(of: token)?["kubernetes.io"],
      let namespace = facts["namespace"]?.stringValue,
      let name = facts.at("serviceaccount", "name")?.stringValue
    else { return nil }
    if Self.uid("serviceaccounts", namespace, name, reader) == nil {
      return "serviceaccounts \"\(name)\" not found"
    }
    return nil
  }

  private static func json(_ part: Substring) -> JSONValue? {
    guard let bytes = Base64URL.decode(String(part)) else { return nil }
    return try? JSONValue(parsing: bytes)
  }

  private static func uid(
    _ resource: String, _ namespace: String, _ name: String, _ reader: any KeyspaceReader
  ) -> String? {
    let key = Key(resource: resource, group: "", namespace: namespace, name: name)
    guard let entry = reader.get(key), let value = try? JSONValue(parsing: entry.value) else {
      return nil
    }
    // What is on its way out has a moment to end its work.
    if let text = value.at("metadata", "deletionTimestamp")?.stringValue,
      let time = Timestamp(parsing: text),
      WallClock.seconds() > time.seconds + deletionLeewaySeconds
    {
      return nil
    }
    return value.uid
  }

  private static let deletionLeewaySeconds: Int64 = 60

  /// The public keys as a JSON Web Key Set.
  var keySet: JSONValue { keys.keySet }
}
