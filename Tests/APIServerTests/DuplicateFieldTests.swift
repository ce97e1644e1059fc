import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct DuplicateFieldTests {
  private static let json =
    #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"a"},"#
    + #""data":{"a":"1","a":"2"},"data":{"b":"3"}}"#
  private static let yaml =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '1', a: '2'}\nnope: 1\n"
  private static let fields = [
    #"299 - "duplicate field \"metadata.name\"""#, #"299 - "duplicate field \"data.a\"""#,
    #"299 - "duplicate field \"data\"""#,
  ]
  private static let lines = [
    #"299 - "line 4: key \"a\" already set in map""#, #"299 - "unknown field \"nope\"""#,
  ]

  @Test(arguments: ["Warn", "Ignore", ""])
  func theLastOfTwoCounts(mode: String) async throws {
    for (body, type, data, warnings) in [
      (Self.json, "application/json", ["a": "2", "b": "3"] as JSONValue, Self.fields),
      (Self.yaml, "application/yaml", ["a": "2"], Self.lines),
    ] {
      try await TestServer.run { server in
        let answer = try await server.admin.send(
          .POST, ObjectTests.path + "?fieldValidation=\(mode)", bytes: Array(body.utf8),
          contentType: type)
        #expect(answer.status == 201)
        #expect(answer.json["data"] == data)
        #expect(answer.headers["Warning"] == (mode == "Ignore" ? [] : warnings))
      }
    }
  }

  @Test func strictRefusesThem() async throws {
    try await TestServer.run { server in
      let path = ObjectTests.path + "?fieldValidation=Strict"
      let json = try await server.admin.send(
        .POST, path, bytes: Array(Self.json.utf8), contentType: "application/json")
      #expect(json.status == 400)
      #expect(
        json.json["message"]?.stringValue?.hasSuffix(
          "strict decoding error: duplicate field \"metadata.name\", duplicate field \"data.a\", "
            + "duplicate field \"data\"") == true)
      let yaml = try await server.admin.send(
        .POST, path, bytes: Array(Self.yaml.utf8), contentType: "application/yaml")
      #expect(yaml.status == 400)
      #expect(
        yaml.json["message"]?.stringValue?.hasSuffix(
          "strict decoding error: yaml: unmarshal errors:\n  line 4: key \"a\" already set in map, "
            + "unknown field \"nope\"") == true)
    }
  }

  static let repetitions: [(String, String, Int, String)] = [
    (
      #"{"data":{"k":"1","k":"2"}}"#, "application/merge-patch+json", 422,
      #"duplicate field \"data.k\""#
    ),
    (
      #"{"data":{"k":"1","k":"2"}}"#, "application/strategic-merge-patch+json", 422,
      #"duplicate field \"data.k\""#
    ),
    (
      #"[{"op":"add","path":"/data","value":{"k":"1"},"value":{"k":"2"}}]"#,
      "application/json-patch+json", 422, #"json patch duplicate field \"[0].value\""#
    ),
    (
      #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","k":"2"}}"#,
      "application/apply-patch+yaml", 400, #"line 1: key \"k\" already set in map"#
    ),
  ]

  @Test(arguments: repetitions)
  func patches(body: String, type: String, code: Int, warning: String) async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap("a"))
      let path = ObjectTests.path + "/a?fieldManager=m&fieldValidation="
      let strict = try await admin.send(
        .PATCH, path + "Strict", bytes: Array(body.utf8), contentType: type)
      #expect(strict.status == code)
      let warned = try await admin.send(
        .PATCH, path + "Warn", bytes: Array(body.utf8), contentType: type)
      #expect(warned.status == 200)
      #expect(warned.json["data"]?["k"] == "2")
      #expect(warned.headers["Warning"] == [#"299 - "\#(warning)""#])
    }
  }
}
