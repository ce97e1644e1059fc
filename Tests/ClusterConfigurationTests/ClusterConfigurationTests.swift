import Foundation
import Testing

@testable import ClusterConfiguration

/// A valid file; tests replace parts of it.
let validConfiguration = """
  name: test
  servers:
    - id: 1
      peerAddress: 127.0.0.1:7101
      apiAddress: 127.0.0.1:7443
    - id: 2
      peerAddress: 127.0.0.1:7102
      apiAddress: 127.0.0.1:7444
    - id: 3
      peerAddress: 127.0.0.1:7103
      apiAddress: 127.0.0.1:7445
  endpointAddress: 127.0.0.1:6443
  podRange: 10.244.0.0/16
  serviceRange: 10.96.0.0/16
  nodeNetwork: 172.29.66.0/24
  nodes:
    - name: worker-1
    - name: worker-2
  """

struct ClusterConfigurationTests {
  @Test func readsEveryKey() throws {
    let yaml =
      validConfiguration + """

            podRange: 10.244.1.0/24
            labels:
              disk: fast
              topology.kubernetes.io/zone: a
        dataFolder: /srv/x
        logRetention: {time: 1d12h, bytes: 512MiB}
        quota: {objects: 5000, bytes: 1GiB}
        leaseReads: true
        controllers: none
        hollowNodes: 7
        """
    let configuration = try ClusterConfiguration.parse(yaml: yaml, path: "/etc/x/cluster.conf")
    #expect(configuration.name == "test")
    #expect(configuration.servers.map(\.id) == [1, 2, 3])
    #expect(configuration.server(id: 2)?.peerAddress == HostPort(host: "127.0.0.1", port: 7102))
    #expect(configuration.endpointAddress.description == "127.0.0.1:6443")
    #expect(configuration.nodeEndpointAddress.description == "172.29.66.1:6443")
    #expect(configuration.kubernetesServiceAddress.description == "10.96.0.1")
    #expect(configuration.dnsServiceAddress.description == "10.96.0.10")
    #expect(configuration.logRetention == .init(timeSeconds: 129_600, bytes: 512 << 20))
    #expect(configuration.quota.objects == 5_000)
    #expect(configuration.quota.bytes == 1 << 30)
    #expect(configuration.leaseReads)
    #expect(!configuration.runsControllers)
    #expect(configuration.nodes.map(\.address.description) == ["172.29.66.11", "172.29.66.12"])
    // worker-2 named 10.244.1.0/24, so worker-1 gets the next one.
    #expect(configuration.nodes.map(\.podRange.description) == ["10.244.2.0/24", "10.244.1.0/24"])
    #expect(
      configuration.node(named: "worker-2")?.labels
        == ["disk": "fast", "topology.kubernetes.io/zone": "a"])
    #expect(configuration.hollowNodes == 7)
    #expect(configuration.warnings.isEmpty)
    #expect(TaffrailHome.resolve(configuration, environment: [:]).path == "/srv/x")
  }

  @Test func theShippedFileIsValid() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("cluster.conf").path
    let configuration = try ClusterConfiguration.load(path: path)
    #expect(configuration.servers.count == 3)
    #expect(!configuration.leaseReads)
    #expect(configuration.runsControllers)
    #expect(configuration.nodes.map(\.name) == ["worker-1", "worker-2"])
    #expect(configuration.nodes.map(\.podRange.description) == ["10.244.1.0/24", "10.244.2.0/24"])
    #expect(configuration.warnings.isEmpty)
  }

  /// What to replace in the valid file, with what, and the whole message expected.
  static let mistakes: [(String, String, String)] = [
    ("name: test", "nmae: test", "c:1: name: is missing; expected a name of lower-case letters"),
    ("name: test", "nmae: test", "c:1: nmae: unknown key; did you mean name?"),
    ("name: test", "name: test\ncolour: red", "c:2: colour: unknown key; allowed here: name, "),
    ("name: test", "name: Test!", "c:1: name: \"Test!\" is not allowed; expected a name"),
    ("name: test", "name:", "c:1: name: has no value"),
    ("name: test", "name: [a]", "c:1: name: a list found; expected a name"),
    ("id: 2", "id: two", "c:6: servers[1].id: \"two\" is not allowed; expected a number from 1"),
    ("id: 2", "id: 0", "c:6: servers[1].id: \"0\" is not allowed"),
    ("id: 2", "id: 1", "c:6: servers[1].id: the id 1 is already taken by servers[0].id in line 3"),
    (
      "127.0.0.1:7102", "127.0.0.1",
      "c:7: servers[1].peerAddress: \"127.0.0.1\" is not allowed; expected HOST:PORT"
    ),
    ("127.0.0.1:7102", "127.0.0.1:70000", "c:7: servers[1].peerAddress: \"127.0.0.1:70000\""),
    ("127.0.0.1:7102", "300.0.0.1:7102", "c:7: servers[1].peerAddress: \"300.0.0.1:7102\""),
    (
      "127.0.0.1:7102", "127.0.0.1:7443",
      "c:7: servers[1].peerAddress: the address 127.0.0.1:7443 is already taken by "
        + "servers[0].apiAddress in line 5"
    ),
    ("    apiAddress: 127.0.0.1:7444\n", "", "c:6: servers[1].apiAddress: is missing"),
    ("peerAddress: 127.0.0.1:7102", "peeraddress: 127.0.0.1:7102", "did you mean peerAddress?"),
    (
      "127.0.0.1:6443", "127.0.0.1:7444",
      "c:12: endpointAddress: 127.0.0.1:7444 is already the apiAddress of server 2"
    ),
    ("127.0.0.1:6443", "127.0.0.1:7103", "already the peerAddress of server 3"),
    ("10.244.0.0/16", "10.244.0.1/16", "c:13: podRange: \"10.244.0.1/16\" is not allowed"),
    ("10.244.0.0/16", "10.244.0.0/30", "c:13: podRange: \"10.244.0.0/30\" is not allowed"),
    ("10.96.0.0/16", "10.244.128.0/20", "c:14: serviceRange: 10.244.128.0/20 overlaps podRange"),
    ("172.29.66.0/24", "10.96.4.0/24", "c:15: nodeNetwork: 10.96.4.0/24 overlaps serviceRange"),
    ("name: worker-2", "name: worker-1", "c:18: nodes[1].name: the name worker-1 is already taken"),
    ("name: worker-2", "labels: {a: b}", "c:18: nodes[1].name: is missing"),
    (
      "- name: worker-2", "- name: worker-2\n    podRange: 10.1.1.0/24",
      "c:19: nodes[1].podRange: \"10.1.1.0/24\" is not allowed; expected a range of addresses inside"
    ),
    (
      "- name: worker-2", "- name: worker-2\n    labels: {\"a b\": c}",
      "c:19: nodes[1].labels.a b: not a label"
    ),
    (
      "- name: worker-2", "- name: worker-2\n    labels:\n      a: \"b c\"",
      "c:20: nodes[1].labels.a: \"b c\" is not a label's value"
    ),
    ("name: test", "name: test\nhollowNodes: -1", "c:2: hollowNodes: \"-1\" is not allowed"),
    (
      "name: test", "name: test\nlogRetention: {time: 7 days}",
      "c:2: logRetention.time: \"7 days\" is not allowed; expected a duration"
    ),
    (
      "name: test", "name: test\nlogRetention: {bytes: 99999999999GiB}",
      "c:2: logRetention.bytes: \"99999999999GiB\" is not allowed; expected a size"
    ),
    (
      "name: test", "name: test\nquota: {objects: 7}",
      "c:2: quota.objects: \"7\" is not allowed; expected a number of at least 1000"
    ),
    (
      "name: test", "name: test\ncontrollers: some",
      "c:2: controllers: \"some\" is not allowed; expected all or none"
    ),
    (
      "name: test", "name: test\nleaseReads: maybe",
      "c:2: leaseReads: \"maybe\" is not allowed; expected true or false"
    ),
    ("name: test", "name: test\nlogRetention: 7d", "c:2: logRetention: the value \"7d\" found"),
    ("name: test", "name: test\nname: again", "the key name stands here more than once"),
    ("name: test", "name: \"test", "not readable as YAML"),
  ]

  @Test(arguments: mistakes)
  func reportsAMistake(part: String, replacement: String, expected: String) throws {
    let range = try #require(validConfiguration.range(of: part))
    let yaml = validConfiguration.replacingCharacters(in: range, with: replacement)
    let error = #expect(throws: ConfigurationError.self) {
      try ClusterConfiguration.parse(yaml: yaml, path: "c")
    }
    let description = try #require(error?.description)
    #expect(description.contains(expected), "\(description)")
  }

  @Test func reportsSeveralMistakesInTheOrderOfLines() throws {
    let yaml = validConfiguration.replacingOccurrences(of: "127.0.0.1:7102", with: "nowhere")
      .replacingOccurrences(of: "name: test", with: "name: T")
      .replacingOccurrences(of: "10.96.0.0/16", with: "10.96.0.0")
    let error = #expect(throws: ConfigurationError.self) {
      try ClusterConfiguration.parse(yaml: yaml, path: "c")
    }
    #expect(error?.problems.map(\.line) == [1, 7, 14])
    #expect(error?.description.split(separator: "\n").count == 3)
  }

  @Test(arguments: ["", "- a\n- b", "just words", "{}", "a: &x [*x]", "\u{0}", "? [a]\n: b"])
  func refusesWhatIsNoConfiguration(yaml: String) {
    #expect(throws: ConfigurationError.self) {
      try ClusterConfiguration.parse(yaml: yaml, path: "c")
    }
  }

  @Test func warnsOfAnEvenNumberOfServers() throws {
    let range = try #require(validConfiguration.range(of: "  - id: 3"))
    let end = try #require(validConfiguration.range(of: "endpointAddress"))
    let yaml = validConfiguration.replacingCharacters(
      in: range.lowerBound..<end.lowerBound, with: "")
    let configuration = try ClusterConfiguration.parse(yaml: yaml, path: "c")
    #expect(
      configuration.warnings == [
        "c:2: servers: warning: 2 servers survive no more failures than 1"
      ])
  }

  @Test func namesAMissingFile() {
    let error = #expect(throws: ConfigurationError.self) {
      try ClusterConfiguration.load(path: "/nonexistent/cluster.conf")
    }
    #expect(
      error?.description
        == "/nonexistent/cluster.conf: the file is missing; give another with --config FILE")
  }
}
