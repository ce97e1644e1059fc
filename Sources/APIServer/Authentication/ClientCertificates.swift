import Crypto
import Foundation
import KubernetesAPI
import NIOCore
import NIOSSL
import X509

/// Who makes a request, as authentication found out.
public struct UserInfo: Sendable, Hashable {
  public var name: String
  public var uid: String
  public var groups: [String]
  /// Further facts, e.g. the pod a service account token is bound to.
  public var extra: [String: [String]]

  public init(
    name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]
  ) {
    self.name = name
    self.uid = uid
    self.groups = groups
    self.extra = extra
  }

  public static let anonymous = UserInfo(
    name: "system:anonymous", groups: ["system:unauthenticated"])

  /// May do everything, whatever RBAC holds.
  public var isMaster: Bool { groups.contains("system:masters") }
}

/// Verifies client certificates against the client CA: the common name is the user, the
/// organizations are the groups.
struct ClientCertificates: Sendable {
  private let roots: CertificateStore?

  init(authorityPEM: String?) throws {
    roots = try authorityPEM.map { text in
      CertificateStore(try Self.certificates(inPEM: text))
    }
  }

  static func certificates(inPEM text: String) throws -> [Certificate] {
    let end = "-----END CERTIFICATE-----"
    var certificates: [Certificate] = []
    for part in text.components(separatedBy: end) where part.contains("-----BEGIN CERTIFICATE") {
      certificates.append(try Certificate(pemEncoded: part + end + "\n"))
    }
    return certificates
  }

  /// Verifies off the event loop, once for each connection.
  func verify(_ chain: [NIOSSLCertificate], into promise: EventLoopPromise<PeerIdentity>) {
    let encoded = chain.compactMap { try? $0.toDERBytes() }
    Task { promise.succeed(PeerIdentity(await identity(of: encoded))) }
  }

  func identity(of chain: [[UInt8]]) async -> PeerIdentity.Kind {
    guard let roots else { return .rejected("no client certificate authority is configured") }
    let certificates: [Certificate]
    do {
      certificates = try chain.map { try Certificate(derEncoded: $0) }
    } catch {
      return .rejected("the client certificate can't be read")
    }
    guard let leaf = certificates.first else { return .none }
    var verifier = Verifier(rootCertificates: roots) { RFC5280Policy() }
    let intermediates = CertificateStore(certificates.dropFirst())
    switch await verifier.validate(leaf: leaf, intermediates: intermediates) {
    case .validCertificate:
      let digest = SHA256.hash(data: chain[0])
      return Self.user(of: leaf, digest: digest.map { Self.hexadecimal($0) }.joined())
    case .couldNotValidate:
      return .rejected("the client certificate is expired or signed by an unknown authority")
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  /// - Parameter digest: of the certificate, SHA-256 in hexadecimal; names the credential.
  private static func user(of certificate: Certificate, digest: String) -> PeerIdentity.Kind {
    if let usage = try? certificate.extensions.extendedKeyUsage, !usage.contains(.clientAuth),
      !usage.contains(.any)
    {
      return .rejected("the certificate is not for client authentication")
    }
    var name = ""
    var groups: [String] = []
    for attributes in certificate.subject {
      for attribute in attributes {
        guard let value = String(attribute.value) else { continue }
        if attribute.type == .RDNAttributeType.commonName {
          name = value
        } else if attribute.type == .RDNAttributeType.organizationName {
          groups.append(value)
        }
      }
    }
    guard !name.isEmpty else { return .rejected("the client certificate has no common name") }
    return .verified(
      UserInfo(
        name: name, groups: groups + ["system:authenticated"],
        extra: ["authentication.kubernetes.io/credential-id": ["X509SHA256=\(digest)"]]))
  }
}
