import Keyspace
import KubernetesAPI

/// Where a webhook is called: what to connect to, and as whom it must show itself. Pure.
struct WebhookAddress: Sendable, Hashable {
  /// A name or an address to connect to.
  var host: String
  var port: Int
  /// What its certificate must be for.
  var serverName: String
  /// Of the Host header.
  var authority: String
  /// Path and query.
  var target: String
  /// As messages name it.
  var url: String

  struct Problem: Error {
    var message: String
    /// As far as it is known.
    var url: String
  }

  /// - Parameter clusterIP: finds that of a service; nil where there is no such service.
  init(_ webhook: AdmissionWebhook, clusterIP: (_ namespace: String, _ name: String) -> String?)
    throws(Problem)
  {
    let query = "timeout=\(webhook.timeoutSeconds)s"
    switch webhook.client {
    case .service(let namespace, let name, let path, let port):
      serverName = "\(name).\(namespace).svc"
      authority = "\(serverName):\(port)"
      let path = path.hasPrefix("/") ? path : "/" + path
      target = "\(path)?\(query)"
      url = "https://\(authority)\(target)"
      self.port = port
      guard let address = clusterIP(namespace, name) else {
        throw Problem(message: "service \"\(name)\" not found", url: url)
      }
      guard address != "None", !address.isEmpty else {
        throw Problem(
          message: "cannot route to service with ClusterIP \"\(address)\"", url: url)
      }
      host = address
    case .url(let text):
      guard let parsed = WebAddress(parsing: text), parsed.scheme == "https" else {
        throw Problem(message: "\(text) is no URL of https", url: text)
      }
      host = parsed.hostname
      port = Int(parsed.port) ?? 443
      serverName = parsed.hostname
      authority = parsed.host
      target = "\(parsed.path.isEmpty ? "/" : parsed.path)?\(query)"
      url = "https://\(authority)\(target)"
    }
  }
}
