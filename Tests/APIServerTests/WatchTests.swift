import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct WatchTests {
  private static let path = ObjectTests.path

  @Test func aWatchTellsEachChangeOnceAndInOrder() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let list = try await admin.get(Self.path)
      let watch = try await admin.open(
        .GET, Self.path + "?watch=true&resourceVersion=\(list.json.resourceVersion)")
      #expect(try await watch.head().status == .ok)
      var object = try await admin.send(.POST, Self.path, ObjectTests.configMap("a")).json
      object["data"] = ["k": "v"]
      _ = try await admin.send(.PUT, Self.path + "/a", object)
      _ = try await admin.send(.DELETE, Self.path + "/a")
      var versions: [UInt64] = []
      for expected in ["ADDED", "MODIFIED", "DELETED"] {
        let event = try #require(try await watch.event())
        #expect(event.type == expected)
        #expect(event.object.name == "a")
        versions.append(try #require(UInt64(event.object.resourceVersion)))
      }
      // A deletion has a revision of its own.
      #expect(versions == versions.sorted() && Set(versions).count == 3)
      watch.close()
    }
  }

  @Test func anObjectThatComesToBeSelectedIsAdded() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let list = try await admin.get(Self.path)
      let watch = try await admin.open(
        .GET,
        Self.path
          + "?watch=true&labelSelector=on%3Dyes&resourceVersion=\(list.json.resourceVersion)")
      func label(_ value: JSONValue) async throws {
        _ = try await admin.send(
          .PATCH, Self.path + "/a", ["metadata": ["labels": ["on": value]]],
          contentType: "application/merge-patch+json")
      }
      _ = try await admin.send(.POST, Self.path, ObjectTests.configMap("a"))
      try await label("yes")
      try await label("no")
      try await label("yes")
      _ = try await admin.send(.DELETE, Self.path + "/a")
      var types: [String] = []
      while types.count < 4, let event = try await watch.event() { types.append(event.type) }
      #expect(types == ["ADDED", "DELETED", "ADDED", "DELETED"])
      watch.close()
    }
  }

  @Test func initialEventsEndWithAMark() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      _ = try await admin.send(.POST, Self.path, ObjectTests.configMap("a"))
      let watch = try await admin.open(
        .GET,
        Self.path
          + "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true"
          + "&resourceVersionMatch=NotOlderThan")
      let first = try #require(try await watch.event())
      #expect(first.type == "ADDED" && first.object.name == "a")
      let mark = try #require(try await watch.event())
      #expect(mark.type == "BOOKMARK")
      #expect(mark.object.annotations["k8s.io/initial-events-end"] == "true")
      _ = try await admin.send(.POST, Self.path, ObjectTests.configMap("b"))
      let next = try #require(try await watch.event())
      #expect(next.type == "ADDED" && next.object.name == "b")
      watch.close()
    }
  }

  @Test func aWatchEndsAtItsTimeout() async throws {
    try await TestServer.run { server in
      let response = try await server.admin.get(Self.path + "?watch=true&timeoutSeconds=1")
      #expect(response.status == 200)
      #expect(response.body.isEmpty)
    }
  }

  @Test func manyWatchersSeeTheSame() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      var watches: [TestStream] = []
      for _ in 0..<8 {
        let watch = try await admin.open(.GET, Self.path + "?watch=true")
        _ = try await watch.head()
        watches.append(watch)
      }
      for name in ["a", "b", "c"] {
        _ = try await admin.send(.POST, Self.path, ObjectTests.configMap(name))
      }
      for watch in watches {
        var names: [String] = []
        while names.count < 3, let event = try await watch.event() {
          names.append(event.object.name)
        }
        #expect(names == ["a", "b", "c"])
        watch.close()
      }
    }
  }

  @Test func aWatchOfTheFutureIsRefused() async throws {
    try await TestServer.run { server in
      let watch = try await server.admin.open(
        .GET, Self.path + "?watch=true&resourceVersion=99999999")
      let event = try #require(try await watch.event())
      #expect(event.type == "ERROR")
      #expect(event.object["code"]?.intValue == 504)
      watch.close()
    }
  }
}
