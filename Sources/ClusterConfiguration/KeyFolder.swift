import Crypto
import Foundation
import X509

/// A folder of keys and certificates (PEM, P-256): makes what is missing or outdated, keeps the
/// rest.
struct KeyFolder {
  var path: String
  var now: Date

  struct Authority {
    var certificate: Certificate
    var key: Certificate.PrivateKey
    var certificatePath: String
  }

  /// The authority `NAME.crt`, `NAME.key`; made if both are missing.
  ///
  /// - Throws: `HomeError` if one is missing or damaged: a new one would lock out everything that
  ///   trusts the old.
  func authority(_ name: String, commonName: String) throws -> Authority {
    let certificatePath = "\(path)/\(name).crt"
    let keyPath = "\(path)/\(name).key"
    let profile = CertificateProfile(commonName: commonName, isAuthority: true)
    let certificateText = try AtomicFile.read(certificatePath)
    let keyText = try AtomicFile.read(keyPath)
    let advice = "; put it back, or remove the folder \(path) to have all keys made anew"
    let key: Certificate.PrivateKey
    switch (certificateText, keyText) {
    case (nil, nil):
      key = try newKey(at: keyPath)
    case (.some, nil):
      throw HomeError(path: keyPath, message: "is missing\(advice)")
    case (_, .some(let text)):
      guard let parsed = try? P256.Signing.PrivateKey(pemRepresentation: text) else {
        throw HomeError(path: keyPath, message: "is damaged\(advice)")
      }
      key = Certificate.PrivateKey(parsed)
    }
    if let certificateText {
      guard let certificate = try? Certificate(pemEncoded: certificateText),
        certificate.publicKey == key.publicKey
      else {
        throw HomeError(
          path: certificatePath, message: "is damaged or does not belong to \(name).key\(advice)")
      }
      if profile.matches(certificate, key: key, issuer: certificate, now: now) {
        return Authority(certificate: certificate, key: key, certificatePath: certificatePath)
      }
    }
    let certificate = try profile.certificate(for: key, issuer: nil, now: now)
    try write(certificate, to: certificatePath)
    return Authority(certificate: certificate, key: key, certificatePath: certificatePath)
  }

  /// The certificate `NAME.crt` with `NAME.key`; made where they are missing, damaged, outdated or
  /// say something else than `profile`.
  func credential(_ name: String, _ profile: CertificateProfile, by authority: Authority) throws
    -> Credential
  {
    let credential = Credential(certificate: "\(path)/\(name).crt", key: "\(path)/\(name).key")
    if let certificateText = try AtomicFile.read(credential.certificate),
      let certificate = try? Certificate(pemEncoded: certificateText),
      let keyText = try AtomicFile.read(credential.key),
      let key = try? P256.Signing.PrivateKey(pemRepresentation: keyText),
      profile.matches(
        certificate, key: Certificate.PrivateKey(key), issuer: authority.certificate, now: now)
    {
      try protect(credential.key)
      return credential
    }
    // A crash between the two leaves a pair that doesn't match, which the next run replaces.
    let key = try newKey(at: credential.key)
    let certificate = try profile.certificate(
      for: key, issuer: (authority.certificate, authority.key), now: now)
    try write(certificate, to: credential.certificate)
    return credential
  }

  /// The key pair `NAME.key`, `NAME.pub` that signs tokens. Never replaced: tokens depend on it.
  /// Where somebody added keys to the file, the last one signs.
  func signingKey(_ name: String) throws -> (key: String, publicKey: String) {
    let keyPath = "\(path)/\(name).key"
    let publicPath = "\(path)/\(name).pub"
    let key: P256.Signing.PrivateKey
    if let text = try AtomicFile.read(keyPath) {
      guard let parsed = Self.lastPrivateKey(in: text) else {
        throw HomeError(
          path: keyPath,
          message: "is damaged; put it back, or remove it to make every service account token void")
      }
      key = parsed
      try protect(keyPath)
    } else {
      key = P256.Signing.PrivateKey()
      try AtomicFile.write(key.pemRepresentation + "\n", to: keyPath, mode: 0o600)
    }
    let publicText = key.publicKey.pemRepresentation + "\n"
    if try AtomicFile.read(publicPath) != publicText {
      try AtomicFile.write(publicText, to: publicPath, mode: 0o644)
    }
    return (keyPath, publicPath)
  }

  /// The last private key of several in PEM.
  static func lastPrivateKey(in text: String) -> P256.Signing.PrivateKey? {
    let begin = "-----BEGIN "
    let blocks = text.components(separatedBy: begin).dropFirst().filter {
      !$0.hasPrefix("PUBLIC KEY")
    }
    return blocks.last.flatMap { try? P256.Signing.PrivateKey(pemRepresentation: begin + $0) }
  }

  private func newKey(at keyPath: String) throws -> Certificate.PrivateKey {
    let key = P256.Signing.PrivateKey()
    try AtomicFile.write(key.pemRepresentation + "\n", to: keyPath, mode: 0o600)
    return Certificate.PrivateKey(key)
  }

  private func write(_ certificate: Certificate, to path: String) throws {
    try AtomicFile.write(
      try certificate.serializeAsPEM().pemString + "\n", to: path, mode: 0o644)
  }

  /// Takes back rights that somebody gave to others.
  private func protect(_ path: String) throws {
    guard chmod(path, 0o600) == 0 else { throw AtomicFile.failure(path, "can't be protected") }
  }
}

/// Where a certificate and its private key are, both PEM.
public struct Credential: Sendable, Hashable {
  public var certificate: String
  public var key: String

  public init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}
