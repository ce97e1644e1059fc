import Foundation

/// A kubeconfig file with one cluster, one user with a client certificate, and everything inside.
public struct Kubeconfig: Sendable, Hashable {
  public var cluster: String
  public var user: String
  /// `https://HOST:PORT`
  public var server: String
  public var authorityPEM: String
  public var certificatePEM: String
  public var keyPEM: String

  /// Reads the three files that go inside.
  ///
  /// - Throws: `HomeError` if one is missing or unreadable.
  public init(
    cluster: String, user: String, server: String, authority: String, credential: Credential
  ) throws {
    func text(_ path: String) throws -> String {
      guard let text = try AtomicFile.read(path) else {
        throw HomeError(path: path, message: "is missing")
      }
      return text
    }
    self.cluster = cluster
    self.user = user
    self.server = server
    authorityPEM = try text(authority)
    certificatePEM = try text(credential.certificate)
    keyPEM = try text(credential.key)
  }

  public var yaml: String {
    func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
    return """
      apiVersion: v1
      kind: Config
      clusters:
      - name: "\(cluster)"
        cluster:
          server: "\(server)"
          certificate-authority-data: \(base64(authorityPEM))
      users:
      - name: "\(user)"
        user:
          client-certificate-data: \(base64(certificatePEM))
          client-key-data: \(base64(keyPEM))
      contexts:
      - name: "\(cluster)"
        context:
          cluster: "\(cluster)"
          user: "\(user)"
      current-context: "\(cluster)"

      """
  }

  /// Writes the file for the owner only, unless it says the same already.
  public func write(to path: String) throws {
    if try AtomicFile.read(path) != yaml {
      try AtomicFile.write(yaml, to: path, mode: 0o600)
    } else if chmod(path, 0o600) != 0 {
      throw AtomicFile.failure(path, "can't be protected")
    }
  }
}
