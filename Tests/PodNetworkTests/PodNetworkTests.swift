import JSONDocument
import Testing

@testable import PodNetwork

private func network(_ text: String) throws -> IPv4Network { try #require(IPv4Network(text)) }

private func plan() throws -> NodeNetworkPlan {
  NodeNetworkPlan(
    cluster: "a1b2c3", hostAddress: "172.29.0.1", nodeNetwork: try network("172.29.0.0/24"),
    podRange: try network("10.244.0.0/16"), serviceRange: try network("10.96.0.0/16"),
    nodes: [
      .init(name: "worker-1", address: "172.29.0.11", podRange: try network("10.244.1.0/24")),
      .init(name: "worker-2", address: "172.29.0.12", podRange: try network("10.244.2.0/24")),
    ])
}

@Suite struct IPv4NetworkTests {
  @Test(arguments: [
    ("10.244.1.7/24", "10.244.1.0/24"), ("0.0.0.0/0", "0.0.0.0/0"),
    ("255.255.255.255/32", "255.255.255.255/32"),
  ])
  func reads(text: String, expected: String) throws {
    #expect(try network(text).description == expected)
  }

  @Test(arguments: [
    "", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.256/8", "a.b.c.d/8", "1.2.3.4/-1",
  ])
  func refuses(text: String) { #expect(IPv4Network(text) == nil) }

  @Test func countsAddresses() throws {
    let range = try network("10.0.0.0/30")
    #expect(range.address(at: 3) == "10.0.0.3")
    #expect(range.address(at: 4) == nil)
    #expect(try network("255.255.255.252/30").address(at: 9) == nil)
  }

  @Test func overlapGoesBothWays() throws {
    let outer = try network("10.0.0.0/8")
    let inner = try network("10.96.0.0/16")
    #expect(outer.overlaps(inner) && inner.overlaps(outer))
    #expect(!inner.overlaps(try network("10.97.0.0/16")))
  }
}

@Suite struct NodeNetworkPlanTests {
  @Test func commandsUp() throws {
    let text = try plan().up.map(\.description)
    #expect(
      text == [
        "ip link add tfa1b2c3 type bridge",
        "ip address replace 172.29.0.1/24 dev tfa1b2c3",
        "ip link set tfa1b2c3 up",
        "ip route replace blackhole 10.244.0.0/16 metric 4000000",
        "ip route replace blackhole 10.96.0.0/16 metric 4000000",
        "ip netns add taffrail-a1b2c3-worker-1",
        "ip link add tfa1b2c3w1 type veth peer name eth0 netns taffrail-a1b2c3-worker-1",
        "ip link set tfa1b2c3w1 master tfa1b2c3 up",
        "ip -n taffrail-a1b2c3-worker-1 link set lo up",
        "ip -n taffrail-a1b2c3-worker-1 address replace 172.29.0.11/24 dev eth0",
        "ip -n taffrail-a1b2c3-worker-1 link set eth0 up",
        "ip -n taffrail-a1b2c3-worker-1 route replace 10.96.0.0/16 dev lo src 172.29.0.11",
        "ip -n taffrail-a1b2c3-worker-1 route replace 10.244.2.0/24 via 172.29.0.12",
        "nsenter --net=/var/run/netns/taffrail-a1b2c3-worker-1 sysctl -q -w"
          + " net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0"
          + " net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0",
        "ip netns exec taffrail-a1b2c3-worker-1 nft -f -",
        "ip netns add taffrail-a1b2c3-worker-2",
        "ip link add tfa1b2c3w2 type veth peer name eth0 netns taffrail-a1b2c3-worker-2",
        "ip link set tfa1b2c3w2 master tfa1b2c3 up",
        "ip -n taffrail-a1b2c3-worker-2 link set lo up",
        "ip -n taffrail-a1b2c3-worker-2 address replace 172.29.0.12/24 dev eth0",
        "ip -n taffrail-a1b2c3-worker-2 link set eth0 up",
        "ip -n taffrail-a1b2c3-worker-2 route replace 10.96.0.0/16 dev lo src 172.29.0.12",
        "ip -n taffrail-a1b2c3-worker-2 route replace 10.244.1.0/24 via 172.29.0.11",
        "nsenter --net=/var/run/netns/taffrail-a1b2c3-worker-2 sysctl -q -w"
          + " net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0"
          + " net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0",
        "ip netns exec taffrail-a1b2c3-worker-2 nft -f -",
        "ip route replace 10.244.1.0/24 via 172.29.0.11 dev tfa1b2c3 metric 100",
        "ip route replace 10.244.2.0/24 via 172.29.0.12 dev tfa1b2c3 metric 100",
        "ip route replace 10.96.0.0/16 via 172.29.0.11 dev tfa1b2c3 metric 100",
      ])
  }

  @Test func commandsDown() throws {
    #expect(
      try plan().down.map(\.description) == [
        "ip link delete tfa1b2c3w1",
        "ip netns delete taffrail-a1b2c3-worker-1",
        "ip link delete tfa1b2c3w2",
        "ip netns delete taffrail-a1b2c3-worker-2",
        "ip link delete tfa1b2c3",
        "ip route delete blackhole 10.244.0.0/16 metric 4000000",
        "ip route delete blackhole 10.96.0.0/16 metric 4000000",
      ])
  }

  @Test func interfaceNamesFitTheKernel() throws {
    var plan = try plan()
    plan.cluster = ClusterIdentifier.make(home: "/home/somebody/.taffrail")
    plan.nodes = (0..<999).map {
      .init(name: "n\($0)", address: "172.29.0.2", podRange: plan.podRange)
    }
    for command in plan.up where command.arguments.starts(with: ["ip", "link", "add"]) {
      #expect(command.arguments[3].utf8.count <= 15)
    }
  }

  @Test func namesOfOthersInTheWay() throws {
    let routes = try JSONValue(
      parsing:
        Array(
          """
          [{"dst":"default","gateway":"192.168.0.1","dev":"eth0"},
           {"dst":"10.96.4.0/24","dev":"wg0"},
           {"dst":"172.29.0.0/24","dev":"tfa1b2c3"},
           {"type":"blackhole","dst":"10.244.0.0/16","metric":4000000}]
          """.utf8))
    #expect(
      try plan().conflicts(routes: routes) == [
        "the service range 10.96.0.0/16 overlaps the route to 10.96.4.0/24 (wg0): "
          + "choose another service range"
      ])
  }

  @Test func noticesItsOwnRangesOverlapping() throws {
    var plan = try plan()
    plan.serviceRange = try network("10.244.128.0/20")
    #expect(plan.conflicts(routes: .array([])).count == 1)
  }

  @Test func clustersOfTwoFoldersDiffer() {
    let first = ClusterIdentifier.make(home: "/a/.taffrail")
    #expect(first == ClusterIdentifier.make(home: "/a/.taffrail"))
    #expect(first != ClusterIdentifier.make(home: "/b/.taffrail"))
    #expect(first.count == 6)
  }
}

