import SwiftASN1
import X509

/// Whether a certificate and a key, both in PEM, belong together, as clients that serve with them
/// will see it.
enum KeyPairCheck {
  /// What is wrong, worded as Go's crypto/tls words it.
  static func problem(certificate: String, key: String) -> String? {
    let certificates = documents(certificate)
    guard let leaf = certificates.first(where: { $0.discriminator == "CERTIFICATE" }) else {
      return missingCertificate(certificates.map(\.discriminator))
    }
    let keys = documents(key)
    guard let found = keys.first(where: { isKey($0.discriminator) }) else {
      return missingKey(keys.map(\.discriminator))
    }
    guard let parsed = try? Certificate(pemDocument: leaf) else {
      return "x509: malformed certificate"
    }
    guard let secret = try? Certificate.PrivateKey(pemDocument: found) else {
      return "tls: failed to parse private key"
    }
    return secret.publicKey == parsed.publicKey
      ? nil : "tls: private key does not match public key"
  }

  private static func documents(_ text: String) -> [PEMDocument] {
    (try? PEMDocument.parseMultiple(pemString: text)) ?? []
  }

  private static func isKey(_ type: String) -> Bool {
    type == "PRIVATE KEY" || type.hasSuffix(" PRIVATE KEY")
  }

  private static func missingCertificate(_ skipped: [String]) -> String {
    if skipped.isEmpty { return "tls: failed to find any PEM data in certificate input" }
    if skipped.count == 1, isKey(skipped[0]) {
      return "tls: failed to find certificate PEM data in certificate input, but did find a "
        + "private key; PEM inputs may have been switched"
    }
    return "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM "
      + "blocks of the following types: [\(skipped.joined(separator: " "))]"
  }

  private static func missingKey(_ skipped: [String]) -> String {
    if skipped.isEmpty { return "tls: failed to find any PEM data in key input" }
    if skipped == ["CERTIFICATE"] {
      return "tls: found a certificate rather than a key in the PEM for the private key"
    }
    return "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after "
      + "skipping PEM blocks of the following types: [\(skipped.joined(separator: " "))]"
  }
}
