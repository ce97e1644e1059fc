import ChildProcesses
import Foundation
import PodNetwork
import Testing

@testable import ContainerRuntime

@Suite struct ContainerRuntimeClientTests {
  @Test(arguments: ["http://x", "containerd.sock", "", "unix://relative/path"])
  func refusesAnEndpointThatIsNoSocket(endpoint: String) {
    #expect(throws: ContainerRuntimeError.self) { try ContainerRuntimeClient(endpoint: endpoint) }
  }

  @Test func refusesAPathLongerThanTheKernelTakes() {
    #expect(throws: ContainerRuntimeError.self) {
      try ContainerRuntimeClient(endpoint: "unix:///" + String(repeating: "x", count: 107))
    }
  }

  @Test func aRuntimeThatIsNotThereIsUnavailable() async throws {
    let client = try ContainerRuntimeClient(
      endpoint: "unix:///tmp/no-such-\(UUID().uuidString.prefix(8)).sock")
    let running = Task { try await client.run() }
    defer { running.cancel() }
    await #expect(throws: ContainerRuntimeError.self) { try await client.version() }
    client.close()
  }
}

/// A node of its own, for tests that need root and containerd.
struct TestNode {
  let plan: NodeNetworkPlan
  let runtime: NodeRuntime
  let directory: String

  static let whyNot: String? = {
    if geteuid() != 0 { return "not root" }
    for program in ["containerd", "runc", "ctr", "ip", "nsenter", "busybox"] {
      let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
      if !folders.contains(where: {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
      }) {
        return "\(program) is not installed"
      }
    }
    if !FileManager.default.isExecutableFile(atPath: "/usr/lib/cni/ptp") {
      return "the CNI plugins are not in /usr/lib/cni"
    }
    return nil
  }()

  init(number: Int) throws {
    let cluster = "t" + UUID().uuidString.lowercased().prefix(5)
    directory = "/tmp/taffrail-test-\(cluster)"
    // Of 198.18.0.0/15, which is set aside for tests.
    let node = try #require(IPv4Network("198.18.\(number).0/24"))
    let pods = try #require(IPv4Network("198.19.\(number).0/25"))
    let services = try #require(IPv4Network("198.19.\(number).128/25"))
    plan = NodeNetworkPlan(
      cluster: cluster, hostAddress: "198.18.\(number).1", nodeNetwork: node, podRange: pods,
      serviceRange: services,
      nodes: [.init(name: "w", address: "198.18.\(number).11", podRange: pods)])
    runtime = NodeRuntime(cluster: cluster, node: "w", directory: directory, podRange: pods)
  }

  /// Runs `body` while a containerd with our images serves in the node's namespace.
  func withContainerd(_ body: (ContainerRuntimeClient) async throws -> Void) async throws {
    var process: ChildProcess?
    func clean() async throws {
      process?.terminateAndWait()
      try await runtime.destroy(removingState: true)
      try await CommandRunner.check(plan.down)
    }
    do {
      try runtime.prepare()
      try await CommandRunner.check(plan.up)
      try await CommandRunner.check(plan.up)  // Again: nothing to do.
      let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      try await CommandRunner.check(
        Command([root.path + "/tools/images/build", "\(directory)/images"]))
      process = try ChildProcess.start(runtime.containerdCommand)
      try await runtime.waitUntilServing(seconds: 60)
      try await runtime.importImages([
        "\(directory)/images/pause.tar", "\(directory)/images/busybox.tar",
      ])
      let client = try ContainerRuntimeClient(endpoint: runtime.endpoint)
      let connection = Task { try await client.run() }
      defer { connection.cancel() }
      try await body(client)
      client.close()
    } catch {
      try? await clean()
      throw error
    }
    try await clean()
  }
}

@Suite struct PodOnContainerdTests {
  @Test(
    .enabled(
      if: TestNode.whyNot == nil, "needs root, containerd and the CNI plugins: see TestNode.whyNot"
    ))
  func runsAPodAndLeavesNothingBehind() async throws {
    let node = try TestNode(number: 71)
    try await node.withContainerd { client in
      #expect(try await client.version().name == "containerd")
      var config = PodSandboxConfig()
      config.metadata.name = "web"
      config.metadata.namespace = "default"
      config.metadata.uid = "u-1"
      config.hostname = "web"
      config.logDirectory = "\(node.directory)/logs"
      config.linux.cgroupParent = "\(node.runtime.cgroupParent)/pod-u-1"
      try FileManager.default.createDirectory(
        atPath: config.logDirectory, withIntermediateDirectories: true)
      let sandbox = try await client.runPodSandbox(config)
      let status = try await client.podSandboxStatus(id: sandbox)
      #expect(status.state == .sandboxReady)
      #expect(status.network.ip.hasPrefix("198.19.71."))

      #expect(try await client.imageStatus("taffrail/none:1") == nil)
      let image = try #require(try await client.imageStatus("taffrail/busybox:1"))
      var container = ContainerConfig()
      container.metadata.name = "main"
      container.image.image = image.id
      container.command = ["sh", "-c", "echo hello; exec httpd -f -p 8080 -h /etc"]
      container.logPath = "main/0.log"
      try FileManager.default.createDirectory(
        atPath: config.logDirectory + "/main", withIntermediateDirectories: true)
      let id = try await client.createContainer(container, in: sandbox, config)
      try await client.startContainer(id: id)
      #expect(try await client.containerStatus(id: id).state == .containerRunning)

      let executed = try await client.execSync(
        id: id, command: ["sh", "-c", "echo out; echo err >&2; exit 7"], timeoutSeconds: 30)
      #expect(executed.exitCode == 7)
      #expect(String(decoding: executed.stdout, as: UTF8.self) == "out\n")

      // From the host, over the bridge and the node's routes.
      let page = try await CommandRunner.check(
        Command([
          "busybox", "timeout", "30", "sh", "-c",
          "until busybox wget -q -O - http://\(status.network.ip):8080/passwd; do sleep 0.1; done",
        ]))
      #expect(page.hasPrefix("root:x:0:0"))
      let log = try String(
        contentsOfFile: config.logDirectory + "/main/0.log", encoding: .utf8)
      #expect(log.hasSuffix(" stdout F hello\n"))

      await #expect {
        _ = try await client.containerStatus(id: "none")
      } throws: { ($0 as? ContainerRuntimeError)?.code == .notFound }

      // The container is left running: the clean-up must find it.
      try await client.stopContainer(id: id, timeoutSeconds: 1)
      try await client.startContainer(
        id: try await client.createContainer(
          {
            var again = container
            again.metadata.attempt = 1
            return again
          }(), in: sandbox, config))
    }
    #expect(!FileManager.default.fileExists(atPath: node.directory))
    let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
    #expect(!mounts.contains(node.directory))
    #expect(!FileManager.default.fileExists(atPath: node.runtime.namespacePath))
    let links = try await CommandRunner.check(Command(["ip", "-o", "link"]))
    #expect(!links.contains(node.plan.bridge))
    let routes = try await CommandRunner.check(Command(["ip", "route"]))
    #expect(!routes.contains("198.19.71"))
  }
}
