import Foundation

/// How to reach a cluster, and as whom: one context of a kubeconfig file, with its files read.
public struct KubeConfiguration: Sendable {
  /// The server's URL, e.g. `https://127.0.0.1:6443`.
  public var server: String
  public var host: String
  public var port: Int
  /// False for `http://` servers.
  public var usesTLS: Bool
  /// The name to verify the server's certificate against, where it differs from the host.
  public var tlsServerName: String?
  /// PEM; nil: the system's roots.
  public var certificateAuthority: [UInt8]?
  /// PEM, leaf first.
  public var clientCertificate: [UInt8]?
  /// PEM.
  public var clientKey: [UInt8]?
  public var token: String?
  public var skipsVerification: Bool
  /// The context's default namespace.
  public var namespace: String

  /// Throws `KubeConfigurationError` for a URL that is none.
  public init(
    server: String, certificateAuthority: [UInt8]? = nil, clientCertificate: [UInt8]? = nil,
    clientKey: [UInt8]? = nil, token: String? = nil, tlsServerName: String? = nil,
    skipsVerification: Bool = false, namespace: String = "default"
  ) throws {
    guard let url = URLComponents(string: server), let host = url.host, !host.isEmpty,
      url.scheme == "https" || url.scheme == "http"
    else {
      throw KubeConfigurationError(
        "the server \"\(server)\" is not a URL such as https://127.0.0.1:6443")
    }
    self.server = server
    // A literal IPv6 address comes in brackets, which no resolver takes.
    self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    self.usesTLS = url.scheme == "https"
    self.port = url.port ?? (url.scheme == "https" ? 443 : 80)
    self.certificateAuthority = certificateAuthority
    self.clientCertificate = clientCertificate
    self.clientKey = clientKey
    self.token = token
    self.tlsServerName = tlsServerName
    self.skipsVerification = skipsVerification
    self.namespace = namespace
  }
}

/// What is wrong with a kubeconfig: the file, the key and what to do about it.
public struct KubeConfigurationError: Error, Sendable, CustomStringConvertible {
  public var message: String
  public var description: String { message }

  public init(_ message: String) { self.message = message }
}
