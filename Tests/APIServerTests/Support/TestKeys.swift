import Crypto
import SwiftASN1
import X509

/// Keys and requests that tests make up.
enum TestKeys {
  static func pem() -> String { P256.Signing.PrivateKey().pemRepresentation + "\n" }

  /// A request for a certificate, in PEM.
  static func request(commonName: String, organization: String) throws -> String {
    let request = try CertificateSigningRequest(
      version: .v1,
      subject: try DistinguishedName {
        OrganizationName(organization)
        CommonName(commonName)
      }, privateKey: Certificate.PrivateKey(P256.Signing.PrivateKey()),
      attributes: CertificateSigningRequest.Attributes())
    return try request.serializeAsPEM().pemString
  }
}
