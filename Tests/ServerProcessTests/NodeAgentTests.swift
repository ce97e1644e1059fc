import Foundation
import Testing

/// The node agent as a process.
struct NodeAgentTests {
  @Test func toldToStopItEndsInOrder() async throws {
    let folder = try TestFolder()
    let server = try await Standalone.start(folder.path + "/data").process
    let agent = try ServerProcess([
      "kubelet", "--hollow", "2", "--kubeconfig", folder.path + "/data/kubeconfig",
    ])
    try await agent.printed("2 hollow nodes are registered")
    try await agent.stop().expect(status: 0)
    try await server.stop().expect(status: 0)
  }
}
