import Foundation
import SwiftASN1
import X509

/// What a certificate is to say, whoever's key it ends up with.
struct CertificateProfile: Hashable {
  var commonName: String
  var organization: String?
  var organizationalUnit: String?
  /// IPv4 addresses and DNS names.
  var hosts: [String] = []
  var isServer = false
  var isClient = false
  /// Signs others instead.
  var isAuthority = false

  static let authorityLifetimeSeconds = 10 * 365 * 86400.0
  static let lifetimeSeconds = 365 * 86400.0
  /// Renewed by the next start when less than this is left.
  static let renewalSeconds = 30 * 86400.0

  func subject() throws -> DistinguishedName {
    try DistinguishedName {
      if let organization { OrganizationName(organization) }
      if let organizationalUnit { OrganizationalUnitName(organizationalUnit) }
      CommonName(commonName)
    }
  }

  var alternativeNames: [GeneralName] {
    var seen: Set<String> = []
    return hosts.filter { seen.insert($0).inserted }.map { host in
      if let address = IPv4Address(host) {
        .ipAddress(ASN1OctetString(contentBytes: address.bytes[...]))
      } else {
        .dnsName(host)
      }
    }
  }

  /// A certificate for `key`, signed by `issuer`; self-signed with `issuer` nil.
  func certificate(
    for key: Certificate.PrivateKey,
    issuer: (certificate: Certificate, key: Certificate.PrivateKey)?, now: Date
  ) throws -> Certificate {
    let subject = try subject()
    let names = alternativeNames
    let usages: [ExtendedKeyUsage.Usage] =
      (isServer ? [.serverAuth] : []) + (isClient ? [.clientAuth] : [])
    let issuerIdentifier = SubjectKeyIdentifier(hash: (issuer?.key ?? key).publicKey)
    let extensions = try Certificate.Extensions {
      if isAuthority {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
      } else {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage(usages)
      }
      SubjectKeyIdentifier(hash: key.publicKey)
      AuthorityKeyIdentifier(keyIdentifier: issuerIdentifier.keyIdentifier)
      if !names.isEmpty {
        SubjectAlternativeNames(names)
      }
    }
    let lifetime = isAuthority ? Self.authorityLifetimeSeconds : Self.lifetimeSeconds
    return try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
      // Clocks of machines differ a little.
      notValidBefore: now.addingTimeInterval(-300),
      notValidAfter: now.addingTimeInterval(lifetime),
      issuer: issuer?.certificate.subject ?? subject, subject: subject,
      signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
      issuerPrivateKey: issuer?.key ?? key)
  }

  /// Whether `certificate` says this, was signed by `issuer`, and is good for a while yet.
  func matches(
    _ certificate: Certificate, key: Certificate.PrivateKey, issuer: Certificate, now: Date
  ) -> Bool {
    guard let subject = try? subject(), certificate.subject == subject,
      certificate.publicKey == key.publicKey, certificate.notValidBefore <= now,
      certificate.notValidAfter > now.addingTimeInterval(Self.renewalSeconds),
      certificate.issuer == issuer.subject,
      issuer.publicKey.isValidSignature(certificate.signature, for: certificate)
    else { return false }
    let present = (try? certificate.extensions.subjectAlternativeNames).flatMap { $0 }
    return Set(present ?? SubjectAlternativeNames()) == Set(alternativeNames)
  }
}
