import Crypto
import Foundation
import SwiftASN1
import X509

@testable import EventStore

/// A certificate authority for one test.
struct TestAuthority {
  private let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
  private let certificate: Certificate
  private let folder: String

  init(folder: String, name: String = "authority") throws {
    self.folder = folder
    let subject = try DistinguishedName { CommonName(name) }
    certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
      notValidBefore: Date(timeIntervalSinceNow: -3600),
      notValidAfter: Date(timeIntervalSinceNow: 86_400), issuer: subject, subject: subject,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(keyCertSign: true))
      },
      issuerPrivateKey: key)
    authorityPath = "\(folder)/\(name).pem"
    try write(certificate.serializeAsPEM().pemString, "\(name).pem")
  }

  let authorityPath: String

  /// Makes a certificate for a DNS name; returns the files.
  func issue(_ name: String) throws -> ReplicaConfiguration.TLSFiles {
    let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let issued = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
      notValidBefore: Date(timeIntervalSinceNow: -3600),
      notValidAfter: Date(timeIntervalSinceNow: 86_400), issuer: certificate.subject,
      subject: try DistinguishedName { OrganizationName("test") },
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        SubjectAlternativeNames([.dnsName(name)])
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
      },
      issuerPrivateKey: self.key)
    try write(issued.serializeAsPEM().pemString, "\(name).pem")
    try write(key.serializeAsPEM().pemString, "\(name).key")
    return .init(
      authority: authorityPath, certificate: "\(folder)/\(name).pem",
      key: "\(folder)/\(name).key")
  }

  private func write(_ text: String, _ name: String) throws {
    try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
  }
}
