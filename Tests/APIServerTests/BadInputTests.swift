import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct BadInputTests {
  private static let path = ObjectTests.path

  @Test func garbageNeitherAnswersNorKills() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let garbage: [[UInt8]] = [
        Array(repeating: 0, count: 100), (0...255).map { UInt8($0) },
        Array("GET\r\n\r\n".utf8), Array("GET / HTTP/9.9\r\n\r\n".utf8),
        Array("POST /api/v1 HTTP/1.1\r\nContent-Length: -5\r\n\r\n".utf8),
        Array("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".utf8),
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8),
      ]
      for bytes in garbage {
        let answer = String(decoding: try await admin.exchange(raw: bytes), as: UTF8.self)
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
      }
      #expect(try await admin.get("/healthz").status == 200)
    }
  }

  @Test func brokenBodiesGetAnAnswerThatSaysWhatIsWrong() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      for body in ["{", "", "not json", "[1,", "{\"a\":1}trailing", "nul", "\"\\ud8\""] {
        let answer = try await admin.send(
          .POST, Self.path, bytes: Array(body.utf8), contentType: "application/json")
        #expect(answer.status == 400, "\(body)")
        #expect(answer.json["kind"] == "Status", "\(body)")
      }
      let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
      #expect(
        try await admin.send(.POST, Self.path, bytes: deep, contentType: "application/json")
          .status == 400)
      let xml = try await admin.send(
        .POST, Self.path, bytes: Array("<a/>".utf8), contentType: "application/xml")
      #expect(xml.status == 415)
      let kind = try await admin.send(
        .POST, Self.path, ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "a"]])
      #expect(kind.status == 400)
      let method = try await admin.send(.PUT, Self.path, ObjectTests.configMap("a"))
      #expect(method.status == 405)
      let patch = try await admin.send(
        .PATCH, Self.path + "/none", bytes: Array("{".utf8),
        contentType: "application/merge-patch+json")
      #expect(patch.status == 400)
    }
  }

  @Test func aBodyThatIsTooLargeIsRefused() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let large = Array(repeating: UInt8(ascii: " "), count: 3 * 1024 * 1024 + 1)
      let refused = try await admin.send(
        .POST, Self.path, bytes: large, contentType: "application/json")
      #expect(refused.status == 413)
      #expect(refused.reason == "RequestEntityTooLarge")
      #expect(try await admin.get("/healthz").status == 200)
    }
  }

  @Test func yamlIsTakenAndGiven() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  k: \"1\"\n"
      let created = try await admin.send(
        .POST, Self.path, bytes: Array(yaml.utf8), contentType: "application/yaml")
      #expect(created.status == 201)
      #expect(created.json["data"] == ["k": "1"])
      let read = try await admin.with("Accept", "application/yaml").get(Self.path + "/yaml")
      #expect(read.text.contains("kind: ConfigMap"))
      let broken = try await admin.send(
        .POST, Self.path, bytes: Array("a: [".utf8), contentType: "application/yaml")
      #expect(broken.status == 400)
    }
  }
}
