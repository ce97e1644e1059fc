import Foundation
import Yams

extension KubeConfiguration {
  /// Reads `path`; `context` nil: the file's current context.
  ///
  /// Relative paths inside the file are relative to its folder, as kubectl reads them. Throws
  /// `KubeConfigurationError` naming the file and the key.
  public static func load(path: String, context: String? = nil) throws -> KubeConfiguration {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw KubeConfigurationError("cannot read the kubeconfig \(path)")
    }
    return try parse(String(decoding: data, as: UTF8.self), path: path, context: context)
  }

  /// Reads a kubeconfig's text; `path` is for messages and relative paths.
  public static func parse(_ text: String, path: String, context: String? = nil) throws
    -> KubeConfiguration
  {
    let root: Node?
    do { root = try Yams.compose(yaml: text) } catch {
      throw KubeConfigurationError("\(path) is not YAML: \(error)")
    }
    guard let root else { throw KubeConfigurationError("\(path) is empty") }
    let reader = Reader(root: root, path: path)
    guard let name = context ?? root["current-context"]?.string, !name.isEmpty else {
      throw KubeConfigurationError(
        "\(path): current-context is not set; set it, or name a context")
    }
    let entry = try reader.entry(of: "contexts", named: name, holding: "context")
    guard let clusterName = entry["cluster"]?.string else {
      throw KubeConfigurationError("\(path): context \"\(name)\" has no cluster")
    }
    let cluster = try reader.entry(of: "clusters", named: clusterName, holding: "cluster")
    guard let server = cluster["server"]?.string else {
      throw KubeConfigurationError("\(path): cluster \"\(clusterName)\" has no server")
    }
    var user: Node?
    if let userName = entry["user"]?.string, !userName.isEmpty {
      user = try reader.entry(of: "users", named: userName, holding: "user")
    }
    var token = user?["token"]?.string
    if token == nil, let tokenFile = try reader.file(user, "tokenFile") {
      token = String(decoding: tokenFile, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    do {
      return try KubeConfiguration(
        server: server,
        certificateAuthority: try reader.material(cluster, "certificate-authority"),
        clientCertificate: try reader.material(user, "client-certificate"),
        clientKey: try reader.material(user, "client-key"), token: token,
        tlsServerName: cluster["tls-server-name"]?.string,
        skipsVerification: cluster["insecure-skip-tls-verify"]?.bool ?? false,
        namespace: entry["namespace"]?.string ?? "default")
    } catch let error as KubeConfigurationError where !error.message.hasPrefix(path) {
      throw KubeConfigurationError("\(path): cluster \"\(clusterName)\": \(error.message)")
    }
  }

  private struct Reader {
    var root: Node
    var path: String

    func entry(of list: String, named name: String, holding key: String) throws -> Node {
      guard let entries = root[list]?.sequence else {
        throw KubeConfigurationError("\(path): \(list) is missing or is not a list")
      }
      guard let entry = entries.first(where: { $0["name"]?.string == name }) else {
        throw KubeConfigurationError("\(path): \(list) has no entry named \"\(name)\"")
      }
      guard let held = entry[key] else {
        throw KubeConfigurationError("\(path): \(list) entry \"\(name)\" has no \(key)")
      }
      return held
    }

    /// The bytes of `key` (a file) or `key-data` (base64); the data win, as in kubectl.
    func material(_ node: Node?, _ key: String) throws -> [UInt8]? {
      guard let encoded = node?["\(key)-data"]?.string, !encoded.isEmpty else {
        return try file(node, key)
      }
      guard let data = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters) else {
        throw KubeConfigurationError("\(path): \(key)-data is not base64")
      }
      return [UInt8](data)
    }

    func file(_ node: Node?, _ key: String) throws -> [UInt8]? {
      guard let named = node?[key]?.string, !named.isEmpty else { return nil }
      let folder = (path as NSString).deletingLastPathComponent
      let full =
        named.hasPrefix("/") || folder.isEmpty ? named : "\(folder)/\(named)"
      guard let data = FileManager.default.contents(atPath: full) else {
        throw KubeConfigurationError("\(path): \(key): cannot read the file \(full)")
      }
      return [UInt8](data)
    }
  }
}
