import JSONDocument
import Keyspace
import Testing

@testable import APIServer

/// Answers that commit nothing must not rest on a replica that is behind.
struct StaleReplicaTests {
  static let path = "/api/v1/namespaces/default/configmaps/a"

  private static func configMap(_ value: JSONValue) -> JSONValue {
    ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "a"], "data": ["k": value]]
  }

  /// Creates the object, holds the replica there, and lets `change` happen behind its back.
  private static func behind(
    _ change: @escaping @Sendable (TestServer, LaggingStore) async throws -> Void
  ) async throws {
    let kept = LockedBox<LaggingStore?>(nil)
    try await TestServer.run(
      store: { replica in
        let store = LaggingStore(replica)
        kept.value = store
        return store
      },
      body: { server in
        let created = try await server.admin.send(
          .POST, "/api/v1/namespaces/default/configmaps", configMap("1"))
        #expect(created.status == 201)
        try await change(server, try #require(kept.value))
      })
  }

  @Test func anUpdateThatSeemsToChangeNothingIsWrittenOverWhatCameBetween() async throws {
    try await Self.behind { server, store in
      store.hold()
      let between = try await server.admin.send(.PUT, Self.path, Self.configMap("2"))
      #expect(between.json["data"] == ["k": "2"])
      // The replica still shows the first value, which is the one that is put now.
      let last = try await server.admin.send(.PUT, Self.path, Self.configMap("1"))
      #expect(last.status == 200)
      #expect(try await server.admin.get(Self.path).json["data"] == ["k": "1"])
    }
  }

  @Test func aDeletionWithAPreconditionIsCheckedAgainstTheNewestState() async throws {
    try await Self.behind { server, store in
      store.hold()
      let updated = try await server.admin.send(.PUT, Self.path, Self.configMap("2")).json
      let gone = try await server.admin.send(
        .DELETE, Self.path,
        ["preconditions": ["resourceVersion": .string(updated.resourceVersion)]])
      #expect(gone.status == 200, "\(gone.text)")
    }
  }

  @Test func aConflictWithAnObjectThatIsGoneIsNotFound() async throws {
    try await Self.behind { server, store in
      let stale = try await server.admin.get(Self.path).json
      let updated = try await server.admin.send(.PUT, Self.path, Self.configMap("2"))
      #expect(updated.status == 200)
      store.hold()
      let gone = try await server.admin.send(.DELETE, Self.path, nil)
      #expect(gone.status == 200)
      var late = stale
      late.set("3", at: "data", "k")
      let answer = try await server.admin.send(.PUT, Self.path, late)
      #expect(answer.status == 404, "\(answer.text)")
    }
  }
}