@Suite struct NodeRuntimeTests {
  @Test func configurationNamesItsOwnFolders() throws {
    let runtime = NodeRuntime(
      cluster: "a1b2c3", node: "worker-1", directory: "/x/\"y", podRange: try network("10.1.0.0/24")
    )
    #expect(runtime.containerdConfiguration.contains("root = \"/x/\\\"y/containerd\""))
    let network = try JSONValue(parsing: Array(runtime.networkConfiguration.utf8))
    #expect(network["name"] == "taffrail-a1b2c3-worker-1")
    let ipam = network["plugins"]?[0]?["ipam"]
    #expect(ipam?["ranges"]?[0]?[0]?["subnet"] == "10.1.0.0/24")
    #expect(ipam?["dataDir"] == "/x/\"y/ipam")
  }

  @Test func socketOfADeepFolderIsShort() throws {
    let deep = "/" + String(repeating: "deep/", count: 30) + "node"
    let runtime = NodeRuntime(
      cluster: "a1b2c3", node: "w", directory: deep, podRange: try network("10.1.0.0/24"))
    #expect(runtime.socketPath == "/run/taffrail-a1b2c3/w/containerd.sock")
  }

  @Test func findsMountsBelowItsFolders() {
    let info = """
      22 1 254:0 / / rw - ext4 /dev/vda rw
      40 22 0:30 / /x/node/run/a\\040b rw - tmpfs tmpfs rw
      41 22 0:31 / /x/node2/run rw - tmpfs tmpfs rw
      42 22 0:32 / /x/node/run/a\\040b/c rw - overlay overlay rw
      """
    #expect(
      MountTable.mountPoints(below: ["/x/node"], mountInfo: info) == [
        "/x/node/run/a b/c", "/x/node/run/a b",
      ])
  }
}

@Suite struct CommandRunnerTests {
  @Test func collectsOutputAndStatus() async {
    let result = await CommandRunner.run(
      Command(["sh", "-c", "cat; echo wrong >&2; exit 3"], input: "in"))
    #expect(result.status == 3)
    #expect(result.output == "in")
    #expect(result.errors == "wrong\n")
  }

  @Test func carriesMoreThanAPipeHolds() async {
    let result = await CommandRunner.run(
      Command(["cat"], input: String(repeating: "x", count: 1 << 20)))
    #expect(result.output.utf8.count == 1 << 20)
  }

  @Test func toleratesOnlyWhatItNames() async throws {
    let made = Command(["sh", "-c", "echo 'RTNETLINK answers: File exists' >&2; exit 2"])
    await #expect(throws: CommandError.self) { try await CommandRunner.check(made) }
    var tolerant = made
    tolerant.tolerated = ["File exists"]
    try await CommandRunner.check(tolerant)
  }
}
