import ChildProcesses
import Foundation
import JSONDocument
import Testing

@testable import ServiceProxy

struct ServiceProxyTests {
  static func service(_ extra: String = "") throws -> JSONValue {
    try JSONValue(
      parsing: """
        {"metadata":{"name":"web","namespace":"demo"},
         "spec":{"clusterIP":"10.96.0.9","clusterIPs":["10.96.0.9"],\(extra)
                 "ports":[{"name":"http","port":80,"protocol":"TCP","nodePort":30080}]}}
        """)
  }

  static func slice(_ endpoints: String) throws -> JSONValue {
    try JSONValue(
      parsing: """
        {"addressType":"IPv4","metadata":{"namespace":"demo","name":"web-1",
          "labels":{"kubernetes.io/service-name":"web"}},
         "ports":[{"name":"http","port":8080,"protocol":"TCP"}],"endpoints":[\(endpoints)]}
        """)
  }

  static let two = """
    {"addresses":["10.244.2.3"],"nodeName":"worker-2","conditions":{"ready":true}},
    {"addresses":["10.244.1.2"],"nodeName":"worker-1","conditions":{"ready":true}}
    """

  func table(_ service: JSONValue, _ slices: [JSONValue]) -> ServiceTable {
    ServiceTable(services: [service], slices: slices, nodeName: "worker-1")
  }

  @Test func joinsServicesWithTheirEndpoints() throws {
    let port = try #require(table(try Self.service(), [try Self.slice(Self.two)]).ports.first)
    #expect(port.description == "demo/web:http")
    #expect(
      port.endpoints == [
        .init(address: "10.244.1.2", port: 8080, isLocal: true),
        .init(address: "10.244.2.3", port: 8080, isLocal: false),
      ])
    #expect(port.nodePort == 30080 && port.addresses == ["10.96.0.9"])
  }

  @Test func prefersReadyEndpointsToTerminatingOnes() throws {
    let terminating =
      #"{"addresses":["10.244.1.7"],"conditions":{"ready":false,"serving":true,"terminating":true}}"#
    let dead = #"{"addresses":["10.244.1.8"],"conditions":{"ready":false,"serving":false}}"#
    func addresses(_ endpoints: String) throws -> [String] {
      table(try Self.service(), [try Self.slice(endpoints)]).ports[0].endpoints.map(\.address)
    }
    #expect(try addresses("\(terminating),\(dead)") == ["10.244.1.7"])
    #expect(try addresses("\(terminating),\(Self.two)") == ["10.244.1.2", "10.244.2.3"])
  }

  @Test func passesOverHeadlessExternalAndMalformedOnes() throws {
    for spec in [
      #"{"clusterIP":"None","ports":[{"port":80}]}"#,
      #"{"type":"ExternalName","externalName":"x","clusterIP":"10.96.0.9","ports":[{"port":80}]}"#,
      #"{"clusterIP":"10.96.0.9","ports":[{"port":0}]}"#,
      #"{"clusterIP":"10.96.0.9","ports":[{"port":80,"protocol":"TCP; flush ruleset"}]}"#,
    ] {
      let service = try JSONValue(parsing: #"{"metadata":{"name":"a"},"spec":\#(spec)}"#)
      #expect(table(service, []).ports.isEmpty)
    }
    let evil = try JSONValue(
      parsing: #"{"metadata":{"name":"a"},"spec":{"clusterIP":"1.2.3.4; x","ports":[{"port":1}]}}"#)
    #expect(table(evil, []).ports.first?.addresses == [])
  }

  @Test func writesOneChainAServiceAndOneAnEndpoint() throws {
    let text = Ruleset(
      podRange: "10.244.0.0/16", table: table(try Self.service(), [try Self.slice(Self.two)])
    ).text
    #expect(text.contains("10.96.0.9 . tcp . 80 : goto service-0"))
    #expect(text.contains("tcp . 30080 : goto service-0-node"))
    #expect(
      text.contains(
        "numgen random mod 2 vmap { 0 : goto service-0-0, 1 : goto service-0-1 }"))
    #expect(text.contains("meta l4proto tcp dnat to 10.244.2.3:8080"))
    #expect(text.contains("ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000"))
  }

  @Test func refusesConnectionsWithoutEndpoints() throws {
    let text = Ruleset(podRange: "10.244.0.0/16", table: table(try Self.service(), [])).text
    #expect(text.contains("set without-endpoints"))
    #expect(text.contains("elements = {\n      10.96.0.9 . tcp . 80\n    }"))
    #expect(!text.contains("goto service-0"))
  }

  static var canRunRules: Bool {
    getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/sbin/nft")
      && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")
  }

  /// nft itself takes the rules, in a network namespace that ends with the command.
  @Test(
    .enabled(if: canRunRules, "needs root, /usr/sbin/nft and unshare: run tools/test as root"),
    arguments: [
      "", #""sessionAffinity":"ClientIP","#,
      #""externalTrafficPolicy":"Local","internalTrafficPolicy":"Local","#,
    ])
  func isTakenByNFT(_ extra: String) throws {
    let text = Ruleset(
      podRange: "10.244.0.0/16",
      table: table(try Self.service(extra), [try Self.slice(Self.two)])
    ).text
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "rules-\(UUID().uuidString)")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    // Twice: the second time replaces the first.
    let command = [
      "unshare", "-n", "sh", "-c",
      "/usr/sbin/nft -f \(file.path) && /usr/sbin/nft -f \(file.path) && /usr/sbin/nft list ruleset",
    ]
    let result = try ChildProcess.run(command, joinsErrors: true)
    let printed = result.outputText
    #expect(result.exit == .exited(0), "\(printed)\n\(text)")
    #expect(printed.contains("dnat to 10.244.1.2:8080"))
  }
}
