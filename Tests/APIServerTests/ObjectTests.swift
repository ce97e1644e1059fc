import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct ObjectTests {
  static func configMap(_ name: String, labels: JSONValue = [:], data: JSONValue = [:])
    -> JSONValue
  {
    [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": ["name": .string(name), "labels": labels], "data": data,
    ]
  }

  static let path = "/api/v1/namespaces/default/configmaps"

  @Test func anObjectLivesFromCreationToDeletion() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let created = try await admin.send(.POST, Self.path, Self.configMap("a"))
      #expect(created.status == 201)
      #expect(!created.json.uid.isEmpty)
      let version = created.json.resourceVersion
      #expect(Int(version) != nil)
      let read = try await admin.get(Self.path + "/a")
      #expect(read.status == 200)
      #expect(read.body == created.body)

      let again = try await admin.send(.POST, Self.path, Self.configMap("a"))
      #expect(again.status == 409)
      #expect(again.reason == "AlreadyExists")
      #expect(again.message == "configmaps \"a\" already exists")

      var changed = created.json
      changed["data"] = ["k": "v"]
      let updated = try await admin.send(.PUT, Self.path + "/a", changed)
      #expect(updated.status == 200)
      #expect(updated.json.resourceVersion != version)
      let stale = try await admin.send(.PUT, Self.path + "/a", changed)
      #expect(stale.status == 409)
      #expect(stale.reason == "Conflict")
      #expect(stale.message.contains("the object has been modified"))

      let deleted = try await admin.send(.DELETE, Self.path + "/a")
      #expect(deleted.status == 200)
      #expect(deleted.json["status"]?.stringValue == "Success")
      let gone = try await admin.get(Self.path + "/a")
      #expect(gone.status == 404)
      #expect(gone.message == "configmaps \"a\" not found")
    }
  }

  @Test func aWriteThatChangesNothingKeepsTheRevision() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let created = try await admin.send(
        .POST, Self.path, Self.configMap("a", data: ["k": "v"]))
      let put = try await admin.send(.PUT, Self.path + "/a", created.json)
      #expect(put.json.resourceVersion == created.json.resourceVersion)
      let patched = try await admin.send(
        .PATCH, Self.path + "/a", ["data": ["k": "v"]],
        contentType: "application/merge-patch+json")
      #expect(patched.status == 200)
      #expect(patched.json.resourceVersion == created.json.resourceVersion)
    }
  }

  @Test func theThreePatchesApply() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(.POST, Self.path, Self.configMap("a", data: ["k": "v", "l": "w"]))
      let merged = try await admin.send(
        .PATCH, Self.path + "/a", ["data": ["k": .null, "m": "x"]],
        contentType: "application/merge-patch+json")
      #expect(merged.json["data"] == ["l": "w", "m": "x"])
      let replaced = try await admin.send(
        .PATCH, Self.path + "/a", [["op": "replace", "path": "/data/l", "value": "y"]],
        contentType: "application/json-patch+json")
      #expect(replaced.json["data"] == ["l": "y", "m": "x"])
      let strategic = try await admin.send(
        .PATCH, Self.path + "/a", ["metadata": ["labels": ["a": "b"]]],
        contentType: "application/strategic-merge-patch+json")
      #expect(strategic.json.labels == ["a": "b"])
      let conflict = try await admin.send(
        .PATCH, Self.path + "/a", ["metadata": ["resourceVersion": "1", "labels": ["a": "c"]]],
        contentType: "application/merge-patch+json")
      #expect(conflict.status == 409)
      let unknown = try await admin.send(
        .PATCH, Self.path + "/a", [:], contentType: "application/other-patch+json")
      #expect(unknown.status == 415)
      let nameless = try await admin.send(
        .PATCH, Self.path + "/a", [:], contentType: "application/apply-patch+yaml")
      #expect(nameless.status == 422)
      let applied = try await admin.send(
        .PATCH, Self.path + "/a?fieldManager=alpha",
        ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "a"], "data": ["n": "1"]],
        contentType: "application/apply-patch+yaml")
      #expect(applied.json["data"] == ["l": "y", "m": "x", "n": "1"])
      let other = try await admin.send(
        .PATCH, Self.path + "/a?fieldManager=beta",
        ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "a"], "data": ["n": "2"]],
        contentType: "application/apply-patch+yaml")
      #expect(other.status == 409)
      #expect(
        other.json.at("details", "causes")?.arrayValue?.first?["reason"] == "FieldManagerConflict")
    }
  }

  @Test func concurrentPatchesAllTakeEffect() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(.POST, Self.path, Self.configMap("a"))
      try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<4 {
          group.addTask {
            try await admin.send(
              .PATCH, Self.path + "/a", ["data": .object(["k\(index)": "v"])],
              contentType: "application/merge-patch+json"
            ).status
          }
        }
        for try await status in group { #expect(status == 200) }
      }
      let read = try await admin.get(Self.path + "/a")
      #expect(read.json["data"]?.objectValue?.count == 4)
    }
  }

  @Test func generatedNamesDifferAndDryRunsLeaveNothing() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      var object = Self.configMap("")
      object["metadata"] = ["generateName": "gen-"]
      let first = try await admin.send(.POST, Self.path, object)
      let second = try await admin.send(.POST, Self.path, object)
      #expect(first.status == 201 && second.status == 201)
      #expect(first.json.name.hasPrefix("gen-") && first.json.name.count == 9)
      #expect(first.json.name != second.json.name)
      let dry = try await admin.send(.POST, Self.path + "?dryRun=All", Self.configMap("dry"))
      #expect(dry.status == 201)
      #expect(dry.json["metadata"]?["resourceVersion"] == nil)
      #expect(try await admin.get(Self.path + "/dry").status == 404)
    }
  }

  @Test func finalizersAndPreconditionsHoldADeletion() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      var object = Self.configMap("a")
      object.set(["example.com/hold"], at: "metadata", "finalizers")
      _ = try await admin.send(.POST, Self.path, object)
      let refused = try await admin.send(
        .DELETE, Self.path + "/a", ["preconditions": ["uid": "another"]])
      #expect(refused.status == 409)
      let deleted = try await admin.send(.DELETE, Self.path + "/a")
      #expect(deleted.status == 200)
      #expect(deleted.json.isBeingDeleted)
      #expect(try await admin.get(Self.path + "/a").status == 200)
      let freed = try await admin.send(
        .PATCH, Self.path + "/a", ["metadata": ["finalizers": .null]],
        contentType: "application/merge-patch+json")
      #expect(freed.status == 200)
      #expect(try await admin.get(Self.path + "/a").status == 404)
    }
  }

  @Test func pagesOfAListAreOfOneRevision() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      for name in ["a", "b", "c", "d", "e"] {
        _ = try await admin.send(.POST, Self.path, Self.configMap(name, labels: ["x": "y"]))
      }
      let first = try await admin.get(Self.path + "?limit=2&labelSelector=x%3Dy")
      #expect(first.json["items"]?.arrayValue?.map(\.name) == ["a", "b"])
      let token = first.json["metadata"]?["continue"]?.stringValue ?? ""
      #expect(!token.isEmpty)
      _ = try await admin.send(.DELETE, Self.path + "/d")
      _ = try await admin.send(.POST, Self.path, Self.configMap("cc", labels: ["x": "y"]))
      let second = try await admin.get(
        Self.path + "?limit=10&labelSelector=x%3Dy&continue=\(token)")
      #expect(second.json["items"]?.arrayValue?.map(\.name) == ["c", "d", "e"])
      #expect(second.json.resourceVersion == first.json.resourceVersion)
      let wrong = try await admin.get(Self.path + "?continue=nonsense")
      #expect(wrong.status == 400)
      let future = try await admin.get(Self.path + "?resourceVersion=99999999")
      #expect(future.status == 504)
    }
  }

  @Test func everyWriteSaysWhoAndWhy() async throws {
    try await TestServer.run { server in
      let admin = server.admin.with("Taffrail-Cause", "7")
      let sink = RecordingSink()
      let handle = try server.replica.watch(
        prefix: .init("configmaps/"), after: server.replica.current().revision, sink: sink)
      _ = try await admin.send(.POST, Self.path, Self.configMap("a"))
      _ = try await admin.with("Impersonate-User", "eve").with(
        "Impersonate-Group", "system:masters"
      )
      .send(
        .PATCH, Self.path + "/a", ["data": ["k": "v"]],
        contentType: "application/merge-patch+json")
      let events = await sink.wait(count: 2)
      handle.cancel()
      #expect(events.map(\.provenance.verb) == ["create", "patch"])
      #expect(events.map(\.provenance.user) == ["kubernetes-admin", "eve"])
      #expect(events.map(\.provenance.impersonator) == ["", "kubernetes-admin"])
      #expect(events.map(\.provenance.agent) == ["taffrail-test/1", "taffrail-test/1"])
      #expect(events.map(\.provenance.cause) == [7, 7])
      #expect(events.allSatisfy { $0.requestID != 0 })
    }
  }
}
