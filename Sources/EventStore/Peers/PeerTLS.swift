import NIOSSL
import Raft
import X509

/// Mutual TLS between replicas: both sides show a certificate of the cluster's authority that
/// names the replica as `peer-ID`.
struct PeerTLS: Sendable {
  let server: NIOSSLContext
  let client: NIOSSLContext

  init(_ files: ReplicaConfiguration.TLSFiles) throws(ReplicaStartError) {
    let authority = try Self.certificates(files.authority)
    let chain = try Self.certificates(files.certificate).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key: NIOSSLPrivateKey
    do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
      throw ReplicaStartError("can't read the private key \(files.key): \(error)")
    }
    var server = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: .privateKey(key))
    server.trustRoots = .certificates(authority)
    // Asks for the client's certificate; who it names is checked with the greeting.
    server.certificateVerification = .noHostnameVerification
    server.minimumTLSVersion = .tlsv13
    var client = TLSConfiguration.makeClientConfiguration()
    client.certificateChain = chain
    client.privateKey = .privateKey(key)
    client.trustRoots = .certificates(authority)
    client.certificateVerification = .noHostnameVerification
    client.minimumTLSVersion = .tlsv13
    do {
      self.server = try NIOSSLContext(configuration: server)
      self.client = try NIOSSLContext(configuration: client)
    } catch {
      throw ReplicaStartError(
        "the certificate \(files.certificate) and its key \(files.key) can't be used: \(error)")
    }
  }

  private static func certificates(
    _ path: String
  ) throws(ReplicaStartError) -> [NIOSSLCertificate] {
    do {
      let found = try NIOSSLCertificate.fromPEMFile(path)
      guard !found.isEmpty else { throw ReplicaStartError("\(path) holds no certificate") }
      return found
    } catch let error as ReplicaStartError {
      throw error
    } catch {
      throw ReplicaStartError("can't read the certificate \(path): \(error)")
    }
  }

  /// Whether a certificate names this replica, as a DNS name or as its common name.
  static func certificate(_ certificate: NIOSSLCertificate?, names id: ReplicaID) -> Bool {
    let expected = "peer-\(id)"
    guard let certificate, let bytes = try? certificate.toDERBytes(),
      let parsed = try? Certificate(derEncoded: bytes)
    else { return false }
    if let names = try? parsed.extensions.subjectAlternativeNames {
      for case .dnsName(let name) in names where name == expected { return true }
    }
    for relativeName in parsed.subject {
      for attribute in relativeName
      where attribute.type == .RDNAttributeType.commonName
        && String(describing: attribute.value) == expected
      {
        return true
      }
    }
    return false
  }
}
