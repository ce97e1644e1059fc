import Crypto
import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI

/// Signs and verifies the tokens of service accounts: JWTs with ES256 (RFC 7518).
struct ServiceAccountTokens: Sendable {
  private let key: P256.Signing.PrivateKey
  private let keyID: String
  let issuer: String

  /// - Parameter pem: an EC P-256 private key; every server of a cluster has the same.
  init(pem: String, issuer: String) throws {
    do {
      key = try P256.Signing.PrivateKey(pemRepresentation: pem)
    } catch {
      throw APIServerError.configuration(
        "the service account signing key must be an EC P-256 private key in PEM: \(error)")
    }
    keyID = Base64URL.encode(SHA256.hash(data: key.publicKey.derRepresentation))
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
    expirationSeconds: Int64, bound: BoundObject?, nodeName: String?
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
    if let nodeName { kubernetes["node"] = ["name": .string(nodeName)] }
    let claims: JSONValue = [
      "aud": .array(audiences.map { .string($0) }), "exp": .int(now + expirationSeconds),
      "iat": .int(now), "iss": .string(issuer), "jti": .string(Identifier.uuid()),
      "kubernetes.io": kubernetes, "nbf": .int(now),
      "sub": .string("system:serviceaccount:\(namespace):\(name)"),
    ]
    let header: JSONValue = ["alg": "ES256", "kid": .string(keyID)]
    let signed =
      Base64URL.encode(header.serialized()) + "." + Base64URL.encode(claims.serialized())
    do {
      let signature = try key.signature(for: Data(signed.utf8))
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
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Self.json(parts[0]), let claims = Self.json(parts[1]),
      header["alg"]?.stringValue == "ES256", let raw = Base64URL.decode(String(parts[2])),
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: Data(raw)),
      key.publicKey.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8)),
      claims["iss"]?.stringValue == issuer
    else { return nil }
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
      if let boundUID, Self.uid(resource, scope, boundName, reader) != boundUID { return nil }
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
    return value.uid
  }

  /// The public key as a JSON Web Key Set.
  var keySet: JSONValue {
    let point = Array(key.publicKey.rawRepresentation)
    return [
      "keys": [
        [
          "use": "sig", "kty": "EC", "kid": .string(keyID), "crv": "P-256", "alg": "ES256",
          "x": .string(Base64URL.encode(point.prefix(32))),
          "y": .string(Base64URL.encode(point.suffix(32))),
        ]
      ]
    ]
  }
}
