import Crypto
import Foundation
import KubernetesAPI
import SwiftASN1
import X509

/// Signs what CertificateSigningRequests ask for, with the authority that clients are held to.
struct CertificateIssuer: Sendable {
  /// Upstream's default: a year.
  static let maximumSeconds: Int64 = 365 * 86_400
  /// Clocks of machines differ a little.
  static let backdateSeconds: Int64 = 300

  private let authority: Certificate
  private let key: Certificate.PrivateKey

  init(certificatePEM: String, keyPEM: String) throws {
    authority = try Certificate(pemEncoded: certificatePEM)
    key = try Certificate.PrivateKey(pemEncoded: keyPEM)
  }

  /// The request in the PEM text of an object; nil where it can't be read.
  static func request(pem: String) -> CertificateSigningRequest? {
    guard let document = try? PEMDocument(pemString: pem),
      document.discriminator == "CERTIFICATE REQUEST",
      let request = try? CertificateSigningRequest(derEncoded: document.derBytes),
      request.publicKey.isValidSignature(request.signature, for: request)
    else { return nil }
    return request
  }

  static func subject(of request: CertificateSigningRequest) -> SignerPolicy.Subject {
    var subject = SignerPolicy.Subject()
    for attributes in request.subject {
      for attribute in attributes {
        let text = String(attribute.value) ?? ""
        if attribute.type == .RDNAttributeType.commonName { subject.commonName = text }
        if attribute.type == .RDNAttributeType.organizationName {
          subject.organizations.append(text)
        }
      }
    }
    for name in names(of: request) {
      switch name {
      case .dnsName, .ipAddress: subject.hosts += 1
      case .rfc822Name, .uniformResourceIdentifier: subject.mailsAndURIs += 1
      default: break
      }
    }
    return subject
  }

  private static func names(of request: CertificateSigningRequest) -> [GeneralName] {
    guard let asked = try? request.attributes.extensionRequest,
      let names = try? asked.extensions.subjectAlternativeNames
    else { return [] }
    return Array(names)
  }

  /// The certificate in PEM.
  ///
  /// - Parameter seconds: how long it is to last; nil: as long as this issuer gives.
  func certificate(
    for request: CertificateSigningRequest, usages: Set<String>, seconds: Int64?, now: Date
  ) throws -> String {
    let lifetime = min(max(seconds ?? Self.maximumSeconds, 600), Self.maximumSeconds)
    let end = min(now.addingTimeInterval(TimeInterval(lifetime)), authority.notValidAfter)
    let names = Self.names(of: request)
    let extended = Self.extendedUsages(usages)
    let extensions = try Certificate.Extensions {
      Critical(BasicConstraints.notCertificateAuthority)
      Critical(
        KeyUsage(
          digitalSignature: usages.contains("digital signature") || usages.contains("signing"),
          nonRepudiation: usages.contains("content commitment"),
          keyEncipherment: usages.contains("key encipherment"),
          dataEncipherment: usages.contains("data encipherment"),
          keyAgreement: usages.contains("key agreement")))
      if !extended.isEmpty { try ExtendedKeyUsage(extended) }
      AuthorityKeyIdentifier(
        keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
      if !names.isEmpty { SubjectAlternativeNames(names) }
    }
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: request.publicKey,
      notValidBefore: now.addingTimeInterval(-TimeInterval(Self.backdateSeconds)),
      notValidAfter: end, issuer: authority.subject, subject: request.subject,
      signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
    return try certificate.serializeAsPEM().pemString + "\n"
  }

  private static func extendedUsages(_ usages: Set<String>) -> [ExtendedKeyUsage.Usage] {
    let known: [(String, ExtendedKeyUsage.Usage)] = [
      ("any", .any), ("server auth", .serverAuth), ("client auth", .clientAuth),
      ("code signing", .codeSigning), ("email protection", .emailProtection),
      ("timestamping", .timeStamping), ("ocsp signing", .ocspSigning),
    ]
    return known.filter { usages.contains($0.0) }.map(\.1)
  }

  /// When the last certificate of a PEM text ends; nil where it can't be read.
  static func end(ofPEM text: String) -> Int64? {
    guard let certificate = try? Certificate(pemEncoded: text) else { return nil }
    return Int64(certificate.notValidAfter.timeIntervalSince1970)
  }
}
