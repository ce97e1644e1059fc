import Foundation
import Testing

@testable import ClusterConfiguration
@testable import LocalCluster

/// Three servers and one node; no node if `nodes` is false.
func testConfiguration(path: String, nodes: Bool = false, endpointPort: Int = 6443) throws
  -> ClusterConfiguration
{
  try ClusterConfiguration.parse(
    yaml: """
      name: test
      servers:
        - {id: 1, peerAddress: "127.0.0.1:7101", apiAddress: "127.0.0.1:7443"}
        - {id: 2, peerAddress: "127.0.0.1:7102", apiAddress: "127.0.0.1:7444"}
        - {id: 3, peerAddress: "127.0.0.1:7103", apiAddress: "127.0.0.1:7445"}
      endpointAddress: 127.0.0.1:\(endpointPort)
      podRange: 10.244.0.0/16
      serviceRange: 10.96.0.0/16
      nodeNetwork: 172.29.66.0/24
      hollowNodes: 2
      nodes: \(nodes ? "[{name: worker-1}]" : "[]")
      """, path: path)
}

struct ClusterPlanTests {
  func plan(_ home: TaffrailHome, runsContainers: Bool) throws -> ClusterPlan {
    let configuration = try testConfiguration(path: "/etc/t/cluster.conf", nodes: true)
    return ClusterPlan(
      configuration: configuration, home: home,
      pki: try ClusterPKI.ensure(configuration: configuration, home: home),
      executable: "/bin/taffrail", runsContainers: runsContainers)
  }

  @Test func controlPlaneIsServersAndEndpoint() throws {
    let folder = try TemporaryHome()
    let plan = try plan(folder.home, runsContainers: true)
    #expect(plan.controlPlane.map(\.name) == ["server-1", "server-2", "server-3", "endpoint"])
    #expect(
      plan.controlPlane[1].command == [
        "/bin/taffrail", "server", "--config", "/etc/t/cluster.conf", "--id", "2",
      ])
    #expect(plan.hollowNodeCount == 2)
    #expect(try self.plan(folder.home, runsContainers: false).hollowNodeCount == 3)
  }

  @Test func agentsAndRuntimesRunInsideTheirNode() throws {
    let folder = try TemporaryHome()
    let plan = try plan(folder.home, runsContainers: true)
    let node = try #require(plan.configuration.nodes.first)
    let agent = try #require(plan.nodeAgent(of: node))
    let runtime = plan.containerRuntime(of: node)
    #expect(agent.command.first == "nsenter")
    #expect(runtime.command.first == "nsenter")
    #expect(agent.command[1] == runtime.command[1])
    #expect(agent.command.contains("172.29.66.11"))
    #expect(agent.stage > runtime.stage)
    #expect(plan.network.hostAddress == "172.29.66.1")
    #expect(plan.network.nodes.map(\.podRange.description) == ["10.244.1.0/24"])
  }

  @Test func missingPartsAreNamed() {
    let all = UInt64.max
    #expect(NodeRequirements.missing(capabilities: all) { _ in true }.isEmpty)
    #expect(
      NodeRequirements.missing(capabilities: all) { !$0.hasSuffix("/runc") }
        == ["the program runc"])
    #expect(
      NodeRequirements.missing(capabilities: all & ~(1 << 12)) { $0 != "/usr/lib/cni/ptp" } == [
        "the capability CAP_NET_ADMIN", "the CNI plugin /usr/lib/cni/ptp",
      ])
    #expect(
      NodeRequirements.capabilities(status: "Name:\tx\nCapEff:\t00000000a80425fb\n") == 0xa804_25fb)
    #expect(NodeRequirements.capabilities(status: "") == 0)
  }

  @Test func listeningSocketsAreRead() throws {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 0100007F:1D13 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
         1: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1
         2: 0100007F:1D14 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4713 1
         3: nonsense
      """
    let sockets = ListeningSocket.parse(table)
    #expect(
      sockets == [
        ListeningSocket(address: .loopback, port: 7443, inode: 4711),
        ListeningSocket(address: IPv4Address(rawValue: 0), port: 6443, inode: 4712),
      ])
    #expect(sockets[0].blocks(HostPort(host: "127.0.0.1", port: 7443)))
    #expect(sockets[0].blocks(HostPort(host: "localhost", port: 7443)))
    #expect(sockets[0].blocks(HostPort(host: "0.0.0.0", port: 7443)))
    #expect(!sockets[0].blocks(HostPort(host: "127.0.0.2", port: 7443)))
    #expect(!sockets[0].blocks(HostPort(host: "127.0.0.1", port: 7444)))
    #expect(sockets[1].blocks(HostPort(host: "10.0.0.1", port: 6443)))
    #expect(ListeningSocket.parse("").isEmpty)
  }

  @Test func aTakenPortIsNamedWithItsHolder() async throws {
    let server = try await TestServer(reply: "x")
    let configuration = try testConfiguration(path: "c", endpointPort: server.port)
    let conflicts = PortCheck.conflicts(configuration, own: [])
      .filter { $0.contains("endpointAddress") }
    #expect(conflicts.count == 1)
    #expect(conflicts.first?.contains("process \(getpid()) (") == true, "\(conflicts)")
    #expect(
      PortCheck.conflicts(configuration, own: [getpid()])
        .filter { $0.contains("endpointAddress") }.isEmpty)
    await server.stop()
  }

  @Test func durationsReadWell() {
    #expect(ProgressReport.text(.milliseconds(7)) == "7 ms")
    #expect(ProgressReport.text(.milliseconds(61_250)) == "61.2 s")
  }
}
