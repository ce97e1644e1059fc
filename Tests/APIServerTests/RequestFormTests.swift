import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct RequestFormTests {
  static let parameters: [(String, Int, [String])] = [
    ("resourceVersionMatch=Exact", 422, ["resourceVersionMatch"]),
    ("resourceVersion=0&resourceVersionMatch=Exact", 422, ["resourceVersionMatch"]),
    ("resourceVersion=1&resourceVersionMatch=Nope", 422, ["resourceVersionMatch"]),
    ("resourceVersion=abc", 400, []), ("resourceVersion=-1", 400, []),
    ("sendInitialEvents=true", 422, ["sendInitialEvents"]),
    (
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan", 422,
      ["resourceVersionMatch", "sendInitialEvents"]
    ), ("timeoutSeconds=x", 400, []), ("limit=99999999999999999999", 400, []),
    ("limit=-1", 200, []), ("timeoutSeconds=5", 200, []), ("timeoutSeconds=", 200, []),
    ("watch=true&resourceVersionMatch=NotOlderThan", 422, ["resourceVersionMatch"]),
    ("watch=true&sendInitialEvents=true", 422, ["resourceVersionMatch"]),
  ]

  @Test(arguments: parameters)
  func parametersOfLists(query: String, status: Int, causes: [String]) async throws {
    try await TestServer.run { server in
      let answer = try await server.admin.get(ObjectTests.path + "?" + query)
      #expect(answer.status == status)
      let fields = (answer.json.at("details", "causes")?.arrayValue ?? []).map {
        $0["field"]?.stringValue ?? ""
      }
      #expect(fields == causes)
      if status == 422 { #expect(answer.json.at("details", "kind") == "ListOptions") }
    }
  }

  @Test func aVersionThatIsNoneFailsAReadInAnotherWay() async throws {
    try await TestServer.run { server in
      let answer = try await server.admin.get(ObjectTests.path + "/a?resourceVersion=abc")
      #expect(answer.status == 500)
      #expect(answer.json["reason"] == nil)
    }
  }

  @Test(arguments: [
    ("PUT", "UpdateOptions"), ("POST", "CreateOptions"), ("PATCH", "PatchOptions"),
    ("DELETE", "DeleteOptions"),
  ])
  func aDryRunOfAnotherKind(method: String, kind: String) async throws {
    try await TestServer.run { server in
      let path = ObjectTests.path + (method == "POST" ? "" : "/a") + "?dryRun=All&dryRun=Bad"
      let answer = try await server.admin.send(
        HTTPMethod(rawValue: method), path, ObjectTests.configMap("a"),
        contentType: method == "PATCH" ? "application/merge-patch+json" : "application/json")
      #expect(answer.status == 422)
      #expect(answer.json.at("details", "kind")?.stringValue == kind)
      #expect(answer.json.at("details", "group") == "meta.k8s.io")
    }
  }

  static let acceptedForms: [(String, Representation.Transform, String)] = [
    ("application/json;as=Table;v=v1;g=meta.k8s.io", Representation.Transform.table, "v1"),
    ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", .table, "v1beta1"),
    ("application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", .partial, "v1beta1"),
    ("application/json;as=Bogus;v=v1;g=meta.k8s.io,application/json", .none, "v1"),
    ("application/json", .none, "v1"),
  ]

  @Test(arguments: acceptedForms)
  func forms(accept: String, transform: Representation.Transform, version: String) throws {
    let representation = try Representation(accept: accept)
    #expect(representation.transform == transform)
    #expect(representation.metaVersion == version)
  }

  @Test(arguments: [
    "application/json;as=Table;v=v1alpha1;g=meta.k8s.io", "application/json;as=Table",
    "application/json;as=Bogus;v=v1;g=meta.k8s.io", "text/html",
    "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
  ])
  func formsThatThereAreNot(accept: String) {
    #expect(throws: APIStatus.self) { try Representation(accept: accept) }
  }

  @Test func pathsThatAreNone() async throws {
    try await TestServer.run { server in
      let watch = try await server.admin.get("/api/v1/watch")
      #expect(watch.status == 500)
      #expect(watch.text.hasPrefix("Internal Server Error: \"/api/v1/watch\": "))
      for path in ["/api/v2", "/api/v2/pods", "/apis/apps/v1beta1", "/apis/apps/v1beta1/x"] {
        let answer = try await server.admin.get(path)
        #expect(answer.status == 404, "\(path)")
        #expect(answer.json["kind"] == "Status", "\(path)")
      }
      for path in ["/apis/nobody.example.com", "/apis/nobody.example.com/v1/x"] {
        let answer = try await server.admin.get(path)
        #expect(answer.status == 404, "\(path)")
        #expect(answer.text == "404 page not found\n", "\(path)")
      }
    }
  }

  @Test func discoveryInItsForms() async throws {
    try await TestServer.run { server in
      let core = try await server.admin.get("/api/v1")
      #expect(core.json["apiVersion"] == nil)
      let apps = try await server.admin.get("/apis/apps/v1")
      #expect(apps.json["apiVersion"] == "v1")
      let protobuf = try await server.admin
        .with("Accept", "application/vnd.kubernetes.protobuf").get("/apis")
      #expect(protobuf.status == 200)
      #expect(protobuf.text.hasPrefix("k8s\0"))
      let yaml = try await server.admin.with("Accept", "application/yaml").get("/apis/apps")
      #expect(yaml.text.contains("kind: APIGroup"))
      let index = try await server.admin.get("/openapi/v3")
      let paths = index.json["paths"]?.objectValue ?? [:]
      for (_, entry) in paths where entry["serverRelativeURL"]?.stringValue?.count ?? 0 < 60 {
        let address = entry["serverRelativeURL"]?.stringValue ?? ""
        #expect(try await server.admin.get(address).status == 200, "\(address)")
      }
    }
  }

  @Test func tablesOfAWatchNameTheirColumnsOnce() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let list = try await admin.get(ObjectTests.path)
      let path = ObjectTests.path + "?watch=true&resourceVersion=\(list.json.resourceVersion)"
      let table = admin.with("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
      let watches = [try await table.open(.GET, path), try await table.open(.GET, path)]
      for name in ["a", "b"] {
        _ = try await admin.send(.POST, ObjectTests.path, ObjectTests.configMap(name))
      }
      for watch in watches {
        let first = try #require(try await watch.event()).object
        #expect(first["columnDefinitions"]?.arrayValue?.count == 3)
        #expect(first["rows"]?[0]?["cells"]?[0] == "a")
        let second = try #require(try await watch.event()).object
        #expect(second["columnDefinitions"] == JSONValue.null)
        #expect(second["rows"]?[0]?["cells"]?[0] == "b")
        watch.close()
      }
    }
  }
}
