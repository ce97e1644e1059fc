import Foundation
import Testing

@testable import KubernetesClient

@Suite struct KubeConfigurationTests {
  func text(server: String = "https://[::1]:6443", user: String) -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: one
    clusters:
    - name: here
      cluster: {server: "\(server)", certificate-authority-data: QUJD}
    contexts:
    - name: one
      context: {cluster: here, user: me, namespace: work}
    users:
    - name: me
      user: \(user)
    """
  }

  @Test func dataAndTokenAreRead() throws {
    let configuration = try KubeConfiguration.parse(
      text(user: "{token: t, client-certificate-data: REVG, client-key-data: R0hJ}"), path: "k")
    #expect(configuration.host == "::1")
    #expect(configuration.port == 6443)
    #expect(configuration.usesTLS)
    #expect(configuration.namespace == "work")
    #expect(configuration.token == "t")
    #expect(configuration.certificateAuthority == Array("ABC".utf8))
    #expect(configuration.clientCertificate == Array("DEF".utf8))
    #expect(configuration.clientKey == Array("GHI".utf8))
  }

  @Test func filesAreRelativeToTheKubeconfig() throws {
    let folder = NSTemporaryDirectory() + "kubeconfig-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("KEY".utf8).write(to: URL(fileURLWithPath: folder + "/me.key"))
    try Data(text(user: "{client-key: me.key}").utf8)
      .write(to: URL(fileURLWithPath: folder + "/config"))
    let configuration = try KubeConfiguration.load(path: folder + "/config")
    #expect(configuration.clientKey == Array("KEY".utf8))
  }

  @Test(arguments: [
    ("{client-key-data: '%%'}", "client-key-data is not base64"),
    ("{client-certificate: /nowhere/x.pem}", "cannot read the file /nowhere/x.pem"),
  ])
  func errorsNameTheFileAndTheKey(user: String, message: String) throws {
    let error = #expect(throws: KubeConfigurationError.self) {
      _ = try KubeConfiguration.parse(text(user: user), path: "/a/config")
    }
    #expect(error?.message.hasPrefix("/a/config") == true)
    #expect(error?.message.contains(message) == true)
  }

  @Test(arguments: [
    ("", "is empty"), ("a: [", "is not YAML"), ("a: b", "current-context is not set"),
    ("current-context: x", "contexts is missing"),
    ("current-context: x\ncontexts: [{name: y, context: {}}]", "no entry named \"x\""),
  ])
  func brokenFilesAreRefused(text: String, message: String) throws {
    let error = #expect(throws: KubeConfigurationError.self) {
      _ = try KubeConfiguration.parse(text, path: "k")
    }
    #expect(error?.message.contains(message) == true)
  }

  @Test func aServerThatIsNoURLIsRefused() throws {
    let error = #expect(throws: KubeConfigurationError.self) {
      _ = try KubeConfiguration.parse(text(server: "localhost", user: "{}"), path: "k")
    }
    #expect(error?.message.contains("k: cluster \"here\"") == true)
  }
}
