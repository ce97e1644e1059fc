import JSONDocument
import Keyspace
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct CustomResourceTests {
  static let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
  static let path = "/apis/example.com/v1/namespaces/default/widgets"

  static func version(_ name: String, storage: Bool, _ spec: JSONValue) -> JSONValue {
    [
      "name": .string(name), "served": true, "storage": .bool(storage),
      "subresources": [
        "status": [:],
        "scale": ["specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"],
      ],
      "additionalPrinterColumns": [["name": "Color", "type": "string", "jsonPath": ".spec.color"]],
      "selectableFields": [["jsonPath": ".spec.color"]],
      "schema": [
        "openAPIV3Schema": [
          "type": "object",
          "properties": [
            "spec": ["type": "object", "properties": spec],
            "status": ["type": "object", "properties": ["size": ["type": "integer"]]],
          ],
        ]
      ],
    ]
  }

  static let spec: JSONValue = [
    "color": ["type": "string", "maxLength": 8],
    "size": ["type": "integer", "default": 3, "minimum": 0],
    "tags": [
      "type": "array", "items": ["type": "string"], "x-kubernetes-list-type": "set",
    ],
  ]

  static func definition(
    _ plural: String = "widgets", kind: String = "Widget", versions: JSONValue? = nil
  ) -> JSONValue {
    [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": ["name": .string("\(plural).example.com")],
      "spec": [
        "group": "example.com", "scope": "Namespaced",
        "names": ["plural": .string(plural), "kind": .string(kind)],
        "versions": versions ?? [version("v1", storage: true, spec)],
      ],
    ]
  }

  static func widget(_ name: String, spec: JSONValue = ["color": "red"], version: String = "v1")
    -> JSONValue
  {
    [
      "apiVersion": .string("example.com/\(version)"), "kind": "Widget",
      "metadata": ["name": .string(name)], "spec": spec,
    ]
  }

  /// Follows a definition until it is as wished; nil stands for one that is gone.
  static func wait(
    _ admin: TestClient, _ name: String = "widgets.example.com",
    until isMet: (JSONValue?) -> Bool
  ) async throws {
    let watch = try await admin.open(
      .GET, definitions + "?watch=true&fieldSelector=metadata.name%3D\(name)")
    defer { watch.close() }
    while let (type, object) = try await watch.event() {
      if isMet(type == "DELETED" ? nil : object) { return }
    }
    Issue.record("the watch ended before \(name) was as expected")
  }

  static func isTrue(_ condition: String, _ object: JSONValue?) -> Bool {
    (object?.at("status", "conditions")?.arrayValue ?? []).contains {
      $0["type"]?.stringValue == condition && $0["status"] == "True"
    }
  }

  static func define(_ admin: TestClient, _ definition: JSONValue = definition()) async throws {
    let created = try await admin.send(.POST, definitions, definition)
    try #require(created.status == 201, "\(created.message)")
    try await wait(admin, definition.name) { isTrue("Established", $0) }
  }

  @Test func anObjectOfADefinitionLivesLikeAnyOther() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      #expect(try await admin.get(Self.path).status == 404)
      try await Self.define(admin)
      var body = Self.widget("a")
      body.set(1, at: "spec", "unknown")
      let created = try await admin.send(.POST, Self.path, body)
      #expect(created.status == 201)
      #expect(created.json["spec"] == ["color": "red", "size": 3])
      #expect(created.headers["warning"].count == 1)
      let strict = try await admin.send(.POST, Self.path + "?fieldValidation=Strict", body)
      #expect(strict.status == 400)
      let wrong = try await admin.send(
        .POST, Self.path, Self.widget("b", spec: ["color": 1, "size": -1, "tags": ["x", "x"]]))
      #expect(wrong.status == 422)
      #expect(
        Set((wrong.json.at("details", "causes")?.arrayValue ?? []).compactMap { $0["field"] })
          == ["spec.color", "spec.size", ".spec.size", "spec.tags[1]"])

      let list = try await admin.get(Self.path)
      #expect(list.json["kind"] == "WidgetList")
      #expect(list.json["items"]?[0] == created.json)
      let selected = try await admin.get(Self.path + "?fieldSelector=spec.color%3Dblue")
      #expect(selected.json["items"]?.arrayValue?.isEmpty == true)
      let refused = try await admin.get(Self.path + "?fieldSelector=spec.size%3D3")
      #expect(refused.status == 400)
      let table = try await admin.with("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .get(Self.path)
      #expect(table.json["rows"]?[0]?["cells"] == ["a", "red"])

      let status = try await admin.send(
        .PATCH, Self.path + "/a/status", ["status": ["size": 2], "spec": ["color": "no"]],
        contentType: "application/merge-patch+json")
      #expect(status.json.at("metadata", "generation") == 1)
      #expect(status.json.at("spec", "color") == "red")
      let scaled = try await admin.send(
        .PATCH, Self.path + "/a/scale", ["spec": ["replicas": 7]],
        contentType: "application/merge-patch+json")
      #expect(scaled.json["spec"] == ["replicas": 7])
      #expect(scaled.json.at("status", "replicas") == 2)
      #expect(try await admin.get(Self.path + "/a").json.at("spec", "size") == 7)
      let strategic = try await admin.send(
        .PATCH, Self.path + "/a", ["spec": ["size": 1]],
        contentType: "application/strategic-merge-patch+json")
      #expect(strategic.status == 415)
      #expect(try await admin.send(.DELETE, Self.path + "/a").status == 200)
      #expect(try await admin.get(Self.path + "/a").status == 404)
    }
  }

  @Test func appliedSetsAreShared() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.define(admin)
      func apply(_ manager: String, _ tags: JSONValue) async throws -> TestResponse {
        try await admin.send(
          .PATCH, Self.path + "/a?fieldManager=\(manager)",
          Self.widget("a", spec: ["tags": tags]), contentType: "application/apply-patch+yaml")
      }
      #expect(try await apply("one", ["x", "y"]).status == 201)
      #expect(try await apply("two", ["z"]).json.at("spec", "tags") == ["x", "y", "z"])
      #expect(try await apply("one", ["y"]).json.at("spec", "tags") == ["y", "z"])
    }
  }

  @Test func versionsShowTheSameObjects() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.define(
        admin,
        Self.definition(versions: [
          Self.version(
            "v1", storage: true, ["color": ["type": "string"], "a": ["type": "string"]]),
          Self.version(
            "v2", storage: false,
            ["color": ["type": "string"], "b": ["type": "string", "default": "two"]]),
        ]))
      _ = try await admin.send(.POST, Self.path, Self.widget("a", spec: ["a": "x"]))
      let other = try await admin.get("/apis/example.com/v2/namespaces/default/widgets/a")
      #expect(other.json["apiVersion"] == "example.com/v2")
      #expect(other.json["spec"] == ["b": "two"])
      let group = try await admin.get("/apis/example.com")
      #expect(group.json.at("preferredVersion", "version") == "v2")
    }
  }

  @Test func aNewSchemaHoldsForWhatIsStored() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.define(admin)
      _ = try await admin.send(
        .POST, Self.path, Self.widget("a", spec: ["color": "red", "size": 1]))
      let changed = try await admin.send(
        .PATCH, Self.definitions + "/widgets.example.com",
        [
          "spec": [
            "versions": [
              Self.version(
                "v1", storage: true,
                ["color": ["type": "string"], "new": ["type": "string", "default": "n"]])
            ]
          ]
        ], contentType: "application/merge-patch+json")
      #expect(changed.status == 200, "\(changed.message)")
      let expected: JSONValue = ["color": "red", "new": "n"]
      // The server learns of the change by its watch.
      var read = try await admin.get(Self.path + "/a")
      for _ in 0..<500 where read.json["spec"] != expected {
        await Task.yield()
        read = try await admin.get(Self.path + "/a")
      }
      #expect(read.json["spec"] == expected)
      #expect(try await admin.get(Self.path).json["items"]?[0]?["spec"] == expected)
    }
  }

  @Test func aDefinitionGoesAfterItsObjects() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.define(admin)
      var held = Self.widget("a")
      held.set(["example.com/x"], at: "metadata", "finalizers")
      _ = try await admin.send(.POST, Self.path, held)
      let watch = try await admin.open(.GET, Self.path + "?watch=true")
      defer { watch.close() }
      #expect(try await watch.event()?.type == "ADDED")
      let name = Self.definitions + "/widgets.example.com"
      let deleted = try await admin.send(.DELETE, name)
      #expect(
        deleted.json.finalizers == ["customresourcecleanup.apiextensions.k8s.io"])
      #expect(try await admin.send(.POST, Self.path, Self.widget("b")).status == 403)
      // The object is told to go, and is let go.
      #expect(try await watch.event()?.type == "MODIFIED")
      #expect(try await admin.get(name).status == 200)
      _ = try await admin.send(
        .PATCH, Self.path + "/a", ["metadata": ["finalizers": .null]],
        contentType: "application/merge-patch+json")
      #expect(try await watch.event()?.type == "DELETED")
      #expect(try await watch.event() == nil)
      #expect(try await admin.get(name).status == 404)
      #expect(try await admin.get(Self.path).status == 404)
    }
  }

  @Test func twoServersAgreeOnNames() async throws {
    try await TestServer.run { server in
      let other = try await TestServer.start(keys: server.keys, store: server.replica)
      do {
        let admin = server.admin
        let there = admin.at(other)
        async let first = admin.send(.POST, Self.definitions, Self.definition())
        async let second = there.send(
          .POST, Self.definitions, Self.definition("gadgets", kind: "Widget"))
        _ = try await (first, second)
        for name in ["widgets.example.com", "gadgets.example.com"] {
          try await Self.wait(admin, name) { object in
            (object?.at("status", "conditions")?.arrayValue ?? []).contains {
              $0["type"] == "NamesAccepted"
            }
          }
        }
        let list = try await admin.get(Self.definitions).json["items"]?.arrayValue ?? []
        #expect(list.count == 2)
        #expect(list.count { Self.isTrue("Established", $0) } == 1)
        // The one that has the name goes, and the other one gets it.
        let winner = try #require(list.first { Self.isTrue("Established", $0) }?.name)
        let loser = try #require(list.first { !Self.isTrue("Established", $0) }?.name)
        _ = try await there.send(.DELETE, Self.definitions + "/\(winner)")
        try await Self.wait(admin, loser) { Self.isTrue("Established", $0) }
      } catch {
        await other.shutdown()
        throw error
      }
      await other.shutdown()
    }
  }

  @Test func documentsTellOfDefinitions() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      try await Self.define(admin)
      let list = try await admin.get("/apis/example.com/v1").json["resources"]?.arrayValue ?? []
      #expect(
        list.compactMap { $0["name"]?.stringValue }
          == ["widgets", "widgets/status", "widgets/scale"])
      let index = try await admin.get("/openapi/v3")
      #expect(index.json.at("paths", "apis/example.com/v1") != nil)
      let document = try await admin.get("/openapi/v3/apis/example.com/v1")
      let schema = document.json.at("components", "schemas", "com.example.v1.Widget")
      #expect(schema?.at("properties", "spec", "properties", "color") != nil)
      #expect(schema?.at("properties", "metadata") != nil)
      let old = try await admin.get("/openapi/v2")
      #expect(old.json.at("definitions", "com.example.v1.Widget") != nil)
      #expect(try await admin.get("/apis/example.com/v9/widgets").status == 404)
    }
  }
}
